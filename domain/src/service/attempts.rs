//! Commits that lose a race are made anew, a bounded number of times.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    error::Refusal,
    store::{Commit, Committed, Store, StoreError},
};

/// How often a command is decided anew because another replica was faster.
pub(crate) const ATTEMPTS_MAX: u32 = 12;

/// What became of one attempt.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is on disk.
    Done,
    /// It was done before, with this answer.
    Repeated(Bytes),
    /// Somebody was faster: read again, decide again.
    Again,
}

/// Commits. Where somebody was faster, it waits a little, so that the two do not go on side by side.
pub(crate) async fn settle(
    store: &dyn Store,
    commit: Commit,
    attempt: u32,
) -> Result<Settled, Refusal> {
    match store.commit(commit).await {
        Ok(Committed::Done { .. }) => Ok(Settled::Done),
        Ok(Committed::Repeated { answer }) => Ok(Settled::Repeated(answer)),
        Err(StoreError::Conflict { .. }) => {
            tokio::time::sleep(Duration::from_millis(u64::from(attempt))).await;
            Ok(Settled::Again)
        }
        Err(error) => Err(error.into()),
    }
}

/// Somebody was faster every time.
pub(crate) fn contended() -> Refusal {
    Refusal::Unavailable { retry_after: Duration::from_secs(1) }
}
