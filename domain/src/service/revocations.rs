//! Tokens that are refused though they are valid: `POST /api/users/{id}/revoke`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crier_protocol::Namespace;

use super::Deps;
use crate::{
    clock::Clock,
    cluster::{Action, Cluster, Order, Reached},
    error::Refusal,
    identity::{Identity, UserId},
    store::{Commit, Expect, Key, Store, StoreError, Write},
};

/// The namespaces that users are in.
const NAMESPACES: [&str; 3] = ["/", "/presence", "/chat"];

/// Bytes of a namespace's name; ours are shorter.
const NAMESPACE_BYTES_MAX: usize = 128;

/// The version of the record's schema, its first byte; the time of the call follows, 8 bytes.
const VERSION: u8 = 1;

/// Whose tokens are refused, and from which time on they are good again.
///
/// One record a user who was ever revoked, kept for good: nobody knows how long the tokens live that
/// the issuer has handed out, and one without `iat` has to be refused as long as it is valid.
#[derive(Debug)]
pub struct Revocations {
    store: Arc<dyn Store>,
    cluster: Arc<dyn Cluster>,
    clock: Clock,
    made: AtomicU64,
}

impl Revocations {
    /// Revocations over these parts.
    pub fn new(deps: &Deps) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            cluster: Arc::clone(&deps.cluster),
            clock: deps.clock.clone(),
            made: AtomicU64::new(0),
        }
    }

    /// Refuses every token of a user that was made up to now, or does not say when, and ends the
    /// user's sockets.
    ///
    /// # Errors
    ///
    /// The store's; nothing has happened then.
    pub async fn revoke(&self, user: &UserId) -> Result<Reached, Refusal> {
        let before = self.clock.unix_ms() / 1_000;
        let mut record = vec![VERSION];
        record.extend_from_slice(&before.to_be_bytes());
        let write = Write::put(key(user), Expect::Anything, record);
        self.store.commit(Commit { writes: vec![write], ..Commit::default() }).await?;
        // Before the orders: who is let in while they are carried out looks again.
        self.made.fetch_add(1, Ordering::AcqRel);
        let mut reached = Reached::default();
        for namespace in NAMESPACES {
            let Some(namespace) = Namespace::parse(namespace, NAMESPACE_BYTES_MAX) else {
                continue;
            };
            let action = Action::Disconnect { close: false, reason: "revoked" };
            let order = Order { namespace, rooms: Vec::new(), user: Some(user.clone()), action };
            let here = self.cluster.order(order).await;
            reached.matched += here.matched;
            reached.missing.extend(here.missing);
        }
        reached.missing.sort();
        reached.missing.dedup();
        Ok(reached)
    }

    /// Whether a token that was verified is refused all the same.
    ///
    /// # Errors
    ///
    /// The store's: then nobody knows, and the token is not to be taken.
    pub async fn is_revoked(&self, identity: &Identity) -> Result<bool, Refusal> {
        let Some(record) = self.store.get(key(&identity.user)).await? else {
            return Ok(false);
        };
        let before = match record.value.split_first() {
            Some((&VERSION, time)) => <[u8; 8]>::try_from(time).ok().map(u64::from_be_bytes),
            _ => None,
        };
        Ok(identity.is_revoked_by(before.ok_or(StoreError::Damaged)?))
    }

    /// How many revocations this process has made. Who lets somebody in looks before and after; where
    /// it changed in between, the token has to be looked at again.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }
}

fn key(user: &UserId) -> Key {
    Key::of("revocations").text(user.as_str())
}
