//! The realtime server: Engine.IO and Socket.IO for the official clients, as a library with a public
//! handler API, and the binary `crier`.
//!
//! ```text
//!   TCP ─▶ http::serve ─▶ Io::handle ─┬─▶ GET, POST ─▶ mailbox ─┐
//!                                     └─▶ websocket ────────────┤
//!                                                               ▼
//!          Broadcast ─▶ Adapter ─▶ Registry ─▶ outbox ─▶ Driver (one task a session)
//!              ▲                                                │ events, one by one
//!              └──────────────── handlers of the application ◀──┘
//! ```
//!
//! In: HTTP requests and websocket frames of the official clients; calls of the handler API. Out:
//! events to handlers, packets to clients, metrics. Absent on purpose: what the events mean (that is
//! `crier-domain`) and the sidecar (`crier-rest`, which only the binary knows).
//!
//! ```no_run
//! use crier_server::{Ack, Io, Options, Payload, Socket};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let io = Io::new(Options::default());
//! let chat = io.of("/chat")?;
//! chat.on("say", |socket: Socket, Payload(text): Payload<String>, ack: Ack| async move {
//!     let _ = socket.broadcast().emit("said", &text);
//!     ack.send("ok");
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! crier_server::serve(listener, io).await?;
//! # Ok(())
//! # }
//! ```

pub mod adapter;
pub mod apps;
pub mod auth;
mod badge;
pub mod bus;
pub mod cli;
pub mod cluster;
pub mod config;
mod driver;
mod error;
pub mod http;
mod io;
mod metrics;
mod namespace;
mod options;
pub mod pages;
pub mod presence;
mod recovery;
mod room;
mod rules;
mod session;
pub mod start;
pub mod tasks;
mod upkeep;

pub use crier_protocol::{
    AckId, CloseReason, Limits, Message, Room, SocketId,
    socket::{Args, Binary, Value},
};

pub use self::{
    badge::{Badge, Who},
    error::{AckError, Acks, EmitError},
    http::serve,
    io::{BadNamespace, Io},
    namespace::{
        Handlers, Namespace,
        broadcast::Broadcast,
        handler::{Ack, Arrival, ConnectError, FromArgs, Payload, Refusal},
        socket::{Socket, rooms::JoinError},
    },
    options::{
        Admission, AllowRequest, AnyOrigin, EventRate, Forwarding, Options, Origins, OutboxLimits,
    },
    recovery::{Full, NotSaved, Outbound, Recovery, RecoveryOptions, Shared},
    session::{EngineHandler, EngineSocket, Handshake},
};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose state is whole at every moment, so that a panic elsewhere does not matter.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
