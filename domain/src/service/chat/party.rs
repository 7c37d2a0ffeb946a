//! Who takes part in chats, and who acts.

use std::{fmt, future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{
    error::Refusal,
    identity::{Identity, Role, UserId, UserType},
};

/// Somebody who can be in a chat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// A user of the marketplace.
    User(UserId),
    /// A person of vendor-chat, whose sides count their ids apart.
    Side(UserType, UserId),
    /// The support pool, that every `agent` and `admin` stands for.
    Support,
}

/// The id that the support pool is shown under.
pub const SUPPORT: &str = "support";

impl Party {
    /// The user's id, whatever the side; none of the pool.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) | Self::Side(_, user) => Some(user),
            Self::Support => None,
        }
    }

    /// The id that clients are shown.
    pub fn shown(&self) -> UserId {
        // The word is a legal id, so the other branch is never taken.
        let pool = || UserId::parse(SUPPORT).unwrap_or_else(|| 0_u64.into());
        self.user().cloned().unwrap_or_else(pool)
    }

    /// The part of a key: no two parties of one dialect share it. No user's id has the pool's first
    /// character.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Support => format!("\u{1}{SUPPORT}"),
            Self::User(_) | Self::Side(..) => self.to_string(),
        }
    }
}

impl fmt::Display for Party {
    /// The text of presence and limits: `5`, `CUSTOMER:5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Side(side, user) => write!(f, "{}:{user}", side.as_str()),
            Self::Support => f.write_str(SUPPORT),
        }
    }
}

/// Somebody who does something in a chat.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// Who.
    pub party: Party,
    /// What they may do.
    pub role: Role,
    /// The name that others are shown, from the token.
    pub name: Option<String>,
    /// The picture that others are shown, from the token.
    pub avatar: Option<String>,
    /// Whose messages a minute are counted: the person of vendor-chat where the token names a side, so
    /// that the sidecar's messages and `sendMessage` are counted together.
    pub(super) counted: String,
}

impl Actor {
    /// A user of the marketplace.
    pub fn user(identity: &Identity) -> Self {
        Self::new(identity, Party::User(identity.user.clone()))
    }

    /// A person of vendor-chat; `None` where the token names no side.
    pub fn person(identity: &Identity) -> Option<Self> {
        let party = Party::Side(identity.user_type?, identity.user.clone());
        Some(Self::new(identity, party))
    }

    fn new(identity: &Identity, party: Party) -> Self {
        let user = &identity.user;
        let counted = match identity.user_type {
            Some(side) => Party::Side(side, user.clone()).to_string(),
            None => user.to_string(),
        };
        let Identity { role, name, avatar, .. } = identity;
        Self { party, role: *role, name: name.clone(), avatar: avatar.clone(), counted }
    }

    /// Whether it stands for the support pool.
    pub(super) fn is_staff(&self) -> bool {
        matches!(self.party, Party::User(_)) && matches!(self.role, Role::Agent | Role::Admin)
    }

    /// Whether it may write messages of type `system`.
    pub(super) fn is_backend(&self) -> bool {
        matches!(self.role, Role::Service | Role::Admin)
    }
}

/// What is known of somebody, to be shown beside their messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The name.
    pub name: Option<String>,
    /// Where the picture is.
    pub avatar: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
}

/// A future of the object-safe [`Directory`].
pub type DirectoryFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// Who is known, as far as chats ask.
pub trait Directory: fmt::Debug + Send + Sync {
    /// Whether there may be such a one: known, or nobody is known at all.
    fn may_exist<'a>(&'a self, party: &'a Party) -> DirectoryFuture<'a, bool>;

    /// What is known of somebody.
    fn known<'a>(&'a self, party: &'a Party) -> DirectoryFuture<'a, Option<Known>>;
}

/// A directory without anybody: ids are taken on trust.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Directory for Nobody {
    fn may_exist<'a>(&'a self, _: &'a Party) -> DirectoryFuture<'a, bool> {
        Box::pin(std::future::ready(Ok(true)))
    }

    fn known<'a>(&'a self, _: &'a Party) -> DirectoryFuture<'a, Option<Known>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
