//! What whoever asks has to know: who should answer, and what comes before.

use std::{fmt, pin::Pin};

use crate::redis::RedisError;

/// The names of the replicas that should answer now, without the asker's own.
pub type Names<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, RedisError>> + Send + 'a>>;

/// Who should answer.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Every replica with a lease but the asker's own.
    fn expected(&self) -> Names<'_>;
}

/// A place in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which life of the log.
    pub epoch: String,
    /// The number of an event, and everything before.
    pub number: u64,
}

/// The order of events in this process.
pub trait Line: fmt::Debug + Send + Sync {
    /// Waits until what was published here before is in Redis. `marked`: the newest event of the log is
    /// one behind all of that, also behind what is in no log.
    fn flushed(&self, marked: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Waits until everybody here has got the events up to a mark.
    fn reached(&self, mark: Mark) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
