//! Every wire format that Crier speaks, without I/O.
//!
//! ```text
//!   bytes ──▶ websocket::Assembler ──▶ engine::Connection ──▶ socket::Session ──▶ connects, events, acks
//!             polling body ───────────▶   (heartbeat, upgrade)   (namespaces, attachments)
//!   bytes ◀── socket::Outgoing: one packet, encoded once for each wire form ◀── emits, acks
//!
//!   redis_adapter: what Node servers and emitters publish to each other over Redis
//! ```
//!
//! What goes in: bytes from a peer, the time, and ids made by the caller. What comes out: events for
//! the application, bytes for the peer, and deadlines to be called back at. Nothing here reads a
//! clock, draws a random number, opens a socket or looks at the environment.

pub mod close;
pub mod engine;
pub mod fuzz;
pub mod id;
pub mod limits;
pub mod message;
pub mod redis_adapter;
pub mod socket;
pub mod websocket;

pub use close::CloseReason;
pub use id::{AckId, Namespace, Pid, ReplicaTag, Room, Sid, SocketId};
pub use limits::Limits;
pub use message::Message;
