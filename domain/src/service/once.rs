//! Exactly once: a client's retry of the same thing is recognised by the id that the client gave it.

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    clock::Clock,
    error::Refusal,
    store::{Claim, Commit, Committed, Expect, Key, Store, StoreError, Write},
};

/// How long a repetition is recognised: 24 hours (contract, section 8).
pub const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// Bytes of a `clientId`.
const CLIENT_ID_BYTES_MAX: usize = 64;

/// Names one doing of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    key: String,
    fingerprint: [u8; 32],
}

impl Once {
    /// The doing that a client named: unique for the person and the id, whatever the event; the same id for
    /// another event or payload is refused as used.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] at `clientId` where it is empty or over 64 bytes.
    pub fn of_client(
        namespace: &str,
        person: &str,
        event: &str,
        client_id: &str,
        payload: &impl Serialize,
    ) -> Result<Self, Refusal> {
        if !(1..=CLIENT_ID_BYTES_MAX).contains(&client_id.len()) {
            return Err(Refusal::Invalid {
                path: "clientId".to_owned(),
                message: format!("expected 1 to {CLIENT_ID_BYTES_MAX} bytes"),
            });
        }
        let payload = serde_json::to_string(payload).unwrap_or_default();
        // Lengths keep the parts apart: no id can be chosen to look like another user's.
        let key =
            format!("client:{}:{namespace}:{}:{person}:{client_id}", namespace.len(), person.len());
        Ok(Self { key: short(key), fingerprint: hash([event, &payload]) })
    }

    /// The publishing that a backend named.
    pub fn of_backend(key: &str, fingerprint: [u8; 32]) -> Self {
        Self { key: short(format!("publish:{key}")), fingerprint }
    }

    /// What this doing was answered with, if it was done before. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Claimed`] where the id was used for something else; the store's.
    pub async fn answered(
        &self,
        store: &dyn Store,
        clock: &Clock,
    ) -> Result<Option<Bytes>, StoreError> {
        // No record has version 0, so without a claim of that name the commit comes to nothing; with
        // one, a store looks no further.
        let never = Write::check(Key::of("never"), Expect::Version(0));
        let claim = Some(self.clone().claim(Bytes::new(), clock));
        let commit = Commit { claim, writes: vec![never], events: Vec::new() };
        match store.commit(commit).await {
            Ok(Committed::Repeated { answer }) => Ok(Some(answer)),
            Ok(Committed::Done { .. }) | Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The claim on the store, with the answer that repetitions get.
    pub fn claim(self, answer: impl Into<Bytes>, clock: &Clock) -> Claim {
        Claim {
            key: self.key,
            fingerprint: self.fingerprint,
            answer: answer.into(),
            expires_at: clock.unix_ms() + REMEMBERED_MS,
        }
    }
}

/// What became of something that is done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done now.
    Done(T),
    /// It had been done before: the answer of that time, as JSON.
    Repeated(Bytes),
}

/// Hashes texts so that no two lists of them run together.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Does something that a client may have named. The answer of the first time comes before anything is
/// looked at that may have changed since: the limit, the last piece in stock, the chat that one has left.
///
/// # Errors
///
/// [`Refusal::Conflict`] where the name was used for something else; those of the doing.
pub(super) async fn once<T>(
    name: Option<&Once>,
    store: &dyn Store,
    clock: &Clock,
    doing: impl Future<Output = Result<Outcome<T>, Refusal>>,
) -> Result<Outcome<T>, Refusal> {
    let Some(name) = name else {
        return doing.await;
    };
    if let Some(answer) = name.answered(store, clock).await? {
        return Ok(Outcome::Repeated(answer));
    }
    match doing.await {
        // Another try may have done it while this one was at it.
        Err(refusal) => match name.answered(store, clock).await? {
            Some(answer) => Ok(Outcome::Repeated(answer)),
            None => Err(refusal),
        },
        done => done,
    }
}

/// A key of bounded length: ids of users may be long.
fn short(key: String) -> String {
    if key.len() <= 256 {
        return key;
    }
    let digest = hash([key.as_str()]);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hashed:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doing_is_named_by_person_and_id() {
        let once = |person: &str, id: &str, payload: &str| {
            Once::of_client("/", person, "message", id, &payload).unwrap()
        };
        assert_eq!(once("a", "1", "x"), once("a", "1", "x"));
        assert_ne!(once("a", "1", "x").key, once("b", "1", "x").key);
        assert_ne!(once("a", "1:b", "x").key, once("a:1", "b", "x").key);
        assert_eq!(once("a", "1", "x").key, once("a", "1", "y").key);
        assert_ne!(once("a", "1", "x"), once("a", "1", "y"));
        let long = "x".repeat(65);
        for id in ["", &long] {
            let refused = Once::of_client("/", "a", "message", id, &());
            assert!(matches!(refused, Err(Refusal::Invalid { path, .. }) if path == "clientId"));
        }
    }
}
