//! A load generator for any Socket.IO server that checks what it measures.
//!
//! ```text
//!   main ─▶ scenario ─┬─▶ ramp ─▶ client × N, publisher ─▶ the server
//!     ▲               ├─▶ process: the server's memory and CPU time
//!     └── report ◀────┴─▶ record: exact counts by numbered events, latencies
//! ```
//!
//! Clients speak the official protocol over websockets, cost a few hundred bytes each, and run on
//! one thread, so that server and generator can be pinned to a core each. Every event has a number:
//! a scenario fails when one is lost, doubled or out of order. Every wait has a deadline.
//!
//! Not here: polling clients, scenario files, several generator processes.

pub mod client;
pub mod crowd;
pub mod files;
pub mod payload;
pub mod process;
pub mod publisher;
pub mod ramp;
pub mod record;
pub mod report;
pub mod scenario;
pub mod target;
