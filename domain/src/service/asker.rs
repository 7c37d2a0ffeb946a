//! Who asks a service for something that staff may do too.

use crate::identity::{Identity, Role, UserId};

/// A user, or a backend that showed its key and is no user.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A backend with a key of the configuration. It may what the role `service` may.
    Backend,
    /// The holder of a token.
    User(&'a Identity),
}

impl<'a> Asker<'a> {
    /// Whether this one acts for the shop: a key, or the role `service` or `admin`.
    pub fn is_staff(self) -> bool {
        match self {
            Self::Backend => true,
            Self::User(identity) => matches!(identity.role, Role::Service | Role::Admin),
        }
    }

    /// The user, if it is one.
    pub fn user(self) -> Option<&'a UserId> {
        match self {
            Self::Backend => None,
            Self::User(identity) => Some(&identity.user),
        }
    }
}

impl<'a> From<&'a Identity> for Asker<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self::User(identity)
    }
}
