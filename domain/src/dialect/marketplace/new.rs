//! The chats that a user of the marketplace asks for.

use serde_json::{Map, Value};

use super::Marketplace;
use crate::{
    error::Refusal,
    event::Id,
    identity::UserId,
    service::chat::{Actor, Kind, NewChat, Party, SUPPORT},
};

impl Marketplace {
    /// A user who is named to take part.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unfit`] at `path` for the id that the support pool is shown under: whoever means the
    /// pool opens a support chat.
    pub fn user(path: &'static str, id: UserId) -> Result<Party, Refusal> {
        if id.as_str() == SUPPORT {
            let message = "support is asked by POST /api/chat/support".to_owned();
            return Err(Refusal::Unfit { path, message });
        }
        Ok(Party::User(id))
    }

    /// A chat of the actor and others; of two unless it is a group.
    ///
    /// # Errors
    ///
    /// As for [`Marketplace::user`].
    pub fn of_users(
        actor: &Actor,
        others: impl IntoIterator<Item = UserId>,
        group: bool,
        title: Option<String>,
        metadata: Option<Map<String, Value>>,
    ) -> Result<NewChat, Refusal> {
        let others = others.into_iter().map(|other| Self::user("participantIds", other));
        let members = std::iter::once(Ok(actor.party.clone())).chain(others);
        Ok(NewChat {
            kind: if group { Kind::Group } else { Kind::Direct },
            members: members.collect::<Result<_, _>>()?,
            title,
            metadata,
            about: None,
        })
    }

    /// The chat of the actor, as buyer, with a seller about a purchase request.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unfit`] where the actor is the seller, and as for [`Marketplace::user`].
    pub fn of_request(actor: &Actor, request: &Id, seller: UserId) -> Result<NewChat, Refusal> {
        let seller = Self::user("sellerId", seller)?;
        if seller == actor.party {
            let message = "you cannot be the seller of your own request".to_owned();
            return Err(Refusal::Unfit { path: "sellerId", message });
        }
        Ok(NewChat {
            kind: Kind::PurchaseRequest { request: request.as_str().to_owned() },
            members: vec![actor.party.clone(), seller],
            title: None,
            metadata: None,
            about: serde_json::to_value(request).ok(),
        })
    }

    /// A chat of the actor with those who answer.
    pub fn of_support(actor: &Actor, subject: Option<String>) -> NewChat {
        NewChat {
            kind: Kind::Support,
            members: vec![actor.party.clone(), Party::Support],
            title: subject,
            metadata: None,
            about: None,
        }
    }
}
