//! What Crier's events mean, whoever carries them.
//!
//! ```text
//!   token ──▶ identity::Verifier ──▶ Identity ──┐
//!   room name, channel ──▶ room ────────────────┴▶ room::Policy ──▶ joined, or a Refusal
//!   event, data, params ──▶ event::Catalogue ──▶ Prepared ──▶ Publish ──▶ Bus ──▶ every replica
//! ```
//!
//! The server and the sidecar are written on top of this crate and meet only in the [`Bus`]. Nothing
//! here knows a transport or HTTP, and nothing reaches for the network: keys are given as text.
//!
//! Invariants: a claim is read only after its token's signature was checked; every join asks
//! [`room::Policy`]; every payload that is published under a name of the catalogue has the shape that
//! the catalogue says.

pub mod badge;
pub mod clock;
pub mod cluster;
pub mod dialect;
pub mod docs;
pub mod error;
pub mod event;
pub mod identity;
pub mod json;
pub mod publish;
pub mod redis;
pub mod room;
pub mod service;
pub mod settle;
pub mod store;
pub mod time;

pub use clock::Clock;
pub use cluster::Cluster;
pub use error::Refusal;
pub use event::{App, Catalogue, CatalogueError, Class, Direction, Params, Prepared, Row};
pub use identity::{
    AuthMode, DEVELOPMENT_CLUSTER_SECRET, DEVELOPMENT_SECRET, Identity, KeyError, Keys, Person,
    Role, TokenError, UserId, UserType, Verifier, VerifierOptions, mint,
};
pub use publish::{
    Args, ArgsError, Bus, BusError, Filter, Idempotency, Outlet, Publish, Published,
};
pub use room::{Membership, Policy, RoomName, RoomPattern, RoomRule, channel};
pub use store::Store;
pub use time::Timestamp;
