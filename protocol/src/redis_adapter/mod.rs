//! What Node's `socket.io` servers publish to each other over Redis, and what the official emitters
//! publish to them: `@socket.io/redis-adapter` 8.3 in both of its forms, `@socket.io/redis-emitter` 5.1.
//!
//! ```text
//!   payload ──▶ classic::{broadcast, request, response} ──▶ Message | Response
//!           ──▶ sharded::decode ────────────────────────▶ Message | Response
//!   Message | Response ──▶ the same bytes as Node writes ──▶ payload, and the channel for it (Channels)
//! ```
//!
//! Classic: three kinds of channels a namespace, broadcasts in msgpack, requests mostly in JSON. Sharded: one
//! channel a namespace and one a room, JSON unless there is binary data. Whoever may publish on these
//! channels is trusted by Redis' ACL alone: nothing is signed. So everything that is read is bounded
//! ([`Bounds`]), is data and never more than data, and what does not fit is refused as a whole.
//!
//! msgpack is read and written as notepack.io 3 does. Where numbers are concerned one thing differs: a double
//! at or beyond 2^64 is written as a double, where notepack.io writes an integer that is another number.

mod channel;
pub mod classic;
mod fields;
pub(crate) mod fuzz;
mod json;
mod message;
mod msgpack;
pub mod sharded;

pub use channel::{Channels, ClassicChannel, SubscriptionMode};
pub use message::{
    Event, Flags, Message, Order, RemoteSocket, Reply, RequestId, Response, Selection, Uid,
};

use crate::{Limits, socket::EncodeError};

/// What a foreign message may be. Sizes are bytes unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// One payload. Default 8 MiB: an answer tells of some thousand sockets with their headers.
    pub payload_max: usize,
    /// Values in one payload, whatever their size. Default 500,000: each takes 32 bytes when read.
    pub values_max: usize,
    /// Nesting of arrays and objects. Default 72: the arguments of an event may have 64.
    pub depth_max: usize,
    /// Rooms in one list. Default 10,000.
    pub rooms_max: usize,
    /// The name of a room. Default 256; none is empty.
    pub room_max: usize,
    /// Sockets in one answer. Default 50,000.
    pub sockets_max: usize,
    /// Arguments of an event, without its name. Default 64.
    pub args_max: usize,
    /// The name of an event. Default 128.
    pub event_name_max: usize,
    /// The name of a namespace. Default 128.
    pub namespace_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            payload_max: 8 << 20,
            values_max: 500_000,
            depth_max: limits.depth_max + 8,
            rooms_max: 10_000,
            room_max: 256,
            sockets_max: 50_000,
            args_max: limits.args_max,
            event_name_max: limits.event_name_max,
            namespace_max: limits.namespace_max,
        }
    }
}

/// Why a foreign message is dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No bytes at all.
    #[error("the payload is empty")]
    Empty,
    /// Too many bytes.
    #[error("{got} bytes, at most {max} are read")]
    TooLarge {
        /// How many there are.
        got: usize,
        /// How many are read.
        max: usize,
    },
    /// Too many values, or nested too deep.
    #[error("more values, or deeper ones, than are read")]
    TooMuch,
    /// Neither JSON nor the msgpack of notepack.io 3, or something behind it.
    #[error("neither JSON nor msgpack")]
    Syntax,
    /// A field that is not what it has to be.
    #[error("the field {0} is missing or not what it has to be")]
    Field(&'static str),
    /// A list that is too long.
    #[error("the list {0} is too long")]
    List(&'static str),
    /// A type that no adapter of these versions sends.
    #[error("unknown message type {0}")]
    Type(u64),
    /// Arguments that cannot be sent on to clients.
    #[error(transparent)]
    Args(#[from] EncodeError),
}
