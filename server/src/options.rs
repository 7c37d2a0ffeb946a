//! What a server is built with.

use std::{
    collections::HashMap, fmt, future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration,
};

use crier_protocol::{Limits, Namespace, ReplicaTag, engine::TransportName, socket::ParserChoice};
use http::{HeaderMap, request::Parts};

pub use crate::session::mailbox::OutboxLimits;
use crate::{
    cluster::{Asking, Replicas, Seal},
    recovery::{RecoveryOptions, Shared},
};

/// How a server listens to its clients; the defaults are those of the reference.
#[derive(Clone)]
pub struct Options {
    /// Every cap of the protocol.
    pub limits: Arc<Limits>,
    /// Where the sessions are served: a prefix of the request's path. Default `/socket.io/`.
    pub path: String,
    /// Which transports a client may use. Default both.
    pub transports: Vec<TransportName>,
    /// Whether a polling session may become a websocket. Default true.
    pub allow_upgrades: bool,
    /// The packet format. Default: whatever the client's first packet is written in.
    pub parser: ParserChoice,
    /// Bounds of what waits for one client.
    pub outbox: OutboxLimits,
    /// Rooms that one socket may be in, its own apart. Default 256.
    pub rooms_max: usize,
    /// Events that a connection may send.
    pub event_rate: EventRate,
    /// Events of one socket that wait while its handler runs, before its connection is not read any
    /// more and TCP pushes back. Default 64.
    pub handler_queue: usize,
    /// Time that handlers of a socket have at its end. Default 10 s.
    pub disconnect_timeout: Duration,
    /// Decides on every handshake before a session is made, and may add headers to its answer; the
    /// reference's `allowRequest` and `initial_headers` in one. Default: everyone, no headers.
    pub allow_request: Option<AllowRequest>,
    /// Which pages of other origins may connect, by polling and by websocket.
    pub origins: Arc<dyn Origins>,
    /// From the end of a POST's head to the end of its body, besides a second for each KiB that has
    /// come. Default 10 s; then the connection is closed.
    pub body_timeout: Duration,
    /// Sessions of one address that have not joined a namespace yet; 0 = no cap, the default.
    pub unauthenticated_per_address: usize,
    /// What is kept for clients that come back; `None`, the default, is nothing, as in the reference.
    pub recovery: Option<RecoveryOptions>,
    /// What this server shares with other replicas: the log of all events, and the sessions. Default nothing.
    /// Whoever sets it runs [`Io::follow`](crate::Io::follow) and
    /// [`Io::write_sessions`](crate::Io::write_sessions).
    pub shared: Option<Shared>,
    /// The other replicas of this server, to which requests for their sessions are passed on. Default
    /// none: a session id that is not known here is known nowhere.
    pub forwarding: Option<Forwarding>,
    /// The way to ask all replicas about their sockets, and to make these do something. Default none:
    /// whoever is meant is here.
    pub asking: Option<Asking>,
    /// Further names of namespaces: a client that connects to the first is in the second, and is
    /// answered under the first. Default none.
    pub aliases: HashMap<Namespace, Namespace>,
}

/// How the replicas of one server find and trust each other.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// What the session ids of this one name it by; no other replica has the same.
    pub tag: ReplicaTag,
    /// Who there is.
    pub replicas: Arc<dyn Replicas>,
    /// Signs what is passed on.
    pub seal: Arc<Seal>,
}

/// Which origins may talk to a server.
pub trait Origins: fmt::Debug + Send + Sync {
    /// Whether a request with these headers is welcome.
    fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool;
    /// Whether the browser may send cookies along.
    fn credentials(&self) -> bool {
        true
    }
}

/// Everyone may connect: for servers whose clients are no browsers, and for tests.
#[derive(Clone, Copy, Debug)]
pub struct AnyOrigin;

impl Origins for AnyOrigin {
    fn allows(&self, _origin: Option<&str>, _host: Option<&str>) -> bool {
        true
    }
}

/// How many events a connection may send, as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRate {
    /// Events a second, sustained; 0 = no limit. Default 50.
    pub per_second: u32,
    /// Events at once. Default 100.
    pub burst: u32,
    /// How long a connection may stay over its limit before it is closed for good. Default 10 s.
    pub patience: Duration,
}

impl Default for EventRate {
    fn default() -> Self {
        Self { per_second: 50, burst: 100, patience: Duration::from_secs(10) }
    }
}

impl EventRate {
    /// No limit.
    pub const NONE: Self = Self { per_second: 0, burst: 0, patience: Duration::ZERO };
}

/// The verdict on a handshake: headers for its answer, or the words of a 403.
pub type Admission = Result<HeaderMap, String>;

/// A function that decides on handshakes.
pub type AllowRequest =
    Arc<dyn Fn(&Parts, IpAddr) -> Pin<Box<dyn Future<Output = Admission> + Send>> + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Arc::new(Limits::default()),
            path: "/socket.io/".to_owned(),
            transports: vec![TransportName::Polling, TransportName::WebSocket],
            allow_upgrades: true,
            parser: ParserChoice::Auto,
            outbox: OutboxLimits::default(),
            rooms_max: 256,
            event_rate: EventRate::default(),
            handler_queue: 64,
            disconnect_timeout: Duration::from_secs(10),
            allow_request: None,
            origins: Arc::new(AnyOrigin),
            body_timeout: Duration::from_secs(10),
            unauthenticated_per_address: 0,
            recovery: None,
            shared: None,
            forwarding: None,
            asking: None,
            aliases: HashMap::new(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("path", &self.path)
            .field("transports", &self.transports)
            .finish_non_exhaustive()
    }
}
