//! The websocket protocol (RFC 6455) without I/O, for servers and clients.
//!
//! ```text
//!                handshake::check(&offer) ──▶ 101 and its key, or 400 / 426
//!
//!   bytes of one read                                      one event at a time
//!   ┌───────┬───────┬───────┐    ┌─────────────────┐
//!   │ frame │ frame │ fra…  │ ──▶│ Assembler::read │──▶ Message · Ping · Pong · Close
//!   └───────┴───────┴───────┘    │                 │──▶ Violation ──▶ append_close(its code), then cut
//!    unmasked where they lie     └────────┬────────┘
//!                                         └─ Box: an unfinished frame or message, nothing while idle
//!
//!   frames for the peer ◀── append_frame · append_masked_frame · append_close
//! ```
//!
//! The caller owns the socket and the clock. It hands every read to [`Assembler::read`] until that
//! says `None`, calls [`Assembler::handle_timeout`] when [`Assembler::poll_timeout`] is due, answers a
//! ping with at most one pong waiting to be written, and answers a close with the same code.
//!
//! No extension is negotiated. The first reserved bit, which marks a compressed message, is refused
//! in one place, `header::Header::parse`; permessage-deflate starts there.
//!
//! What holds for any input: no panic; memory for an unfinished message at most twice what has
//! arrived of it and never more than `max_payload` and a few hundred bytes; the same events however
//! the bytes are cut into reads.

mod assembler;
mod close;
mod frame;
pub mod handshake;
mod header;
mod mask;
mod partial;
mod rate;
mod text;

pub use assembler::{Assembler, Event};
pub use close::{CloseCode, CloseFrame, Violation};
pub use frame::{
    Opcode, ReservedOpcode, append_close, append_frame, append_header, append_masked_frame,
};

/// Which end of the connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Demands masked frames (RFC 6455, 5.1).
    Server,
    /// Refuses masked frames (RFC 6455, 5.1).
    Client,
}
