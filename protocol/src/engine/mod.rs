//! Engine.IO, revision 4: one ordered, heart-beaten stream of messages over HTTP long-polling or a
//! websocket.
//!
//! ```text
//!   query string ──▶ handshake::verify ──▶ Route, or a RequestError to answer with
//!   GET, POST, websocket message ──▶ Connection::handle ──▶ messages for Socket.IO, answers, deadlines
//! ```
//!
//! The open packet is not the [`Connection`]'s: the caller answers the handshake with
//! [`open_packet`] (as the body of the first GET, or as the websocket's first message) and makes
//! the connection at that moment, because the heartbeat counts from there.

mod connection;
mod error;
pub mod handshake;
mod heartbeat;
mod io;
mod packet;
mod payload;
mod polling;
mod upgrade;

pub use connection::Connection;
pub use error::DecodeError;
pub use handshake::{Query, Request, RequestError, Route, TransportName};
pub use handshake::{SidParam, open_packet, verify};
pub use io::{Input, Output, PollAnswer, PostAnswer};
pub use packet::{Packet, SEPARATOR};
pub use payload::{Records, payload};
