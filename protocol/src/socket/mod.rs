//! Socket.IO v5: packets, their two wire forms, and the state of one connection.
//!
//! ```text
//!   Message ──▶ Session ──▶ Incoming: Connect, Event, Ack, Disconnect, Ignored
//!                  │ Decoder: text packets and their attachments, or one msgpack map each
//!                  └ poll_timeout / handle_timeout: CONNECT deadline, attachments deadline
//!   Outgoing ──▶ websocket frames or polling records, one encoding a wire form, shared by receivers
//! ```
//!
//! A text packet is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`; its binary parts follow
//! as messages of their own. With `socket.io-msgpack-parser` a packet is one binary message.
//! Decoding is stricter than the reference where its leniency was the bug; each place says so.
//!
//! Arguments stay in the form in which they came ([`Args`]): what is only relayed is never parsed
//! into a tree. What leaves [`Session`] is well-formed, so it may be sent on as it is.

mod args;
mod auth;
mod binary;
mod decoder;
mod error;
mod frame;
pub(crate) mod fuzz;
pub(crate) mod json;
pub(crate) mod msgpack;
mod outgoing;
mod packet;
mod parts;
mod placeholder;
mod session;
pub(crate) mod stringify;
mod text;
pub(crate) mod tree;
mod value;
mod value_de;

pub use args::{ArgError, Args};
pub use auth::Auth;
pub use binary::Binary;
pub use decoder::{Parser, ParserChoice};
pub use error::{DecodeError, EncodeError, MsgpackError, PlaceholderError};
pub use outgoing::Outgoing;
pub use packet::{EventName, Packet, is_reserved};
pub use session::{Ignored, Incoming, Refused, Session, Violation};
pub use value::Value;
