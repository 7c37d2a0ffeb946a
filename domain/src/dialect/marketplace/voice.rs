//! What participants hear of changes.

use bytes::Bytes;
use crier_protocol::{Namespace, Room};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Marketplace;
use crate::{
    cluster::{Action, Order},
    event::{Id, Text, Whole, chat as told},
    publish::Publish,
    service::{
        chat::{Chat, Dialect, Happened, Message, Party, Said, Voice},
        notifications::NewNotification,
        telling,
    },
    time::Timestamp,
};

/// Characters of a message that its notification shows.
const PREVIEW_CHARS: usize = 200;

impl Voice for Marketplace {
    fn dialect(&self) -> Dialect {
        Dialect::Marketplace
    }

    fn answer(&self, _: &Chat, what: &Happened<'_>) -> Bytes {
        match what {
            Happened::Sent { message, .. } => {
                let answer = json!({ "message": self.message(message) });
                answer.to_string().into()
            }
            _ => Bytes::from_static(b"{}"),
        }
    }

    fn say(&self, chat: &Chat, what: &Happened<'_>) -> Said {
        let id = Id::from(chat.id);
        let tell = Tell { room: telling::room("chat-", &chat.id.to_string()) };
        let mut said = Said::default();
        said.events.extend(match what {
            Happened::Opened => None,
            Happened::Sent { message, offline, .. } => {
                let news = offline.iter().filter_map(Party::user);
                said.notifications =
                    news.map(|user| (user.clone(), news_of(chat, message))).collect();
                let payload = told::NewMessage {
                    chat_id: id,
                    message: self.heard(message),
                    sender_id: message.sender.shown(),
                };
                tell.all("new-message", &payload)
            }
            Happened::Read { count: 0, .. } => None,
            Happened::Read { actor, count, up_to } => {
                let payload = told::MessagesRead {
                    chat_id: id,
                    user_id: actor.party.shown(),
                    up_to_message_id: up_to.map(|message| message.id.into()),
                    modified_count: Whole::new(*count).unwrap_or_default(),
                };
                tell.all("messages-read", &payload)
            }
            Happened::Edited { message } => {
                let at = message.edited_at.unwrap_or(message.created_at);
                let payload = told::MessageEdited {
                    chat_id: id,
                    message_id: message.id.into(),
                    content: Text::stored(message.content.as_deref().unwrap_or_default()),
                    edited_at: Timestamp::from_unix_ms(at),
                };
                tell.all("message-edited", &payload)
            }
            Happened::Deleted { message } => {
                let at = message.deleted_at.unwrap_or(message.created_at);
                let payload = told::MessageDeleted {
                    chat_id: id,
                    message_id: message.id.into(),
                    deleted_at: Timestamp::from_unix_ms(at),
                };
                tell.all("message-deleted", &payload)
            }
            Happened::Added { party } => {
                let payload =
                    told::ParticipantsAdded { chat_id: id, added_user_ids: vec![party.shown()] };
                tell.all("participants-added", &payload)
            }
            Happened::Removed { party } => {
                said.orders.extend(leave(&tell.room, party));
                let payload =
                    told::ParticipantRemoved { chat_id: id, removed_user_id: party.shown() };
                tell.all("participant-removed", &payload)
            }
        });
        said
    }
}

struct Tell {
    room: Option<Room>,
}

impl Tell {
    fn all(&self, name: &'static str, payload: &impl Serialize) -> Option<Publish> {
        telling::event(name, payload, self.room.clone())
    }
}

/// Makes the sockets of somebody who is no longer in a chat leave its room.
fn leave(room: &Option<Room>, party: &Party) -> Option<Order> {
    let room = room.clone()?;
    Some(Order {
        namespace: Namespace::MAIN,
        rooms: vec![room.clone()],
        user: Some(party.user()?.clone()),
        action: Action::Leave(vec![room]),
    })
}

/// What somebody who is away finds when they come back.
fn news_of(chat: &Chat, message: &Message) -> NewNotification {
    let sender = chat.member(&message.part).and_then(|member| member.known.name.clone());
    let title = match (&sender, message.part == Party::Support) {
        (Some(name), false) => format!("New message from {name}"),
        (_, true) => "New message from support".to_owned(),
        (None, false) => "New message".to_owned(),
    };
    let file = || message.attachments.first().and_then(|file| file.filename.clone());
    let body = message.content.as_deref().map(|text| text.chars().take(PREVIEW_CHARS).collect());
    let data = json!({ "chatId": chat.id, "messageId": message.id });
    NewNotification {
        kind: "chat-message".to_owned(),
        title: Some(title),
        body: body.or_else(file),
        data: match data {
            Value::Object(fields) => fields,
            _ => Map::new(),
        },
    }
}
