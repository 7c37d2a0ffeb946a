//! Events of the connection itself, whatever apps are on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Audience, Class, Count, Direction, Done, PayloadType, RateClass, Row, Sender};
use crate::{identity::UserId, time::Timestamp};

/// Sections 1 and 3 of the contract.
pub(super) const ROWS: &[Row] = &[
    Row {
        payload: PayloadType::of::<Subscribe>(),
        ack: Some(PayloadType::of::<Subscribed>()),
        ..to_server("subscribe", Sender::Anyone)
    },
    Row {
        payload: PayloadType::of::<Subscribe>(),
        ack: Some(PayloadType::of::<Subscribed>()),
        ..to_server("unsubscribe", Sender::Anyone)
    },
    Row {
        payload: PayloadType::of::<Heartbeat>(),
        ack: Some(PayloadType::of::<Done>()),
        ..to_server("heartbeat", Sender::Anyone)
    },
    Row {
        payload: PayloadType::of::<RefreshToken>(),
        ack: Some(PayloadType::of::<Refreshed>()),
        ..to_server("token_refresh", Sender::User)
    },
    direct("connected", PayloadType::of::<Connected>()),
    direct("disconnected", PayloadType::of::<Disconnected>()),
    direct("heartbeat_ack", PayloadType::of::<Heartbeat>()),
    direct("error", PayloadType::of::<ErrorEvent>()),
    direct("session_expiring", PayloadType::of::<SessionExpiring>()),
    Row {
        sender: Sender::Backend,
        audience: USER,
        rate: RateClass::Backend,
        ..direct("session_expired", PayloadType::of::<SessionExpired>())
    },
    // Never logged, stored or replayed: it is a secret.
    Row {
        sender: Sender::Backend,
        audience: USER,
        rate: RateClass::Backend,
        ..direct("token_refresh", PayloadType::of::<NewToken>())
    },
    Row { payload: PayloadType::of::<SystemMaintenance>(), ..global("system_maintenance") },
    Row { payload: PayloadType::of::<ForceUpdate>(), ..global("force_update") },
];

/// The rows that hold on every namespace of a connection, not on `/` alone (section 1).
pub(crate) const EVERYWHERE: [&str; 4] =
    ["token_refresh", "session_expiring", "session_expired", "disconnected"];

const USER: Audience = Audience::Rooms(&["user:{userId}"]);

const fn to_server(name: &'static str, sender: Sender) -> Row {
    Row {
        name,
        namespace: "/",
        app: None,
        direction: Direction::ToServer,
        sender,
        payload: PayloadType::of::<Heartbeat>(),
        ack: None,
        ack_wanted: false,
        audience: Audience::Direct,
        class: Class::Ephemeral,
        latest_of: None,
        rate: RateClass::Socket,
    }
}

const fn direct(name: &'static str, payload: PayloadType) -> Row {
    Row {
        direction: Direction::ToClient,
        payload,
        rate: RateClass::Uncounted,
        ..to_server(name, Sender::Crier)
    }
}

const fn global(name: &'static str) -> Row {
    Row {
        direction: Direction::ToClient,
        audience: Audience::Global,
        class: Class::Recoverable,
        rate: RateClass::Backend,
        ..to_server(name, Sender::Backend)
    }
}

/// `subscribe` and `unsubscribe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The channel: `orders`, `offers_food`, `order_5`.
    pub channel: String,
}

/// The answer to [`Subscribe`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscribed {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// The channel as asked for.
    pub channel: String,
}

/// `heartbeat`, and `heartbeat_ack` with the server's time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Milliseconds since 1970.
    pub timestamp: Count,
}

/// `token_refresh` from a client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The new token.
    pub token: String,
}

/// The answer to [`RefreshToken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refreshed {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// Seconds that the token has left; `None` for one without end.
    pub expires_in: Option<u64>,
}

/// `connected`: the first event of a connection, after the replayed ones where it was recovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    /// Who; null for an anonymous socket.
    pub user_id: Option<UserId>,
    /// The socket.
    pub socket_id: String,
    /// When.
    pub timestamp: Timestamp,
    /// Whether the session goes on, with nothing missed.
    pub recovered: bool,
    /// Why it does not, where the client asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotRecovered>,
}

/// Why a session does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotRecovered {
    /// The client was away for too long.
    Expired,
    /// No such session.
    Unknown,
    /// The session belongs to another user.
    UserChanged,
    /// The log does not reach back that far.
    LogLost,
    /// More was missed than is replayed.
    TooMuch,
}

/// `disconnected`: the server is about to disconnect the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disconnected {
    /// `session expired`, `revoked`, `rate limit`, `kicked` or `server shutting down`.
    pub reason: String,
    /// When.
    pub timestamp: Timestamp,
}

/// `error`: bad input or a refusal that had no ack to go into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorEvent {
    /// What is wrong, as a word: `ACCESS_DENIED`, `VALIDATION_ERROR`.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// What it is about, such as `{ room }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    /// When.
    pub timestamp: Timestamp,
}

/// `session_expiring`: the token ends soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionExpiring {
    /// Seconds left.
    pub expires_in: u64,
}

/// `session_expired`: the token has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionExpired {
    /// A sentence.
    pub message: String,
    /// When it ended.
    pub expired_at: Timestamp,
}

/// `token_refresh` to a client: a backend hands out a new token.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    /// The token.
    pub new_token: String,
    /// Seconds that it is valid.
    pub expires_in: Count,
}

/// `system_maintenance`: the shop will be away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemMaintenance {
    /// From when.
    pub scheduled_at: Timestamp,
    /// Minutes.
    pub duration: Count,
    /// A sentence.
    pub message: String,
    /// What will be away.
    pub affected_services: Vec<String>,
}

/// `force_update`: the client program is too old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForceUpdate {
    /// The version that is wanted.
    pub version: String,
    /// Where to get it.
    pub update_url: String,
    /// A sentence.
    pub message: String,
    /// Whether the old one stops working.
    pub is_forced: bool,
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewToken(…)")
    }
}
