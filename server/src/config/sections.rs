//! The typed configuration, section by section. What each value means, its unit, default and source
//! stand in the [settings table](super::SETTINGS); here is what the rest of the server may rely on.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crier_protocol::Limits;

use super::secret::Secret;

/// The four apps of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum App {
    /// Buyers, sellers, purchase requests, payments, chat.
    Marketplace,
    /// Offers, orders and tracking, cart, support, group buying.
    Storefront,
    /// Rooms, messages, notifications, orders with stock.
    Shop,
    /// Customer and vendor chat on `/presence` and `/chat`.
    VendorChat,
}

impl App {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 4] = [Self::Marketplace, Self::Storefront, Self::Shop, Self::VendorChat];

    /// As it is written in the configuration and in a client's `auth.apps`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::Storefront => "storefront",
            Self::Shop => "shop",
            Self::VendorChat => "vendor-chat",
        }
    }

    /// The app of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.as_str() == name)
    }
}

/// How packets are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserChoice {
    /// By the first packet of each connection.
    Auto,
    /// socket.io-parser: text, binary as attachments.
    Default,
    /// socket.io-msgpack-parser: every packet one binary message.
    Msgpack,
}

/// `[socket]`.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Starts and ends with a slash.
    pub path: String,
    /// Whether long-polling is answered.
    pub polling: bool,
    /// Whether websockets are answered. At least one of the two is on.
    pub websocket: bool,
    /// Packet encoding.
    pub parser: ParserChoice,
    /// What the protocol machine enforces.
    pub limits: Limits,
    /// Zero = sessions are never recovered.
    pub recovery_window: Duration,
    /// Frames waiting for one receiver.
    pub outbox_frames: usize,
    /// Bytes waiting for one receiver.
    pub outbox_bytes: usize,
    /// Rooms of one socket.
    pub rooms_max: usize,
    /// `None` = no cap.
    pub sockets_per_user: Option<NonZeroUsize>,
    /// Sustained rate of one socket.
    pub events_per_second: u32,
    /// Burst of one socket; at least the rate.
    pub events_burst: u32,
    /// Bytes of one event's payload on the apps' namespaces.
    pub event_payload_max: usize,
}

/// `[http]`, of all listeners.
#[derive(Clone, Debug)]
pub struct Http {
    /// First byte (first request: accept) to end of head.
    pub header_timeout: Duration,
    /// Idle between requests.
    pub keep_alive: Duration,
    /// End of head to end of body.
    pub body_timeout: Duration,
    /// Bytes a second; 0 = any.
    pub body_rate_min: usize,
    /// A peer taking what is written.
    pub write_timeout: Duration,
    /// Bytes of a head.
    pub head_max: usize,
    /// Lines of a head.
    pub headers_max: usize,
    /// Bytes of a request target.
    pub uri_max: usize,
    /// Bytes of all bodies and unfinished messages in the process.
    pub in_flight_max: usize,
    /// `None` = as many as the process may open files.
    pub connections_max: Option<NonZeroUsize>,
    /// Unauthenticated ones of one address; `None` = no cap.
    pub connections_per_ip: Option<NonZeroUsize>,
    /// New sessions of one address a second, burst twice that; `None` = no cap.
    pub handshakes_per_second: Option<NonZeroUsize>,
}

/// Whether a socket needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// CONNECT_ERROR without a good one.
    Required,
    /// Anonymous without a good one.
    Optional,
    /// Tokens are ignored; the first id that a client claims binds its socket.
    Off,
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
    /// Bytes of a token.
    pub token_max: usize,
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
    /// Bytes of a chat attachment.
    pub attachment_max: usize,
    /// Of one user or key, burst twice that; `None` = no cap.
    pub requests_per_second: Option<NonZeroUsize>,
}

/// `[shutdown]`.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// From SIGTERM to the exit.
    pub drain: Duration,
}
