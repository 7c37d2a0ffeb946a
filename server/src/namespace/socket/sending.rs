//! What is sent to one client, and the acknowledgements that it owes.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crier_protocol::{
    AckId, Room,
    socket::{Args, Outgoing},
};
use serde::Serialize;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{
    super::{acks::PendingAck, broadcast::Broadcast},
    Socket,
};
use crate::{
    adapter::{Envelope, Target},
    error::{AckError, EmitError},
    lock,
    session::mailbox::{Parcel, Pushed},
};

impl Socket {
    /// Sends an event with one argument.
    ///
    /// # Errors
    /// The value cannot be written, the name is reserved, or the client is gone or too slow.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<(), EmitError> {
        self.emit_args(event, Args::one(value)?)
    }

    /// Sends an event with any number of arguments.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_args(&self, event: &str, args: Args) -> Result<(), EmitError> {
        if self.recoveries().is_none() || !self.is_connected() {
            return self.emit_direct_args(event, args);
        }
        self.publish(event, args)
    }

    /// Sends what its client gets once, and not again when it comes back: a greeting. Whether this is
    /// the first time. Of several that are sent together a client that is lost meanwhile misses none: it
    /// gets them on coming back.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn greet<const N: usize>(&self, greeting: [(&str, Args); N]) -> Result<bool, EmitError> {
        let held = self.0.held.get().filter(|_| self.recoveries().is_some());
        if held.is_some_and(|held| !held.session.greet()) {
            return Ok(false);
        }
        for (event, args) in greeting {
            match held {
                // Also where this socket has gone by now: the session is there still.
                Some(_) => self.publish(event, args)?,
                None => self.emit_direct_args(event, args)?,
            }
        }
        Ok(true)
    }

    /// Whether its client has been sent its greeting, by this socket or by one that it goes on as.
    pub fn is_greeted(&self) -> bool {
        self.0.held.get().is_some_and(|held| held.session.is_greeted())
    }

    /// To its own room: in the log, and to whichever socket has the id when it is delivered.
    fn publish(&self, event: &str, args: Args) -> Result<(), EmitError> {
        let rooms = SmallVec::from_elem(Room::from(self.id().as_str()), 1);
        self.0.namespace.adapter().publish(Envelope {
            namespace: self.0.namespace.name().clone(),
            target: Target { rooms, ..Target::default() },
            event: event.into(),
            args,
            volatile: false,
            recoverable: true,
            key: None,
        })
    }

    /// Sends an event with one argument that concerns this connection alone: it is not kept for a client
    /// that comes back. An answer, an error, a greeting.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_direct<T: Serialize + ?Sized>(
        &self,
        event: &str,
        value: &T,
    ) -> Result<(), EmitError> {
        self.emit_direct_args(event, Args::one(value)?)
    }

    /// As [`Socket::emit_direct`], with any number of arguments.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_direct_args(&self, event: &str, args: Args) -> Result<(), EmitError> {
        let packet = Outgoing::event(&self.0.name, event, args, None)?;
        pushed(self.push_unlogged(packet, false))
    }

    /// Sends an event that is dropped where it cannot be written at once.
    ///
    /// # Errors
    /// As for [`Socket::emit`]; being dropped is no error.
    pub fn emit_volatile(&self, event: &str, args: Args) -> Result<(), EmitError> {
        let packet = Outgoing::event(&self.0.name, event, args, None)?;
        pushed(self.push_unlogged(packet, true))
    }

    /// Sends an event and waits for the client's acknowledgement.
    ///
    /// # Errors
    /// The event was not sent, no answer came in time, or the client left before.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the acknowledgement; the event is sent all the same.
    pub async fn emit_with_ack(
        &self,
        event: &str,
        args: Args,
        timeout: Duration,
    ) -> Result<Args, AckError> {
        let id = self.0.namespace.next_ack_id();
        let packet =
            Outgoing::event(&self.0.name, event, args, Some(id)).map_err(EmitError::from)?;
        let (sender, answer) = oneshot::channel();
        self.expect_ack(id, PendingAck::One(sender))?;
        let _forget = ForgetAck { socket: self, id };
        pushed(self.push(&Parcel::new(packet)))?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout),
        }
    }

    /// Everyone in a room but this socket.
    pub fn to(&self, room: impl Into<Room>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Everyone in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.everyone().except(self.id().as_str())
    }

    // For the namespace and the session's owner.

    /// Queues a packet, unless the socket has gone.
    pub(crate) fn push(&self, parcel: &Arc<Parcel>) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        self.0.session.push(&parcel.known_as(&self.0.name))
    }

    /// Queues an event of the log, unless the socket has gone.
    pub(crate) fn push_logged(&self, parcel: &Arc<Parcel>, id: u64) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        let parcel = parcel.known_as(&self.0.name);
        self.0.session.mailbox().push_marked(&parcel, &self.0.mark, id)
    }

    /// Queues an event that is in no log. Where there is one, the event says up to where the client has
    /// got everything when it gets this.
    fn push_unlogged(&self, packet: Outgoing, volatile: bool) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        let parcel = |packet| Arc::new(Parcel { volatile, ..Parcel::from(packet) });
        let Some(recoveries) = self.recoveries() else {
            return self.0.session.push(&parcel(packet));
        };
        let log = &recoveries.log;
        self.0.session.mailbox().push_made(|| {
            let last = log.complete().max(self.0.mark.load(Ordering::Acquire));
            parcel(packet.with_last(&log.offset(last)))
        })
    }

    pub(crate) fn send_ack(&self, id: AckId, args: Args) {
        match Outgoing::ack(&self.0.name, id, args) {
            Ok(packet) => {
                self.push(&Parcel::new(packet));
            }
            Err(error) => tracing::error!(%error, "an acknowledgement cannot be written"),
        }
    }

    /// Notes that an acknowledgement is awaited; the caller forgets it at the end of its wait.
    pub(crate) fn expect_ack(&self, id: AckId, pending: PendingAck) -> Result<(), AckError> {
        let max = self.0.namespace.options().limits.pending_acks_max;
        let mut state = lock(&self.0.state);
        if self.is_gone() {
            return Err(AckError::Disconnected);
        }
        if state.acks.len() >= max {
            return Err(AckError::TooMany { max });
        }
        state.acks.insert(id, pending);
        Ok(())
    }

    /// Ends a wait; false if it had ended already.
    pub(crate) fn forget_ack(&self, id: AckId) -> bool {
        let mut state = lock(&self.0.state);
        let found = state.acks.remove(&id).is_some();
        if state.acks.is_empty() {
            state.acks = HashMap::new();
        }
        found
    }

    /// An acknowledgement came in; false where none of that id is awaited.
    pub(crate) fn resolve_ack(&self, id: AckId, args: Args) -> bool {
        let pending = lock(&self.0.state).acks.remove(&id);
        match pending {
            Some(PendingAck::One(sender)) => {
                // The waiter may have given up just now.
                let _ = sender.send(args);
                true
            }
            Some(PendingAck::Many(collector)) => {
                collector.answer(args);
                true
            }
            None => false,
        }
    }
}

fn pushed(pushed: Pushed) -> Result<(), EmitError> {
    match pushed {
        Pushed::Queued | Pushed::Dropped => Ok(()),
        Pushed::Overflow => Err(EmitError::Overflow),
        Pushed::Closed => Err(EmitError::Disconnected),
    }
}

/// Forgets an awaited acknowledgement when dropped, so that nothing is left of a wait that ended.
struct ForgetAck<'a> {
    socket: &'a Socket,
    id: AckId,
}

impl Drop for ForgetAck<'_> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
