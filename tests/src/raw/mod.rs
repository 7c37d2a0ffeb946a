//! Clients that break the rules: bytes as given, in the segments given, then silence or a reset.
//!
//! ```text
//!   Wire       one TCP connection: send, drip, reset, read with a deadline
//!   Response   one HTTP/1.1 answer read from a wire
//!   Frame      one websocket frame, with any bit wrong
//!   WebSocket  a wire after its 101: frames out, messages and the close in
//!   Polling    an Engine.IO session over long-polling
//! ```
//!
//! Everything blocks, and every wait has a deadline; a missed one panics, which fails the row.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a row fails by panicking, its helpers too"
)]

mod frame;
mod polling;
mod response;
mod wait;
mod websocket;
mod wire;

pub use frame::{Frame, opcode};
pub use polling::Polling;
pub use response::Response;
pub use wait::{WAIT, eventually};
pub use websocket::{Closed, Received, WebSocket, upgrade_request};
pub use wire::Wire;
