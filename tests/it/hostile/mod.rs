//! Hostile input: one row, one test, against a running server and under the oracle
//! (`tests::oracle`). `table.rs` says which row is which test, and which rows are none and why.
//!
//! Every test is named after its rows, states one outcome that only the defence gives, and prints
//! what it cost. To see rows fail, point `HOSTILE_TARGET` at a server without the defence
//! (`reference.cjs`).

#![allow(
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a row cuts its own ASCII texts, and says what it found"
)]

mod abuse;
mod engine;
mod http;
mod http_framing;
mod known_cves;
mod origin;
mod payload;
mod rooms;
mod socket;
mod socket_floods;
mod socket_packets;
mod table;
mod tcp;
mod websocket;
mod websocket_frames;

use std::time::Duration;

/// Real limits; only the heartbeat is quicker, so that what a row abandons is soon reaped.
const CALM: &[&str] = &["socket.ping_interval=2000", "socket.ping_timeout=2000"];

/// Every timer about a second, for rows that wait for one.
const QUICK: &[&str] = &[
    "socket.ping_interval=500",
    "socket.ping_timeout=1000",
    "socket.upgrade_timeout=1000",
    "socket.connect_timeout=1000",
    "socket.message_timeout=1000",
    "http.header_timeout=1000",
    "http.write_timeout=1000",
    "http.keep_alive=1000",
];

/// A timer of `QUICK` and the time that a busy machine may take on top.
const SOON: Duration = Duration::from_secs(4);

/// Handshake and session paths that rows ask for again and again.
const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
