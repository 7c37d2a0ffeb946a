//! One try of a commit that may lose a race.

use bytes::Bytes;

use crate::{
    error::Refusal,
    store::{Commit, Committed, Store, StoreError},
};

/// What became of one try.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is on disk.
    Done,
    /// It was done before, with this answer.
    Repeated(Bytes),
    /// Somebody was faster: wait, read again, decide again.
    Again,
}

/// Commits.
///
/// # Errors
///
/// All of the store's but conflicts.
pub(crate) async fn settle(store: &dyn Store, commit: Commit) -> Result<Settled, Refusal> {
    match store.commit(commit).await {
        Ok(Committed::Done { .. }) => Ok(Settled::Done),
        Ok(Committed::Repeated { answer }) => Ok(Settled::Repeated(answer)),
        Err(StoreError::Conflict { .. }) => Ok(Settled::Again),
        Err(error) => Err(error.into()),
    }
}
