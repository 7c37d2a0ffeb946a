//! What participants are shown of chats and messages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Marketplace;
use crate::{
    event::{Count, Id, Object, Text, chat as told, chat::ChatKind},
    identity::{Role, UserId},
    service::chat::{Attachment, Chat, Kind, Known, Member, Message, MessageKind, Party},
    time::Timestamp,
};

/// A chat with everything about it (`GET /api/chat/{id}/info`).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatInfo {
    /// The chat.
    #[serde(rename = "_id")]
    pub id: Id,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: ChatKind,
    /// Who is in it, with what is known of them.
    pub participants: Vec<told::Participant>,
    /// How many messages each of them has not read, by id.
    pub unread: BTreeMap<String, u64>,
    /// How many messages the caller has not read.
    pub unread_count: u64,
    /// A group's name, a support chat's subject; null where it has none.
    pub title: Option<String>,
    /// Anything that its creator put with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// The request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase_request_id: Option<Id>,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The newest message; null before one.
    pub last_message: Option<told::Message>,
    /// How many messages it has had.
    pub message_count: u64,
    /// Whether the caller put it away.
    pub archived: bool,
}

impl Marketplace {
    /// A message as REST answers show it.
    pub fn message(&self, message: &Message) -> told::Message {
        let metadata = message.metadata.as_ref().map(object);
        told::Message {
            chat_id: Some(message.chat.into()),
            kind: Some(match message.kind {
                MessageKind::Text => told::MessageKind::Text,
                MessageKind::System => told::MessageKind::System,
            }),
            reply_to_message_id: message.reply_to.map(Id::from),
            metadata,
            edited_at: message.edited_at.map(Timestamp::from_unix_ms),
            deleted_at: message.deleted_at.map(Timestamp::from_unix_ms),
            ..self.heard(message)
        }
    }

    /// A message as events have it.
    pub(super) fn heard(&self, message: &Message) -> told::Message {
        let attachments = message.attachments.iter().map(|file| self.attachment(message, file));
        told::Message {
            id: message.id.into(),
            content: Text::stored(message.content.as_deref().unwrap_or_default()),
            sender_id: message.sender.shown(),
            created_at: Timestamp::from_unix_ms(message.created_at),
            attachments: (!message.attachments.is_empty()).then(|| attachments.collect()),
            chat_id: None,
            kind: None,
            reply_to_message_id: None,
            metadata: None,
            edited_at: None,
            deleted_at: None,
        }
    }

    fn attachment(&self, message: &Message, file: &Attachment) -> told::Attachment {
        let path = || Self::path_of(message.chat, file.id);
        told::Attachment {
            url: file.url.clone().unwrap_or_else(|| self.links.signed(path())),
            filename: file.filename.clone().unwrap_or_else(|| file.id.to_string()),
            mime_type: file.mime_type.clone(),
            size: Count::from(u32::try_from(file.size).unwrap_or(u32::MAX)),
        }
    }

    /// A chat as a participant is shown it.
    pub fn chat(&self, chat: &Chat, part: &Party, last: Option<&Message>) -> told::Chat {
        let member = chat.member(part);
        let title = chat.title.as_deref().map(Text::stored);
        let (title, subject) =
            if chat.kind == Kind::Support { (None, title) } else { (title, None) };
        let parties = chat.members.iter().map(|member| member.party.shown());
        let (request, buyer, seller) = match (&chat.kind, chat.members.as_slice()) {
            (Kind::PurchaseRequest { request }, [buyer, seller]) => {
                let given = chat.about.clone().and_then(|id| serde_json::from_value(id).ok());
                (
                    given.or_else(|| Id::parse(request)),
                    Some(buyer.party.shown()),
                    Some(seller.party.shown()),
                )
            }
            _ => (None, None, None),
        };
        told::Chat {
            id: chat.id.into(),
            kind: kind(chat),
            participants: parties.collect(),
            title,
            metadata: chat.metadata.as_ref().map(object),
            created_by: chat.creator.shown(),
            created_at: Timestamp::from_unix_ms(chat.created_at),
            purchase_request_id: request,
            buyer_id: buyer,
            seller_id: seller,
            subject,
            last_message: last.map(|message| self.message(message)),
            unread_count: member.map_or(0, |member| member.unread),
            archived: member.is_some_and(|member| member.archived),
        }
    }

    /// A chat with everything about it; `known` is what is known of its members, in their order.
    pub fn info(
        &self,
        chat: &Chat,
        part: &Party,
        known: Vec<Known>,
        last: Option<&Message>,
    ) -> ChatInfo {
        let shown = self.chat(chat, part, last);
        let members = chat.members.iter();
        let unread = members.clone().map(|m| (m.party.shown().to_string(), m.unread));
        ChatInfo {
            participants: members.zip(known).map(|(m, known)| participant(m, known)).collect(),
            unread: unread.collect(),
            id: shown.id,
            kind: shown.kind,
            unread_count: shown.unread_count,
            title: chat.title.clone(),
            metadata: shown.metadata,
            purchase_request_id: shown.purchase_request_id,
            created_by: shown.created_by,
            created_at: shown.created_at,
            last_message: shown.last_message,
            message_count: chat.count,
            archived: shown.archived,
        }
    }
}

fn participant(member: &Member, known: Known) -> told::Participant {
    let (name, role) = match member.party {
        Party::Support => (Some("Support".to_owned()), Some(Role::Agent)),
        Party::User(_) | Party::Side(..) => (known.name, known.role),
    };
    told::Participant { id: member.party.shown(), name, avatar: known.avatar, role }
}

fn kind(chat: &Chat) -> ChatKind {
    match chat.kind {
        Kind::Direct | Kind::PurchaseRequest { .. } | Kind::Product { .. } => ChatKind::Direct,
        Kind::Group => ChatKind::Group,
        Kind::Support => ChatKind::Support,
    }
}

fn object(fields: &Map<String, Value>) -> Object {
    fields.iter().fold(Object::default(), |object, (name, value)| object.with(name, value.clone()))
}
