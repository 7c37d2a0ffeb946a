//! What a shared log needs of what is between the replicas: channel, stream, a few numbers.

use std::fmt;

use bytes::Bytes;
use crier_protocol::Pid;

use super::super::Epoch;
use crate::adapter::BoxFuture;

/// It cannot be reached, or answers nothing that makes sense. What was on its way may have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

/// The channel, the stream and the numbers.
pub(super) trait Wire: fmt::Debug + Send + Sync {
    /// Begins to listen: everything that is said from now on is heard.
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Ear>, Away>>;

    /// Says what was seen last, and hears what holds: where events were lost since, a new epoch.
    fn greet(&self, seen: Option<Seen>) -> BoxFuture<'_, Result<Greeting, Away>>;

    /// The events of the stream after a number, the first ones of them, in their order.
    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Record>, Away>>;

    /// Tells everybody the epoch and the number of the newest event as they are, and gives them back.
    fn tick(&self) -> BoxFuture<'_, Result<(Epoch, u64), Away>>;
}

/// What comes over the channel, in its order.
pub(super) trait Ear: Send {
    /// The next; `None` once the connection is lost.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    fn hear(&mut self) -> BoxFuture<'_, Option<Heard>>;
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) said: Said,
    /// Something before it was dropped, since it was not taken in time.
    pub(super) lost: bool,
}

/// What is said on the channel. Everything is checked to be ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// An event of the log.
    Logged(Record),
    /// An event that is kept nowhere.
    Ephemeral(Bytes),
    /// How far the log is.
    Tick { epoch: Epoch, number: u64, mine: bool },
    /// A session has a socket elsewhere, of this generation.
    Kick { pid: Pid, generation: u64 },
    /// None of ours.
    Foreign,
}

/// One event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: u64,
    /// When it was written, by the log's clock: ms since 1970.
    pub(super) time: u64,
    /// The event; `None` where it is not ours.
    pub(super) body: Option<Bytes>,
}

/// The newest event that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) epoch: Epoch,
    pub(super) number: u64,
    pub(super) time: u64,
}

/// How the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) epoch: Epoch,
    /// The newest event; 0 before the first.
    pub(super) head: u64,
    /// The oldest that is kept; `head + 1` where none is.
    pub(super) oldest: u64,
    /// By the log's clock: ms since 1970.
    pub(super) now: u64,
    /// The event that was seen last is the same there.
    pub(super) same: bool,
}
