//! `/api/chat`: chats of the marketplace (contract, section 4; seed 004).

mod chats;
mod files;
mod members;
mod messages;
mod send;

use std::sync::Arc;

use crier_domain::{
    dialect::marketplace::Marketplace,
    event::chat,
    service::{
        ObjectId, Services,
        chat::{Actor, Chat, Message},
    },
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{call::Call, error::ApiError, table::Operation};

pub(super) fn operations() -> Vec<Operation> {
    [
        chats::operations(),
        members::operations(),
        messages::operations(),
        send::operations(),
        files::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `{ chat }`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChatAnswer")]
struct OneChat {
    /// The chat.
    chat: chat::Chat,
}

/// `{ message }`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MessageAnswer")]
struct OneMessage {
    /// The message.
    message: chat::Message,
}

impl Call {
    /// The user who calls, as chats know them.
    fn actor(&self) -> Result<Actor, ApiError> {
        Ok(Actor::user(self.user()?))
    }

    fn services(&self) -> &Services {
        &self.state.parts.services
    }

    /// The marketplace's words, with links that are signed from now on.
    async fn voice(&self) -> Result<Marketplace, ApiError> {
        Ok(Marketplace::new(Arc::new(self.services().attachments.links().await?)))
    }

    fn chat_id(&self) -> Result<ObjectId, ApiError> {
        self.id("id", "Chat")
    }

    fn message_id(&self) -> Result<ObjectId, ApiError> {
        self.id("messageId", "Message")
    }
}

/// A chat as somebody is shown it. An admin who is not in it sees what is the same for all.
fn shown(voice: &Marketplace, actor: &Actor, chat: &Chat, last: Option<&Message>) -> OneChat {
    let part = chat.part_of(actor).unwrap_or_else(|| actor.party.clone());
    OneChat { chat: voice.chat(chat, &part, last) }
}
