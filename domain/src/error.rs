//! The one refusal: what went wrong for a caller, rendered by each edge in its own words.

use std::time::Duration;

use crate::room::RoomName;

/// Why something that a client or a backend asked for is not done. Nothing was changed.
///
/// `Display` is the sentence that the socket apps put into `{ error }`; [`Refusal::code`] is the
/// word for `error` events and the sidecar's bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is known to ask, and somebody has to be.
    #[error("Unauthorized")]
    Unauthorized,
    /// The asker is known and may not be in the room.
    #[error("Access denied")]
    AccessDenied {
        /// The room asked for.
        room: RoomName,
    },
    /// `subscribe` names a channel that does not exist.
    #[error("Unknown channel")]
    UnknownChannel,
    /// No event of this name is taken in this direction.
    #[error("Unknown event")]
    UnknownEvent {
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A value has the wrong shape.
    #[error("{path}: {message}")]
    Invalid {
        /// Where: field names and indices joined by dots.
        path: String,
        /// What is wrong with it, without the rest of the input.
        message: String,
    },
    /// Too many in too short a time.
    #[error("Rate limit exceeded")]
    RateLimited {
        /// When the next try can succeed.
        retry_after: Duration,
    },
    /// Something that the answer depends on is away.
    #[error("Service unavailable")]
    Unavailable {
        /// When a next try makes sense.
        retry_after: Duration,
    },
}

impl Refusal {
    /// The refusal as one word in capitals, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::AccessDenied { .. } => "ACCESS_DENIED",
            Self::UnknownChannel => "UNKNOWN_CHANNEL",
            Self::UnknownEvent { .. } => "UNKNOWN_EVENT",
            Self::Invalid { .. } => "VALIDATION_ERROR",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Unavailable { .. } => "UNAVAILABLE",
        }
    }
}
