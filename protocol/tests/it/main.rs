//! The protocol from outside: what its users see, against the specifications and against others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests are tests too, and a wrong index is a failed test"
)]

mod websocket_autobahn;
mod websocket_chunks;
mod websocket_oracle;
mod websocket_wire;
