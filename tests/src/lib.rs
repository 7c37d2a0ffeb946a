//! What the tests that see the whole system share, and `cargo ci`.
//!
//! ```text
//! ci         the steps of the one command; the program is src/bin/ci.rs
//! process    programs started with a clean environment, watched, and never left behind
//! report     lines that reach the reader of a captured test: the counts of foreign test runners
//! cluster    Redis, replicas, sidecars and a balancer; the program is src/bin/cluster.rs
//! light      thousands of clients in one thread
//! chaos      what is killed how often, and what must hold then; the program is src/bin/chaos.rs
//! workspace  where the sources and the binaries are
//! node       the official JavaScript clients, driven from Rust
//! interop    Node servers and emitters that share a Redis with Crier
//! raw        clients that break the rules, byte by byte
//! target     the server that they attack; the program is src/bin/target.rs
//! oracle     what must hold under every attack
//! suites     the public conformance suites (`CRIER_SUITES`)
//! readme     README.md as a script: its commands run in a fresh clone
//! ```
//!
//! The tests themselves are in `it/`, one file for a behaviour.

pub mod chaos;
pub mod ci;
pub mod cluster;
pub mod contract;
pub mod interop;
pub mod light;
pub mod node;
pub mod oracle;
pub mod process;
pub mod raw;
pub mod readme;
pub mod report;
pub mod suites;
pub mod target;
pub mod workspace;
