//! The marketplace's chats, notifications and presence (contract, section 4), and what its REST
//! calls answer with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, Audience, Class, Count, Done, Id, Object, Payload, Row, Text, Whole};
use crate::{
    cluster::Status,
    identity::{Role, UserId},
    time::Timestamp,
};

/// Section 4 of the contract: chats, notifications, presence.
pub(super) const ROWS: &[Row] = &[
    Row::command::<TypingStart, Done>(App::Marketplace, "typing-start"),
    Row::command::<TypingStop, Done>(App::Marketplace, "typing-stop"),
    chat::<NewMessage>("new-message"),
    chat::<MessagesRead>("messages-read"),
    chat::<MessageEdited>("message-edited"),
    chat::<MessageDeleted>("message-deleted"),
    chat::<ParticipantsAdded>("participants-added"),
    chat::<ParticipantRemoved>("participant-removed"),
    chat::<UserTyping>("user-typing").kept(Class::Ephemeral),
    // Who is there is for Crier alone to say.
    Row::event::<UserStatusChange>(App::Marketplace, "user-status-change", Audience::Presence)
        .by_crier()
        .kept(Class::Ephemeral),
    user::<NewNotification>("new-notification"),
    user::<UnreadCountUpdate>("unread-count-update").latest_of("{userId}"),
];

/// A backend with chats of its own may publish their events.
const fn chat<T: Payload>(name: &'static str) -> Row {
    Row::event::<T>(App::Marketplace, name, Audience::Rooms(&["chat-{chatId}"]))
        .kept(Class::Durable)
}

/// So may one with notifications.
const fn user<T: Payload>(name: &'static str) -> Row {
    Row::event::<T>(App::Marketplace, name, Audience::Rooms(&["user-{userId}"]))
        .kept(Class::Durable)
}

/// `typing-start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypingStart {
    /// Where.
    pub chat_id: Id,
    /// Who: the socket's own user.
    pub user_id: UserId,
    /// A name, which is not believed: others see the token's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Text>,
}

/// `typing-stop`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypingStop {
    /// Where.
    pub chat_id: Id,
    /// Who: the socket's own user.
    pub user_id: UserId,
}

/// `user-typing`: somebody in the chat writes, or has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChatUserTyping")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserTyping {
    /// Where.
    pub chat_id: Id,
    /// Who.
    pub user_id: UserId,
    /// The name; left out when it stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Whether.
    pub is_typing: bool,
}

/// `user-status-change`: a user came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserStatusChange {
    /// Who.
    pub user_id: UserId,
    /// Whether the user is there.
    pub status: Status,
    /// When last.
    pub last_seen: Timestamp,
}

/// `new-message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMessage {
    /// Where.
    pub chat_id: Id,
    /// What.
    pub message: Message,
    /// Who.
    pub sender_id: UserId,
}

/// A message of the marketplace's chats, in events and in REST answers.
///
/// Events have the first four fields and attachments; the others are for REST answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// The message.
    #[serde(rename = "_id")]
    pub id: Id,
    /// What it says; empty where it is deleted.
    pub content: Text,
    /// Who wrote it.
    pub sender_id: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Files that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    /// The chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<Id>,
    /// Whether a person wrote it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to_message_id: Option<Id>,
    /// Anything that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A person.
    #[default]
    Text,
    /// A backend.
    System,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attachment {
    /// Where it is, for participants.
    pub url: String,
    /// Its name.
    pub filename: String,
    /// What it is.
    pub mime_type: String,
    /// Bytes.
    pub size: Count,
}

/// `messages-read`: a participant has read a chat up to a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessagesRead {
    /// Where.
    pub chat_id: Id,
    /// Who.
    pub user_id: UserId,
    /// The last one that is read; null where there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub up_to_message_id: Option<Id>,
    /// How many were unread before.
    pub modified_count: Whole,
}

/// `message-edited`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageEdited {
    /// Where.
    pub chat_id: Id,
    /// Which.
    pub message_id: Id,
    /// What it says now.
    pub content: Text,
    /// When.
    pub edited_at: Timestamp,
}

/// `message-deleted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageDeleted {
    /// Where.
    pub chat_id: Id,
    /// Which.
    pub message_id: Id,
    /// When.
    pub deleted_at: Timestamp,
}

/// `participants-added`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParticipantsAdded {
    /// Where.
    pub chat_id: Id,
    /// Who.
    pub added_user_ids: Vec<UserId>,
}

/// `participant-removed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParticipantRemoved {
    /// Where.
    pub chat_id: Id,
    /// Who.
    pub removed_user_id: UserId,
}

/// A chat of the marketplace, as REST answers with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The chat.
    #[serde(rename = "_id")]
    pub id: Id,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: ChatKind,
    /// Who is in it; `support` stands for everyone who answers.
    pub participants: Vec<UserId>,
    /// Its name; of a group only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// Anything that its creator put with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase_request_id: Option<Id>,
    /// The buyer of that request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// Its seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller_id: Option<UserId>,
    /// What a support chat is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text>,
    /// The newest message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<Message>,
    /// Messages that the caller has not read.
    pub unread_count: u64,
    /// Whether the caller put it away.
    pub archived: bool,
}

/// The kinds of chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    /// Of two.
    #[default]
    Direct,
    /// Of many.
    Group,
    /// Of a user and those who answer.
    Support,
}

/// A participant with what is shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// The user.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// The name; null where it is not known.
    pub name: Option<String>,
    /// Address of a picture; null where it is not known.
    pub avatar: Option<String>,
    /// The role; null where it is not known.
    pub role: Option<Role>,
}

/// `new-notification`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewNotification {
    /// The notification.
    pub notification: Notification,
}

/// A notification, in events and in REST answers.
///
/// Events have the first six fields; the others are for REST answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// The notification.
    #[serde(rename = "_id")]
    pub id: Id,
    /// What kind, such as `chat-message`, `info`, `warning`, `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The headline; null where it has none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub title: Option<Text>,
    /// The text; null where it has none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub body: Option<Text>,
    /// What it is about.
    pub data: Object,
    /// When.
    pub created_at: Timestamp,
    /// Whether it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<bool>,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
}

/// `unread-count-update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnreadCountUpdate {
    /// Notifications that were not read.
    pub unread_count: Whole,
}
