//! Who takes part in chats, and who acts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Chats, record::Member};
use crate::{
    error::Refusal,
    identity::{Identity, Person, Role, UserId, UserType},
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

impl Chats {
    /// Whether there may be such a one: known, or nobody is known at all.
    pub(super) async fn may_exist(&self, party: &Party) -> Result<bool, Refusal> {
        match party {
            Party::Support => Ok(true),
            Party::User(user) => self.users.may_exist(user).await,
            Party::Side(side, user) => {
                let person = Person { side: *side, user: user.clone() };
                let known = self.users.person(&person).await?.is_some();
                Ok(known || !self.users.is_filled().await?)
            }
        }
    }

    /// What is known of a member: what the directory says, and where it is silent, what their token
    /// said when they last did something in the chat.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn known(&self, member: &Member) -> Result<Known, Refusal> {
        let profile = match &member.party {
            Party::Support => None,
            Party::User(user) => self.users.profile(user).await?,
            Party::Side(side, user) => {
                self.users.person(&Person { side: *side, user: user.clone() }).await?
            }
        };
        let token = member.known.clone();
        Ok(profile.map_or(token.clone(), |profile| Known {
            name: profile.name.or(token.name),
            avatar: profile.avatar.or(profile.profile_picture_url).or(token.avatar),
            role: profile.role.or(token.role),
        }))
    }
}
