//! The sidecar: backends publish events by HTTP, and users and backends call what the shop does.
//!
//! ```text
//!   request ─▶ Host, Origin ─▶ table ─▶ credentials ─▶ query ─▶ body ─▶ Catalogue ─▶ Bus
//!                 421, 403    404, 405    401, 403      422   413, 415 └▶ Services   409, 429, 503
//! ```
//!
//! Every operation is a row of one `table`: routing, `Allow`, who may call, and `/openapi.json`
//! follow from it. A new operation is a function and a row in `routes/<resource>.rs`.
//!
//! The crate opens no sockets: whoever embeds it runs hyper, with its time limits for heads and idle
//! connections, and hands each request to [`Sidecar::handle`]. It meets the server only in the
//! [`Bus`](crier_domain::Bus).
//!
//! Invariants: nothing of a body is read before its sender is known; no body is held beyond its
//! limit; every answer that is no success has the one shape of [`error`].

mod access;
mod answer;
mod body;
mod call;
mod config;
mod documents;
pub mod error;
mod form;
mod origin;
pub mod outbox;
mod pages;
mod paging;
mod publishing;
mod query;
mod rate;
mod routes;
mod sidecar;
mod table;

pub use config::SidecarConfig;
pub use sidecar::{BoxBody, BoxError, Parts, Sidecar};
