//! The catalogue of events: one row each, from which validation and routing follow.
//!
//! A new event is one row in its app's file with its payload type. The row says who may send it, in
//! which shape, to which rooms, how it is kept for those who are away, and what counts it; nothing
//! else in Crier knows an event by name.

mod catalogue;
mod number;
mod params;
mod payload;
pub mod storefront;
pub mod system;
mod template;

pub use catalogue::{Catalogue, CatalogueError, PAYLOAD_BYTES_MAX, Prepared};
pub use number::{Amount, Count, Latitude, Longitude};
pub use params::{Params, ParamsError};
pub use payload::{Payload, PayloadType, describe, describe_parts};

use serde::{Deserialize, Serialize};

/// One event in one direction.
#[derive(Debug)]
pub struct Row {
    /// The event's name.
    pub name: &'static str,
    /// The namespace that it belongs to.
    pub namespace: &'static str,
    /// The app that it belongs to; `None` = there whatever apps are on.
    pub app: Option<App>,
    /// From whom to whom.
    pub direction: Direction,
    /// Who may send it.
    pub sender: Sender,
    /// The shape of its one argument.
    pub payload: PayloadType,
    /// The shape of a successful ack; `None` where the event has none.
    pub ack: Option<PayloadType>,
    /// Who receives it.
    pub audience: Audience,
    /// How it is kept.
    pub class: Class,
    /// Template of what the event is about, such as `{orderId}`: a receiver who is behind is owed
    /// only the newest of each.
    pub latest_of: Option<&'static str>,
    /// What counts it.
    pub rate: RateClass,
}

/// Which way an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// C→S.
    ToServer,
    /// S→C.
    ToClient,
}

/// Who may send an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Every socket, anonymous ones too.
    Anyone,
    /// Sockets of a user.
    User,
    /// Backends, through the sidecar, and Crier itself.
    Backend,
    /// Crier itself alone.
    Crier,
}

/// Who receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The sockets in any of the rooms, whose names are filled from the parameters, else from the
    /// payload. A room that cannot be filled is left out while another one is.
    Rooms(&'static [&'static str]),
    /// Every socket of the namespace that has the app on.
    Global,
    /// The one socket that it concerns; for an event to the server, the server.
    Direct,
}

/// How an event is kept for receivers who are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Not at all: typing, presence, what concerns one connection.
    Ephemeral,
    /// In the log, and replayed on recovery.
    Recoverable,
    /// In the log, and what it reports is in the store, on disk, before its sender is answered.
    Durable,
}

/// What counts an event against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// The socket's events a second.
    Socket,
    /// So many a minute of one user, over all sockets, besides the socket's.
    UserPerMinute(u32),
    /// The sidecar's limit a key.
    Backend,
    /// Nothing: Crier sends it.
    Uncounted,
}

/// A part of the product that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum App {
    /// Buyers, sellers, purchase requests, chat.
    Marketplace,
    /// Offers, orders and tracking, cart, support, groups, social.
    Storefront,
    /// Rooms, messages, notifications, orders with stock.
    Shop,
    /// Customers and vendors, with offline messages.
    VendorChat,
}

impl App {
    /// Every app; all are on by default.
    pub const ALL: [Self; 4] = [Self::Marketplace, Self::Storefront, Self::Shop, Self::VendorChat];

    /// Takes the word of the configuration and of `auth.apps`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.as_str() == word)
    }

    /// The word of the configuration and of `auth.apps`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::Storefront => "storefront",
            Self::Shop => "shop",
            Self::VendorChat => "vendor-chat",
        }
    }
}

/// Names that `socket.io-client` emits itself: one packet with such a name makes every client that
/// receives it throw or close (`socket.io-client` 4.8, `RESERVED_EVENTS`, and Node's emitter).
pub const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether no event may have this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
