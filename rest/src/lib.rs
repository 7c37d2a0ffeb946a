//! The sidecar: backends publish events by HTTP.
//!
//! ```text
//!   request ─▶ Host, Origin ─▶ route ─▶ method ─▶ credentials ─▶ rate ─▶ body ─▶ Catalogue ─▶ Bus
//!                 421, 403      404      405       401, 403      429    413, 415   422       409, 503
//! ```
//!
//! The crate opens no sockets: whoever embeds it runs hyper, with its time limits for heads and idle
//! connections, and hands each request to [`Sidecar::handle`]. It meets the server only in the
//! [`Bus`](crier_domain::Bus).
//!
//! Invariants: nothing of a body is read before its sender is known; no body is held beyond its
//! limit; every answer that is no success has the one shape of [`error`].

mod access;
mod body;
mod config;
pub mod error;
mod origin;
mod publishing;
mod rate;
mod routes;
mod sidecar;

pub use config::SidecarConfig;
pub use sidecar::{BoxBody, BoxError, Sidecar};
