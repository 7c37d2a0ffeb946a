//! The events of vendor-chat, on `/chat`: customers and vendors (contract, section 7).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, Audience, Class, ClientId, Id, Json, Object, Pagination, Payload, Row, Text};
use crate::{
    error::Refusal,
    identity::{UserId, UserType},
    service::limits::Counted,
    time::Timestamp,
};

/// Section 7 of the contract.
pub(super) const ROWS: &[Row] = &[
    command::<JoinChat>("joinChat"),
    command::<()>("joinRooms"),
    command::<SendMessage>("sendMessage").counted(Counted::ChatMessage),
    command::<MarkAsRead>("markAsRead"),
    command::<DeleteMessage>("deleteMessage"),
    command::<Pair>("typing"),
    command::<Pair>("stoppedTyping"),
    command::<Option<GetUserChats>>("getUserChats"),
    event::<UserChats>("userChats", Audience::Direct).kept(Class::Ephemeral),
    event::<Reply<Page<Message>>>("offlineMessages", Audience::Direct).kept(Class::Ephemeral),
    event::<Reply<Chat>>("loadMessages", Audience::Direct).kept(Class::Ephemeral),
    event::<Reply<Vec<Message>, Option<String>>>("receiveMessage", BOTH).kept(Class::Durable),
    event::<Reply<Chat, Chat>>("newChat", OTHER).kept(Class::Durable),
    event::<Reply<About>>("updateReadReceipts", BOTH).kept(Class::Durable),
    event::<Reply<About>>("messageDeleted", BOTH).kept(Class::Durable),
    event::<Reply<About>>("userTyping", OTHER).kept(Class::Ephemeral),
    event::<Reply<About>>("stoppedTyping", OTHER).kept(Class::Ephemeral),
    event::<AppError>("appError", Audience::Direct).kept(Class::Ephemeral),
];

const BOTH: Audience = Audience::Chosen("the sockets of both persons of the chat");
const OTHER: Audience = Audience::Chosen("the sockets of the other person of the chat");

/// Acks are in this app's envelope.
const fn command<T: Payload>(name: &'static str) -> Row {
    Row::command::<T, Reply<Json, Json>>(App::VendorChat, name).on("/chat")
}

const fn event<T: Payload>(name: &'static str, audience: Audience) -> Row {
    Row::event::<T>(App::VendorChat, name, audience).by_crier().on("/chat")
}

/// The envelope of this app's answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reply_of_{T}_and_{M}")]
#[serde(rename_all = "camelCase")]
pub struct Reply<T, M = String> {
    /// 200.
    pub status_code: u16,
    /// Always false.
    #[schemars(extend("const" = false))]
    pub error: bool,
    /// What was done, in words; in `newChat` the chat, in `receiveMessage` null.
    pub message: M,
    /// What there is now.
    pub data: T,
    /// Where `data` is a bare list: which page it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
}

impl<T, M> Reply<T, M> {
    /// An answer with status 200.
    pub fn new(message: M, data: T) -> Self {
        Self { status_code: 200, error: false, message, data, pagination: None }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Page_of_{T}")]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Which it is.
    pub pagination: Pagination,
}

/// `userChats`, in the two shapes of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UserChats {
    /// At connect.
    Connected(Reply<Page<Chat>>),
    /// As the answer to `joinRooms` and `getUserChats`: a bare list, with messages; `pagination` is
    /// beside it.
    Asked(Reply<Vec<Chat>>),
}

/// `appError`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppError {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub error: bool,
    /// What is wrong.
    pub message: String,
    /// As in HTTP.
    pub status_code: u16,
    /// Seconds, where a later try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl AppError {
    /// An error of this app, in these words.
    pub fn new(status_code: u16, message: impl Into<String>) -> Self {
        Self { error: true, message: message.into(), status_code, retry_after: None }
    }
}

impl From<&Refusal> for AppError {
    fn from(refusal: &Refusal) -> Self {
        let (status_code, wait) = match refusal {
            // The source has one number for everything that is wrong with what was sent.
            Refusal::Invalid { .. } | Refusal::Unfit { .. } | Refusal::UnknownChannel => {
                (400, None)
            }
            Refusal::Unauthorized => (401, None),
            Refusal::AccessDenied { .. } | Refusal::Forbidden { .. } => (403, None),
            Refusal::NotFound { .. } | Refusal::UnknownEvent { .. } => (404, None),
            Refusal::Conflict { .. } => (409, None),
            Refusal::RateLimited { retry_after } => (429, Some(retry_after)),
            Refusal::Unavailable { retry_after } => (503, Some(retry_after)),
        };
        // Whole seconds, rounded up: after that much it works.
        let seconds = |wait: &Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after: wait.map(seconds), ..Self::new(status_code, refusal.to_string()) }
    }
}

/// A chat: the pair of a customer and a vendor about one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VendorChat")]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The chat.
    pub id: Id,
    /// The product, as given first.
    pub product_id: Id,
    /// The vendor.
    pub vendor_id: UserId,
    /// The customer.
    pub customer_id: UserId,
    /// The vendor's first store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_id: Option<Id>,
    /// When the newest message came.
    pub last_message_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Whether the customer has unread messages.
    pub un_read_customer_messages: bool,
    /// Whether the vendor has.
    pub un_read_vendor_messages: bool,
    /// Who the customer is; for a vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Profile>,
    /// Who the vendor is; for a customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Profile>,
    /// Its messages, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// Which page of the messages these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
}

/// Who a person is, for the other side of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The record.
    pub id: Id,
    /// The person.
    pub user_id: UserId,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Address of a picture.
    pub profile_picture_url: Option<String>,
    /// Null for the other side, unless contacts are shared.
    pub email: Option<String>,
    /// Whether the address was confirmed.
    pub verified: bool,
    /// Null for the other side, unless contacts are shared.
    pub phone_number: Option<String>,
    /// Whether the account is in use.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The stores of a vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Vec<Store>>,
}

/// A store of a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// The record.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub vendor_id: UserId,
    /// The store.
    pub store_id: Id,
    /// Address of a picture.
    pub store_logo_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A message of a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VendorChatMessage")]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message.
    pub id: Id,
    /// Who wrote it.
    pub sender_id: UserId,
    /// From which side.
    pub sender_type: UserType,
    /// For whom.
    pub recipient_id: UserId,
    /// On which side.
    pub recipient_type: UserType,
    /// What it says; null where it is only pictures.
    pub text: Option<Text>,
    /// When it was written.
    pub timestamp: Timestamp,
    /// Whether the recipient has read it.
    pub read: bool,
    /// Whether the recipient was there when it was written.
    pub recipient_online: bool,
    /// The chat.
    pub chat_id: Id,
    /// Always null.
    pub support_chat_id: (),
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Pictures, at most 10.
    pub message_medias: Vec<Media>,
    /// Its chat; in `offlineMessages` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<Box<Chat>>,
}

/// A picture of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Media {
    /// The picture; set by the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Where it is: http or https.
    pub image_url: String,
    /// Bytes, as text.
    pub size: String,
    /// What it is.
    pub mime_type: String,
}

/// What `updateReadReceipts`, `messageDeleted`, `userTyping` and `stoppedTyping` are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The chat; null while there is none yet.
    pub chat_id: Option<Id>,
    /// The product.
    pub product_id: Id,
    /// Who did it.
    pub user_id: UserId,
    /// The message, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Id>,
}

/// `joinChat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinChat {
    /// The product.
    pub product_id: Id,
    /// The other person.
    pub recipient_id: UserId,
    /// Which page of the messages; 1 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Messages of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The id of a message: only those before it. The first one of a page that came without all of its
    /// messages (`hasNext` without `nextPage`) leads to the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// `getUserChats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetUserChats {
    /// Which page; 1 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Chats of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// `sendMessage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendMessage {
    /// The product.
    pub product_id: Id,
    /// The other person.
    pub recipient_id: UserId,
    /// What; may be left out where there are pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Pictures, at most 10; an `id` is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub message_medias: Option<Vec<Media>>,
    /// Makes a retry harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// `deleteMessage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteMessage {
    /// The product.
    pub product_id: Id,
    /// The other person.
    pub recipient_id: UserId,
    /// The message.
    pub message_id: Id,
}

/// `typing` and `stoppedTyping`: which chat is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pair {
    /// The product.
    pub product_id: Id,
    /// The other person.
    pub recipient_id: UserId,
}

/// `markAsRead`: which chat is meant, in one of the three ways that clients say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, try_from = "MarkAsReadInput")]
pub enum MarkAsRead {
    /// By the chat's id; also in the source's envelope, as `message.id`.
    Chat {
        /// The chat.
        #[serde(rename = "chatId")]
        chat_id: Id,
    },
    /// By what it is about and with whom.
    Pair(Pair),
}

/// A [`MarkAsRead`] as clients send it: `{ chatId }`, `{ productId, recipientId }`, or the source's
/// envelope, of which only `message.id` is looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MarkAsReadInput {
    chat_id: Option<Id>,
    product_id: Option<Id>,
    recipient_id: Option<UserId>,
    /// The source's envelope: the chat with its `id`.
    message: Option<MarkedChat>,
    #[serde(rename = "statusCode")]
    _status_code: Option<u16>,
    #[serde(rename = "error")]
    _error: Option<bool>,
    #[serde(rename = "data")]
    _data: Option<Object>,
}

#[derive(Deserialize, JsonSchema)]
struct MarkedChat {
    id: Id,
}

impl TryFrom<MarkAsReadInput> for MarkAsRead {
    type Error = &'static str;

    fn try_from(given: MarkAsReadInput) -> Result<Self, Self::Error> {
        match given {
            MarkAsReadInput { chat_id: Some(chat_id), .. } => Ok(Self::Chat { chat_id }),
            MarkAsReadInput { message: Some(chat), .. } => Ok(Self::Chat { chat_id: chat.id }),
            MarkAsReadInput {
                product_id: Some(product_id),
                recipient_id: Some(recipient_id),
                ..
            } => Ok(Self::Pair(Pair { product_id, recipient_id })),
            MarkAsReadInput { product_id: None, .. } => Err("missing field `productId`"),
            MarkAsReadInput { .. } => Err("missing field `recipientId`"),
        }
    }
}
