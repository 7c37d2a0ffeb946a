//! The typed configuration, section by section. What each value means, its unit, default and source
//! stand in the [settings table](super::SETTINGS); here is what the rest of the server may rely on.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crier_domain::{AuthMode, RoomRule, service::notifications::SendFrom};
use crier_protocol::{
    Limits, Namespace, engine::TransportName, redis_adapter::SubscriptionMode, socket::ParserChoice,
};

use super::secret::Secret;
use crate::apps::AudienceMode;

/// `[socket]`.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Starts and ends with a slash.
    pub path: String,
    /// Which transports are answered: at least one.
    pub transports: Vec<TransportName>,
    /// Packet encoding.
    pub parser: ParserChoice,
    /// What the protocol machine enforces.
    pub limits: Limits,
    /// Frames waiting for one receiver.
    pub outbox_frames: usize,
    /// Bytes waiting for one receiver.
    pub outbox_bytes: usize,
    /// Rooms of one socket.
    pub rooms_max: usize,
    /// Bytes of an event on `/`.
    pub event_payload_max: usize,
    /// Sustained rate of one socket.
    pub events_per_second: u32,
    /// Burst of one socket; at least the rate.
    pub events_burst: u32,
}

/// `[http]`, of all listeners.
#[derive(Clone, Debug)]
pub struct Http {
    /// First byte (first request: accept) to end of head.
    pub header_timeout: Duration,
    /// Idle between requests.
    pub keep_alive: Duration,
    /// End of head to end of body, besides what the body's bytes earn it.
    pub body_timeout: Duration,
    /// A peer taking what is written.
    pub write_timeout: Duration,
    /// Bytes of a head.
    pub head_max: usize,
    /// Lines of a head.
    pub headers_max: usize,
    /// Bytes of a request target.
    pub uri_max: usize,
    /// Open connections of each listener.
    pub connections_max: usize,
    /// Sessions of one address that have joined nothing; `None` = no cap.
    pub connections_per_ip: Option<NonZeroUsize>,
}

/// Which keys verify tokens.
#[derive(Clone, Debug)]
pub enum AuthKeys {
    /// The public development key. Only ever while every listener is on loopback.
    Development,
    /// At least one of these is given. The development key is then never accepted.
    Configured {
        /// HMAC secret, at least 32 bytes.
        secret: Option<Secret>,
        /// PEM file of public keys.
        pem: Option<PathBuf>,
        /// JWKS file.
        jwks: Option<PathBuf>,
    },
}

impl AuthKeys {
    /// Whether this is the development key.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        matches!(self, Self::Development)
    }
}

/// `[auth]`.
#[derive(Clone, Debug)]
pub struct Auth {
    /// What verifies tokens.
    pub keys: AuthKeys,
    /// Whether tokens are needed.
    pub mode: AuthMode,
    /// Whether the query's `token` counts.
    pub query_token: bool,
    /// Whether a token must have `exp`.
    pub require_exp: bool,
    /// The `iss` asked for.
    pub issuer: Option<String>,
    /// One of these `aud`; empty = any.
    pub audience: Vec<String>,
    /// Longest time from now to `exp`; `None` = any.
    pub max_lifetime: Option<Duration>,
}

/// `[rooms]`.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Rules over the built-in table.
    pub policy: Vec<RoomRule>,
}

/// `[presence]`.
#[derive(Clone, Debug)]
pub struct Presence {
    /// How long somebody without sockets is still there.
    pub grace: Duration,
    /// Who hears of somebody.
    pub audience: AudienceMode,
}

/// `[chat]`.
#[derive(Clone, Copy, Debug)]
pub struct Chat {
    /// How long a message may be changed.
    pub edit_window: Duration,
    /// UTF-16 units of a message.
    pub message_max: usize,
    /// Participants of a group.
    pub group_max: usize,
    /// Of one user.
    pub messages_per_minute: NonZeroU32,
    /// Of one user.
    pub new_per_minute: NonZeroU32,
}

/// `[notifications]`.
#[derive(Clone, Copy, Debug)]
pub struct Notifications {
    /// Whose are taken from sockets.
    pub send_from: SendFrom,
    /// Of one user.
    pub per_minute: NonZeroU32,
    /// How long one is kept.
    pub kept: Duration,
    /// Of one user.
    pub max: usize,
}

/// `[shop]`.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    /// Of one user.
    pub messages_per_minute: NonZeroU32,
    /// Of one user.
    pub orders_per_minute: NonZeroU32,
}

/// `[vendor_chat]`.
#[derive(Clone, Copy, Debug)]
pub struct VendorChat {
    /// Whether the other one of a chat is shown address and telephone number.
    pub share_contact: bool,
}

/// `[rest]`, of the embedded sidecar.
#[derive(Clone, Debug)]
pub struct Rest {
    /// Keys of backends.
    pub api_keys: Vec<Secret>,
    /// Whether publishing goes by the disk while Redis is away.
    pub outbox: bool,
    /// Bytes of a body.
    pub body_max: usize,
    /// Bytes of a batch.
    pub batch_max: usize,
    /// Of one user or key, and as many at once.
    pub requests_per_second: NonZeroU32,
    /// Wrong credentials a second of one address.
    pub refusals_per_second: NonZeroU32,
}

/// `[redis]`, besides its URL.
#[derive(Clone, Debug)]
pub struct Redis {
    /// In the place of the URL's.
    pub username: Option<String>,
    /// Likewise.
    pub password: Option<Secret>,
    /// Legal in a hash tag.
    pub prefix: String,
    /// At least one.
    pub connections: usize,
}

/// `[cluster]`: Node servers and emitters on the same Redis.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Emitters may publish.
    pub emitter: bool,
    /// Node servers share the cluster.
    pub node_compat: NodeCompat,
    /// Of their channels; nothing in it means anything in a pattern.
    pub node_prefix: String,
    /// Of the sharded adapter.
    pub node_subscription_mode: SubscriptionMode,
    /// Of the classic adapter.
    pub node_specific_responses: bool,
    /// Time to answer.
    pub node_timeout: Duration,
}

/// Which adapter Node servers have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeCompat {
    /// There are none.
    #[default]
    Off,
    /// `createAdapter`.
    Classic,
    /// `createShardedAdapter`.
    Sharded,
}

impl NodeCompat {
    /// Reads the word of the setting.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "classic" => Some(Self::Classic),
            "sharded" => Some(Self::Sharded),
            _ => None,
        }
    }
}

/// `[recovery]`.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// How long a client may be away; zero = nothing is kept.
    pub window: Duration,
    /// Events in the log.
    pub entries_max: usize,
    /// Their bytes.
    pub bytes_max: usize,
    /// Events of one replay.
    pub replay_events_max: usize,
    /// Their bytes.
    pub replay_bytes_max: usize,
    /// Sessions without a connection.
    pub sessions_max: usize,
}

/// `[namespaces]`.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// Further names and what they stand for; no chains.
    pub alias: HashMap<Namespace, Namespace>,
}

/// `[attachments]`.
#[derive(Clone, Debug)]
pub struct Attachments {
    /// Bytes of a file.
    pub bytes_max: usize,
    /// `None` = the files are in the data folder.
    pub s3_bucket: Option<String>,
    /// `None` = Amazon's.
    pub s3_endpoint: Option<String>,
    /// Of the bucket.
    pub s3_region: String,
}

/// `[shutdown]`.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// From SIGTERM to the exit.
    pub drain: Duration,
}
