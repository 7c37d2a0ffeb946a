//! The channels that a user has subscribed to, for the next connect (contract, section 3).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::Deps;
use crate::{
    clock::Clock,
    error::Refusal,
    identity::UserId,
    store::{Commit, Expect, Key, Record, Store, StoreError, Write},
};

/// Channels remembered a user. Overflow: the one subscribed to longest ago is forgotten.
pub const CHANNELS_MAX: usize = 256;

/// How long a channel is remembered from the last time that it was subscribed to.
pub const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A channel is not written again sooner than this: clients subscribe anew with every connect.
const FRESH_MS: u64 = 24 * 60 * 60 * 1_000;

/// Tries where two sockets of a user subscribe at once. More than a browser has tabs at it.
const TRIES: usize = 16;

/// The version of the record's schema, its first byte; JSON follows.
const VERSION: u8 = 1;

/// What users have subscribed to. One record a user.
#[derive(Debug)]
pub struct Subscriptions {
    store: Arc<dyn Store>,
    clock: Clock,
}

/// A channel and when it was last subscribed to, in milliseconds since 1970. The newest is last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    channel: String,
    at: u64,
}

impl Subscriptions {
    /// Subscriptions over these parts.
    pub fn new(deps: &Deps) -> Self {
        Self { store: Arc::clone(&deps.store), clock: deps.clock.clone() }
    }

    /// Remembers a channel.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn add(&self, user: &UserId, channel: &str) -> Result<(), Refusal> {
        let now = self.clock.unix_ms();
        self.change(user, |all| {
            let known = all.iter().position(|one| one.channel == channel);
            if let Some(at) = known {
                if all.get(at).is_some_and(|one| now.saturating_sub(one.at) < FRESH_MS) {
                    return false;
                }
                all.remove(at);
            }
            all.push(Remembered { channel: channel.to_owned(), at: now });
            let over = all.len().saturating_sub(CHANNELS_MAX);
            all.drain(..over);
            true
        })
        .await
    }

    /// Forgets a channel.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn remove(&self, user: &UserId, channel: &str) -> Result<(), Refusal> {
        self.change(user, |all| {
            let before = all.len();
            all.retain(|one| one.channel != channel);
            all.len() != before
        })
        .await
    }

    /// The channels of a user, in the order in which they were subscribed to.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn list(&self, user: &UserId) -> Result<Vec<String>, Refusal> {
        let record = self.store.get(key(user)).await?;
        let all = self.read(record.as_ref())?;
        Ok(all.into_iter().map(|one| one.channel).collect())
    }

    async fn change(
        &self,
        user: &UserId,
        change: impl Fn(&mut Vec<Remembered>) -> bool,
    ) -> Result<(), Refusal> {
        for _ in 0..TRIES {
            let record = self.store.get(key(user)).await?;
            let mut all = self.read(record.as_ref())?;
            if !change(&mut all) {
                return Ok(());
            }
            let expect = Expect::unchanged(record.as_ref());
            let write = match all.last() {
                None => Write::delete(key(user), expect),
                Some(newest) => {
                    let until = newest.at.saturating_add(remembered_ms());
                    Write::put_until(key(user), expect, written(&all)?, until)
                }
            };
            match self.store.commit(Commit { writes: vec![write], ..Commit::default() }).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Unavailable { retry_after: Duration::from_secs(1) })
    }

    /// What a record says, without what is too old.
    fn read(&self, record: Option<&Record>) -> Result<Vec<Remembered>, Refusal> {
        let Some(record) = record else { return Ok(Vec::new()) };
        let mut all: Vec<Remembered> = match record.value.split_first() {
            Some((&VERSION, json)) => {
                serde_json::from_slice(json).map_err(|_| StoreError::Damaged)?
            }
            _ => return Err(StoreError::Damaged.into()),
        };
        let now = self.clock.unix_ms();
        all.retain(|one| now.saturating_sub(one.at) < remembered_ms());
        Ok(all)
    }
}

fn written(all: &[Remembered]) -> Result<Vec<u8>, StoreError> {
    let mut value = vec![VERSION];
    serde_json::to_writer(&mut value, all).map_err(|_| StoreError::Refused("channels"))?;
    Ok(value)
}

fn remembered_ms() -> u64 {
    u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX)
}

fn key(user: &UserId) -> Key {
    Key::of("subscriptions").text(user.as_str())
}
