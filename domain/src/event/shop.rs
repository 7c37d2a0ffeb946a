//! The shop's events: rooms, messages, notifications, orders with stock (contract, section 6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    App, Audience, Class, ClientId, Done, Joined, Object, ObjectId, Payload, Row, Text, Whole,
    named,
};
use crate::{
    cluster::Status,
    identity::{Role, UserId},
    room::RoomName,
    service::limits::Counted,
    time::Timestamp,
};

pub use crate::service::orders::{CreateOrder, NewItem, Order, OrderItem, OrderStatus};

/// Section 6 of the contract.
pub(super) const ROWS: &[Row] = &[
    command::<RoomName, Joined>("joinRoom").by_anyone(),
    command::<RoomName, Joined>("leaveRoom").by_anyone(),
    command::<SendRoomMessage, SentTo>("message").by_anyone().counted(Counted::RoomMessage),
    command::<(), Whoami>("whoami").for_its_ack(),
    command::<SendNotification, Sent>("notification:send")
        .counted(Counted::Notification)
        .for_its_ack(),
    command::<CreateOrder, OrderDone>("order:create").counted(Counted::Order).for_its_ack(),
    command::<UpdateOrderStatus, OrderDone>("order:updateStatus").for_its_ack(),
    command::<Typing, Done>("typing"),
    event::<RoomJoined>("joined", ROOM),
    event::<RoomLeft>("left", ROOM),
    event::<RoomMessage>("message", ROOM),
    event::<PresenceUpdate>("presence:update", Audience::Presence).kept(Class::Ephemeral),
    // A backend with notifications of its own may publish this one.
    Row::event::<NotificationReceived>(
        App::Shop,
        "notification:received",
        Audience::Rooms(&["user:{userId}"]),
    )
    .kept(Class::Durable),
    event::<OrderCreated>("order:created", ORDER_CREATED).kept(Class::Durable),
    event::<OrderUpdated>("order:updated", ORDER_UPDATED).kept(Class::Durable),
    event::<StockUpdated>("product:stockUpdated", Audience::Product).latest_of("{productId}"),
    event::<UserTyping>("typing", Audience::Rooms(&["user:{toUserId}"])).kept(Class::Ephemeral),
];

const ROOM: Audience = Audience::Chosen("the others in the room");
const ORDER_CREATED: Audience = Audience::Rooms(&["user:{userId}", "admin", "admins"]);
const ORDER_UPDATED: Audience =
    Audience::Rooms(&["user:{userId}", "admin", "admins", "order:{orderId}"]);

const fn command<T: Payload, A: Payload>(name: &'static str) -> Row {
    Row::command::<T, A>(App::Shop, name)
}

/// The shop sends its events itself.
const fn event<T: Payload>(name: &'static str, audience: Audience) -> Row {
    Row::event::<T>(App::Shop, name, audience).by_crier()
}

named! {
    JoinedName = "joined",
    LeftName = "left",
    TypingName = "typing",
    NotificationReceivedName = "notification:received",
    OrderCreatedName = "order:created",
    OrderUpdatedName = "order:updated",
    StockUpdatedName = "product:stockUpdated",
}

/// `message` from a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendRoomMessage {
    /// Where to.
    pub room: RoomName,
    /// What.
    pub text: Text,
    /// Anything that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Object>,
    /// Makes a retry harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// The answer to [`SendRoomMessage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentTo {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// `room:` and the room's name.
    pub sent_to: String,
}

/// The answer to `whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// Who.
    pub user_id: UserId,
    /// The role of the token.
    pub role: Role,
    /// Null where the token says none.
    pub email: Option<String>,
    /// False where the token does not say it.
    pub is_verified: bool,
}

/// `notification:send`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendNotification {
    /// Whom to.
    pub to_user_id: UserId,
    /// How serious; `info` where left out.
    #[serde(rename = "type", default)]
    pub kind: NotificationKind,
    /// The headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// Anything that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Object>,
    /// How urgent; `normal` where left out.
    #[serde(default)]
    pub priority: Priority,
    /// Makes a retry harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// How serious a notification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotificationKind {
    /// To know.
    #[default]
    Info,
    /// To mind.
    Warning,
    /// To do something about.
    Error,
}

/// How urgent a notification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Later will do.
    Low,
    /// As they come.
    #[default]
    Normal,
    /// First.
    High,
}

/// The answer to [`SendNotification`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// Whether it is delivered by the queue.
    pub queued: bool,
    /// Whether it is stored.
    pub saved: bool,
}

/// `order:updateStatus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateOrderStatus {
    /// The order.
    pub order_id: ObjectId,
    /// The step to take.
    pub status: OrderStatus,
}

/// The answer to [`CreateOrder`] and [`UpdateOrderStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDone {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// The order as it is now.
    pub order: Order,
}

/// `typing` from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Typing {
    /// Whom to.
    pub to_user_id: UserId,
}

/// `joined`: another socket came into a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomJoined {
    /// The event's name.
    pub event: JoinedName,
    /// The room.
    pub room: RoomName,
    /// The id of the socket.
    pub by: String,
}

/// `left`: another socket went out of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomLeft {
    /// The event's name.
    pub event: LeftName,
    /// The room.
    pub room: RoomName,
    /// The id of the socket.
    pub by: String,
}

/// `message` to the others in a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomMessage {
    /// The room.
    pub room: RoomName,
    /// What.
    pub text: Text,
    /// Who; null for an anonymous socket.
    pub from: Option<Author>,
    /// What went with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Object>,
    /// When.
    pub ts: Timestamp,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The user.
    pub id: UserId,
    /// The name of the token; null where it says none.
    pub name: Option<String>,
}

/// `presence:update`: a user came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresenceUpdate {
    /// Who.
    pub user_id: UserId,
    /// Whether the user is there.
    pub status: Status,
    /// Since when.
    pub at: Timestamp,
}

/// `notification:received`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationReceived {
    /// The event's name; added where left out.
    #[serde(default)]
    pub event: NotificationReceivedName,
    /// How serious.
    #[serde(rename = "type", default)]
    pub kind: NotificationKind,
    /// The headline; null where there is none.
    pub title: Option<Text>,
    /// The text; null where there is none.
    pub body: Option<Text>,
    /// What goes with it; null where there is nothing.
    pub meta: Option<Object>,
    /// Who sent it.
    pub from: UserId,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub ts: Timestamp,
}

/// `order:created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCreated {
    /// The event's name.
    pub event: OrderCreatedName,
    /// The order.
    pub order: Order,
}

/// `order:updated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderUpdated {
    /// The event's name.
    pub event: OrderUpdatedName,
    /// The order as it is now.
    pub order: Order,
}

/// `product:stockUpdated`: there is more or less of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockUpdated {
    /// The event's name.
    pub event: StockUpdatedName,
    /// The product.
    pub product_id: ObjectId,
    /// How many there are.
    pub stock: Whole,
}

/// `typing` to the user who is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserTyping {
    /// The event's name.
    pub event: TypingName,
    /// Who writes.
    pub from: UserId,
    /// When.
    pub at: Timestamp,
}
