//! What can go wrong when something is sent, and what comes back.

use crier_protocol::socket::{Args, EncodeError};

/// Why a packet was not sent.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The value cannot be written, or the event's name is reserved.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket has gone.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The client is too slow: its outbox is full, and its session is being closed.
    #[error("the client's outbox is full")]
    Overflow,
    /// The log of the cluster cannot be reached, and as much waits for it as may.
    #[error("as many events wait for the log of the cluster as may")]
    Overloaded,
}

/// Why no acknowledgement came.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// No answer in time.
    #[error("the client did not acknowledge in time")]
    Timeout,
    /// The client left before it answered.
    #[error("the client disconnected before it acknowledged")]
    Disconnected,
    /// As many acknowledgements are awaited of the socket as may be.
    #[error("{max} acknowledgements of this client are awaited already")]
    TooMany {
        /// The cap.
        max: usize,
    },
}

/// What came back from a broadcast.
#[derive(Clone, Debug, Default)]
pub struct Acks {
    /// The answers, in the order they came.
    pub answers: Vec<Args>,
    /// Sockets that were asked.
    pub asked: usize,
    /// Replicas that did not answer in time: theirs are neither asked nor among the answers.
    pub missing: Vec<String>,
    /// A replica had more answers than may come: some are left out.
    pub truncated: bool,
}

impl Acks {
    /// Whether everyone who was asked has answered.
    pub fn is_complete(&self) -> bool {
        self.answers.len() == self.asked && self.missing.is_empty()
    }
}
