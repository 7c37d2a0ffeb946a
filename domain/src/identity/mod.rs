//! Who is asking: from a token to an [`Identity`].
//!
//! ```text
//!   "Bearer x.y.z" ─▶ size, shape ─▶ header: algorithm, kid ─▶ key ─▶ signature ─▶ claims ─▶ Identity
//!                                         nothing of the claims is read before ┘
//! ```
//!
//! Which algorithms are taken follows from the configured keys alone. No part of a token makes Crier
//! open a connection or a file.

mod claims;
mod keys;
mod mint;
mod person;
mod user;
mod verifier;

pub use claims::{Identity, Role, UserType};
pub use keys::{DEVELOPMENT_CLUSTER_SECRET, DEVELOPMENT_SECRET, KeyError, Keys, SECRET_BYTES_MIN};
pub use mint::mint;
pub use person::Person;
pub use user::{USER_ID_BYTES_MAX, UserId};
pub use verifier::{TOKEN_BYTES_MAX, TokenError, Verifier, VerifierOptions};

/// What a connection without a valid token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// Refused. The default once a key is configured.
    #[default]
    Required,
    /// An anonymous socket; the default with the development key.
    Optional,
    /// Tokens are not asked for: the first user id that a client claims is its own.
    Off,
}

impl AuthMode {
    /// Takes the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "required" => Some(Self::Required),
            "optional" => Some(Self::Optional),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Off => "off",
        }
    }
}
