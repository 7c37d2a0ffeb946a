//! The chats that a user of the marketplace asks for.

use serde_json::{Map, Value};

use super::Marketplace;
use crate::{
    error::Refusal,
    event::Id,
    identity::UserId,
    service::chat::{Actor, Kind, NewChat, Party},
};

impl Marketplace {
    /// A chat of the actor and others; of two unless it is a group.
    pub fn of_users(
        actor: &Actor,
        others: impl IntoIterator<Item = UserId>,
        group: bool,
        title: Option<String>,
        metadata: Option<Map<String, Value>>,
    ) -> NewChat {
        let others = others.into_iter().map(Party::User);
        NewChat {
            kind: if group { Kind::Group } else { Kind::Direct },
            members: std::iter::once(actor.party.clone()).chain(others).collect(),
            title,
            metadata,
            about: None,
        }
    }

    /// The chat of the actor, as buyer, with a seller about a purchase request.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unfit`] where the actor is the seller.
    pub fn of_request(actor: &Actor, request: &Id, seller: UserId) -> Result<NewChat, Refusal> {
        let seller = Party::User(seller);
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
