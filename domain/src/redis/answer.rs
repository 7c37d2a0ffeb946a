//! What Redis says when it does not do it.

use std::{fmt, time::Duration};

use ::redis::{ErrorKind, FromRedisValue, RedisError as Fault, Value};

/// Why Redis did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// It cannot be reached, does not answer in time, or does not take commands now (loading, read-only,
    /// disk or memory full, failover). A command that was on its way may have been done.
    #[error("Redis is unavailable")]
    Unavailable {
        /// When a next try makes sense.
        retry_after: Duration,
    },
    /// It answered with an error, or something else than was expected: a fault of ours or of its
    /// settings.
    #[error("Redis answered {0}")]
    Answer(Answer),
}

/// An answer of Redis that says that it did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its first word, such as `NOPERM`.
    pub code: String,
    /// The rest of it.
    pub message: String,
}

impl RedisError {
    /// Not to be had now.
    pub(super) const UNAVAILABLE: Self = Self::Unavailable { retry_after: Duration::from_secs(1) };

    /// Something else was answered than was asked for.
    pub(super) fn unexpected(message: &str) -> Self {
        Self::Answer(Answer { code: "UNEXPECTED".to_owned(), message: message.to_owned() })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Codes by which Redis says that it does nothing now.
const NOT_NOW: [&str; 11] = [
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "MISCONF",
    "OOM",
    "NOREPLICAS",
    "MOVED",
    "ASK",
];

/// Whether an error says that nothing was done, and may be tried again.
pub(super) fn is_not_now(code: &str) -> bool {
    NOT_NOW.contains(&code)
}

pub(super) fn told(fault: &Fault) -> RedisError {
    match fault.code() {
        Some(code) if is_not_now(code) => {
            tracing::debug!(code, "Redis does not take commands now");
            RedisError::UNAVAILABLE
        }
        Some(code) => RedisError::Answer(Answer {
            code: code.to_owned(),
            message: fault.detail().unwrap_or_default().to_owned(),
        }),
        None => match fault.kind() {
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => RedisError::Answer(Answer {
                code: "UNEXPECTED".to_owned(),
                message: fault.to_string(),
            }),
            _ => {
                tracing::debug!(%fault, "Redis was not reached");
                RedisError::UNAVAILABLE
            }
        },
    }
}

pub(super) fn convert<T: FromRedisValue>(value: Value) -> Result<T, RedisError> {
    let value = value.extract_error().map_err(|fault| told(&fault))?;
    T::from_redis_value(value).map_err(|error| {
        RedisError::Answer(Answer { code: "UNEXPECTED".to_owned(), message: error.to_string() })
    })
}
