//! Events to many sockets, and changes to many at once.

use std::{fmt, sync::Arc, time::Duration};

use crier_protocol::{Room, socket::Args};
use serde::Serialize;

use super::Namespace;
use crate::{
    adapter::{Answers, Envelope, Request, SocketInfo, Target},
    badge::Who,
    error::{AckError, Acks, EmitError},
};

/// A selection of sockets in one namespace: those in any of the rooms (everyone where none is named)
/// and in none of the excepted ones. A socket in several of the rooms is taken once.
#[derive(Clone)]
#[must_use = "a selection does nothing until something is emitted or asked"]
pub struct Broadcast {
    namespace: Namespace,
    target: Target,
    volatile: bool,
    recoverable: bool,
    key: Option<Arc<str>>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Namespace) -> Self {
        let target = Target::default();
        Self { namespace, target, volatile: false, recoverable: true, key: None }
    }

    /// Adds a room.
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.target.rooms.push(room.into());
        self
    }

    /// Leaves out whoever is in a room.
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.target.except.push(room.into());
        self
    }

    /// Leaves out whom a filter does not let pass.
    pub fn only(mut self, who: Who) -> Self {
        self.target.who = who;
        self
    }

    /// Drops the event for clients to whom it cannot be written at once.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Is not kept for clients that come back.
    pub fn ephemeral(mut self) -> Self {
        self.recoverable = false;
        self
    }

    /// Stays on this replica.
    pub fn local(mut self) -> Self {
        self.target.local = true;
        self
    }

    /// Where a client is behind, only the newest event of this key is owed to it.
    pub fn latest_only(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends an event with one argument.
    ///
    /// # Errors
    /// The value cannot be written, the name is reserved, or the adapter does not take the event. What
    /// becomes of it at each client is not part of the answer.
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, value: &T) -> Result<(), EmitError> {
        self.emit_args(event, Args::one(value)?)
    }

    /// Sends an event with any number of arguments.
    ///
    /// # Errors
    /// As for [`Broadcast::emit`].
    pub fn emit_args(self, event: &str, args: Args) -> Result<(), EmitError> {
        let adapter = Arc::clone(self.namespace.adapter());
        adapter.publish(self.envelope(event, args))
    }

    /// Sends an event and gathers the acknowledgements that come in time.
    ///
    /// # Errors
    /// The event was not sent. Clients that do not answer are no error: compare
    /// [`Acks::answers`] with [`Acks::asked`].
    ///
    /// # Cancel safety
    /// Dropping the future forgets the acknowledgements; the event is sent all the same.
    pub async fn emit_with_ack(
        self,
        event: &str,
        args: Args,
        timeout: Duration,
    ) -> Result<Acks, AckError> {
        let adapter = Arc::clone(self.namespace.adapter());
        adapter.publish_with_ack(self.envelope(event, args), timeout).await
    }

    /// The sockets of the selection, on all replicas.
    pub async fn fetch_sockets(&self) -> Vec<SocketInfo> {
        self.ask(Request::Fetch).await.sockets
    }

    /// Makes the selected sockets enter rooms; tells how many there were.
    pub async fn join(&self, rooms: impl IntoIterator<Item = Room>) -> usize {
        self.ask(Request::Join(rooms.into_iter().collect())).await.matched
    }

    /// Makes the selected sockets leave rooms; tells how many there were.
    pub async fn leave(&self, rooms: impl IntoIterator<Item = Room>) -> usize {
        self.ask(Request::Leave(rooms.into_iter().collect())).await.matched
    }

    /// Disconnects the selected sockets, with `close` their whole connections; tells how many there
    /// were.
    pub async fn disconnect(&self, close: bool) -> usize {
        self.ask(Request::Disconnect { close }).await.matched
    }

    fn envelope(self, event: &str, args: Args) -> Envelope {
        let Self { namespace, target, volatile, recoverable, key } = self;
        let namespace = namespace.name().clone();
        Envelope { namespace, target, event: event.into(), args, volatile, recoverable, key }
    }

    async fn ask(&self, request: Request) -> Answers {
        let name = self.namespace.name();
        self.namespace.adapter().ask(name, &self.target, request).await
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", self.namespace.name())
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
