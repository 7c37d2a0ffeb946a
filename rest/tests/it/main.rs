//! The sidecar through its public interface, against a bus in memory. Tests named `a…` are rows of
//! the table of hostile requests, those named `o…` of the one about origins.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests fail by panicking, and spawn what the test then joins"
)]

mod access;
mod bus;
mod chat;
mod chat_files;
mod client;
mod cluster;
mod document;
mod events;
mod grants;
mod hostile;
mod hyper;
mod idempotency;
mod notifications;
mod orders;
mod origins;

mod sockets;
mod users;
