//! The one refusal: what went wrong for a caller, rendered by each edge in its own words.

use std::time::Duration;

use crate::{publish::BusError, room::RoomName, store::StoreError};

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
    #[error("{}", located(.path, .message))]
    Invalid {
        /// Where: field names and indices joined by dots; empty = all of it.
        path: String,
        /// What is wrong with it, without the rest of the input.
        message: String,
    },
    /// What is asked for makes no sense as a whole: not a wrong shape, but a wrong wish.
    #[error("{message}")]
    Unfit {
        /// The field that it is about; empty = all of it.
        path: &'static str,
        /// What is wrong.
        message: String,
    },
    /// There is no such thing, or none that the asker may know of.
    #[error("{what} not found")]
    NotFound {
        /// Which kind: `Order`, `Chat`, `User`.
        what: &'static str,
    },
    /// The asker is known, the thing is there, and the asker may not.
    #[error("{message}")]
    Forbidden {
        /// The word for programs: `FORBIDDEN`, `EDIT_WINDOW_EXPIRED`.
        code: &'static str,
        /// A sentence.
        message: &'static str,
    },
    /// It does not go with what there is: the id was used for something else, a step is not possible.
    #[error("{message}")]
    Conflict {
        /// A sentence.
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

/// A message behind the place that it is about.
fn located(path: &str, message: &str) -> String {
    if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") }
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
            Self::Unfit { .. } => "BAD_REQUEST",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Forbidden { code, .. } => code,
            Self::Conflict { .. } => "CONFLICT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Unavailable { .. } => "UNAVAILABLE",
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Claimed => Self::Conflict { message: error.to_string() },
            StoreError::Unavailable { retry_after } => Self::Unavailable { retry_after },
            StoreError::Conflict { .. } | StoreError::Refused(_) | StoreError::Damaged => {
                tracing::error!(%error, "the store did not do what it was asked for");
                Self::Unavailable { retry_after: Duration::from_secs(1) }
            }
        }
    }
}

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Conflict => Self::Conflict { message: error.to_string() },
            BusError::Unavailable { retry_after } | BusError::Overloaded { retry_after } => {
                Self::Unavailable { retry_after }
            }
        }
    }
}
