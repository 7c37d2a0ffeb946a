//! Tests that see the whole system: real programs, real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod ask;
mod binary;
mod browser;
mod chaos;
mod contract;
mod documents;
mod drain;
mod durable;
mod filters;
mod forward;
mod handlers;
mod hostile;
mod live;
mod official_client;
mod readme;
mod recovery;
mod server;
mod shop;
mod suites;
mod tidy;
mod vendor_chat;
