//! Why an event is not published.

use crate::{error::Refusal, publish::ArgsError};

/// Why an event is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No app that is on has this event.
    #[error("unknown event{}", suggestion(.nearest))]
    Unknown {
        /// The publishable name that is most like it, or that says what is meant.
        nearest: Option<&'static str>,
    },
    /// Crier sends it itself, or clients do.
    #[error("the event cannot be published")]
    NotPublishable,
    /// The payload has the wrong shape.
    #[error("{path}: {message}")]
    Invalid {
        /// Where in the payload; empty = all of it.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A parameter is missing or wrong.
    #[error("params.{path} {message}")]
    Params {
        /// Its name.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The payload has more bytes than are taken.
    #[error("the payload has more than {max} bytes")]
    TooLarge {
        /// The most that are.
        max: usize,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

impl From<ArgsError> for CatalogueError {
    fn from(error: ArgsError) -> Self {
        Self::Invalid { path: String::new(), message: error.to_string() }
    }
}

impl From<CatalogueError> for Refusal {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Unknown { nearest } => Self::UnknownEvent { nearest },
            CatalogueError::NotPublishable => Self::UnknownEvent { nearest: None },
            CatalogueError::Invalid { path, message } => Self::Invalid { path, message },
            CatalogueError::Params { path, message } => {
                Self::Invalid { path: format!("params.{path}"), message }
            }
            CatalogueError::TooLarge { .. } => {
                Self::Invalid { path: String::new(), message: error.to_string() }
            }
        }
    }
}
