//! Events between servers: `serverSideEmit` of the reference.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_protocol::socket::{Args, Value};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    Handlers, Namespace,
    handler::{FromArgs, Running},
};
use crate::{error::EmitError, lock};

pub(crate) type ServerSideHandler =
    Arc<dyn Fn(Namespace, Args, ServerAck) -> Running + Send + Sync>;

/// What the other servers of the cluster answered.
#[derive(Clone, Debug, Default)]
pub struct ServerAcks {
    /// The answers, in the order they came; one of each server that gave one.
    pub answers: Vec<Value>,
    /// Servers that did not answer in time. Node's have no name that could be told.
    pub missing: Vec<String>,
}

impl ServerAcks {
    /// Whether every other server has answered.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Where the answer to another server's event goes. Only the first answer counts, and only its first
/// argument, as in the reference; dropped, it leaves the other server waiting until its timeout.
#[must_use = "a server that asked for an acknowledgement waits for it"]
pub struct ServerAck(Mutex<Option<oneshot::Sender<Value>>>);

impl ServerAck {
    /// An answer that goes to `receiver`; none where nobody waits.
    pub(crate) fn new(receiver: Option<oneshot::Sender<Value>>) -> Self {
        Self(Mutex::new(receiver))
    }

    /// Whether the other server waits for an answer.
    pub fn is_wanted(&self) -> bool {
        lock(&self.0).is_some()
    }

    /// Answers; does nothing where no answer is wanted.
    pub fn send<T: Serialize + ?Sized>(self, value: &T) {
        let Some(sender) = lock(&self.0).take() else { return };
        match Args::one(value) {
            // The one that asked may have given up.
            Ok(args) => drop(sender.send(args.get(0).unwrap_or_default())),
            Err(error) => tracing::error!(%error, "an acknowledgement cannot be written as JSON"),
        }
    }
}

impl fmt::Debug for ServerAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAck").field("wanted", &self.is_wanted()).finish()
    }
}

impl Handlers {
    /// Calls a handler for an event of another server ([`Namespace::server_side_emit`]), once on every server
    /// but the one that emits. A later registration of the same name replaces it. Handlers of
    /// different events, and of two of the same, may run at the same time.
    pub fn on_server_side<T, F, Fut>(&self, event: &str, handler: F)
    where
        T: FromArgs,
        F: Fn(Namespace, T, ServerAck) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let name: Arc<str> = event.into();
        let wrapped: ServerSideHandler = Arc::new(move |namespace, args, ack| {
            match T::from_args(args) {
                Ok(payload) => Box::pin(handler(namespace, payload, ack)),
                Err(error) => {
                    tracing::warn!(event = %name, %error, "another server's event is not understood");
                    Box::pin(std::future::ready(()))
                }
            }
        });
        self.change(|b| {
            b.server_side.insert(event.into(), wrapped);
        });
    }
}

impl Namespace {
    /// Calls a handler for an event of another server; see [`Handlers::on_server_side`].
    pub fn on_server_side<T, F, Fut>(&self, event: &str, handler: F)
    where
        T: FromArgs,
        F: Fn(Namespace, T, ServerAck) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers().on_server_side(event, handler);
    }

    /// Sends an event to the handlers of all other servers of the cluster; at most once each, and to nobody
    /// where there is no other.
    ///
    /// # Errors
    /// The name is reserved.
    pub async fn server_side_emit(&self, event: &str, args: Args) -> Result<(), EmitError> {
        check(event)?;
        self.adapter().server_side_emit(self.name(), event, args, None).await;
        Ok(())
    }

    /// Sends an event to the handlers of all other servers and gathers what they answer in time. A cluster
    /// of one has no other server, and so no answers.
    ///
    /// # Errors
    /// The name is reserved. Servers that do not answer are no error: see [`ServerAcks::missing`].
    ///
    /// # Cancel safety
    /// Dropping the future forgets the answers; the event is sent all the same.
    pub async fn server_side_emit_with_ack(
        &self,
        event: &str,
        args: Args,
        timeout: Duration,
    ) -> Result<ServerAcks, EmitError> {
        check(event)?;
        Ok(self.adapter().server_side_emit(self.name(), event, args, Some(timeout)).await)
    }

    /// The handler of an event of another server, at work; `None` where there is none.
    pub(crate) fn server_side(
        &self,
        event: &str,
        args: Args,
        ack: ServerAck,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let handler = self.behaviour().server_side.get(event).cloned()?;
        Some(handler(self.clone(), args, ack))
    }
}

fn check(event: &str) -> Result<(), EmitError> {
    match crier_protocol::socket::is_reserved(event) {
        Some(name) => Err(crier_protocol::socket::EncodeError::ReservedName(name).into()),
        None => Ok(()),
    }
}
