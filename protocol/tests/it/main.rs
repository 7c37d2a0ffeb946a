//! The protocol from outside: wire vectors, dialogues in virtual time, random input, and the
//! judgement of others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do; clippy.toml frees the tests themselves only"
)]

mod engine_close;
mod engine_handshake;
mod engine_heartbeat;
mod engine_packets;
mod engine_polling;
mod engine_random;
mod engine_script;
mod engine_upgrade;
mod engine_websocket;
mod fuzz_corpus;
mod redis_adapter;
mod socket_hostile;
mod socket_outgoing;
mod socket_peer;
mod socket_properties;
mod socket_session;
mod socket_vectors;
mod vectors;
mod websocket_autobahn;
mod websocket_chunks;
mod websocket_oracle;
mod websocket_wire;
