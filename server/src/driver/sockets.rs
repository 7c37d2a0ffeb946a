//! The sockets of a session: what its client's packets do, who is let in, whose turn it is.

use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crier_protocol::{
    CloseReason, Message,
    socket::{Incoming, Outgoing, Refused, Session},
};
use smallvec::SmallVec;

use super::{
    Driver, Upper,
    rate::{Bucket, Verdict},
    slot::{Received, Slot},
};
use crate::{
    metrics,
    namespace::{
        handler::{Ack, Refusal, Running},
        socket::Socket,
    },
    session::mailbox::Parcel,
};

/// Sockets of one session that have gone and whose handlers still run; more are not let come to be.
const ENDINGS_MAX: usize = 64;

/// What the last event of a client that is sent away is told: it may come back when it likes.
const EXPELLED_FOR: Duration = Duration::from_secs(1);

/// Socket.IO on one session.
pub(super) struct SocketIo {
    pub(super) session: Session,
    pub(super) slots: SmallVec<[Slot; 1]>,
    /// What is still done for sockets that have gone.
    pub(super) endings: Vec<Running>,
    pub(super) bucket: Bucket,
    /// CONNECTs apart from events, so that joining costs a client none of these.
    pub(super) connects: Bucket,
}

impl Driver {
    pub(super) fn message(&mut self, message: Message, now: Instant) {
        if self.closing {
            // What comes after a goodbye, or a fault, is not looked at.
            return;
        }
        let upper = match &mut self.upper {
            Upper::SocketIo(upper) => upper,
            Upper::Plain(handler, socket) => {
                return handler.on_message(socket, message, self.post_head.as_ref());
            }
        };
        metrics::packet_in();
        match upper.session.handle(message, now) {
            Ok(Some(incoming)) => self.incoming(incoming, now),
            Ok(None) => {}
            Err(violation) => self.violated(&violation, now),
        }
    }

    pub(super) fn incoming(&mut self, incoming: Incoming, now: Instant) {
        let Upper::SocketIo(upper) = &mut self.upper else {
            return;
        };
        match incoming {
            Incoming::Connect { namespace, auth } => {
                // Middleware is dear: whoever joins and leaves in a loop is held to the same rate.
                let refused = match upper.connects.take(&self.io.options().event_rate, now) {
                    Verdict::Expelled => return self.expel(now),
                    Verdict::Later(_) => ("Rate limit exceeded", Refused::ByMiddleware),
                    Verdict::Welcome => match self.io.enter(&namespace) {
                        Some(live) => {
                            let id = self.io.new_socket_id();
                            let handle = self.handle.clone();
                            let socket = Socket::new(id, live, namespace, handle, auth);
                            upper.slots.push(Slot::new(socket));
                            return;
                        }
                        None => ("Invalid namespace", Refused::UnknownNamespace),
                    },
                };
                let (message, why) = refused;
                let packet = Outgoing::connect_error(&namespace, message, None);
                self.handle.push(&Parcel::new(packet));
                if let Err(violation) = upper.session.refused(&namespace, why) {
                    self.violated(&violation, now);
                }
            }
            Incoming::Event { namespace, id, name, args } => {
                let Some(slot) = upper.slots.iter_mut().find(|slot| *slot.name() == namespace)
                else {
                    return;
                };
                match upper.bucket.take(&self.io.options().event_rate, now) {
                    Verdict::Welcome => slot.receive(Received { name, args, ack: id }),
                    Verdict::Later(after) => {
                        let ack = Ack::new(&slot.socket, id);
                        slot.socket.refuse(&name, Refusal::RateLimited(after), ack);
                    }
                    Verdict::Expelled => {
                        // Every ack is answered, this last one too.
                        let ack = Ack::new(&slot.socket, id);
                        if ack.is_wanted() {
                            slot.socket.refuse(&name, Refusal::RateLimited(EXPELLED_FOR), ack);
                        }
                        self.expel(now);
                    }
                }
            }
            Incoming::Ack { namespace, id, args } => {
                let slot = upper.slots.iter().find(|slot| *slot.name() == namespace);
                if !slot.is_some_and(|slot| slot.socket.resolve_ack(id, args)) {
                    metrics::unknown_ack();
                }
            }
            Incoming::Disconnect { namespace } => {
                let gone = |slot: &Slot| *slot.name() == namespace;
                let timeout = self.io.options().disconnect_timeout;
                upper.remove(gone, CloseReason::ClientNamespaceDisconnect, timeout);
            }
            Incoming::Ignored(_) => {
                if upper.bucket.take(&self.io.options().event_rate, now) == Verdict::Expelled {
                    self.expel(now);
                }
            }
        }
    }

    /// Sends a client away that kept on past its limits: each of its sockets is told.
    fn expel(&mut self, now: Instant) {
        if let Upper::SocketIo(upper) = &self.upper {
            for slot in upper.slots.iter().filter(|slot| slot.is_joined()) {
                slot.socket.refuse("", Refusal::Expelled, Ack::new(&slot.socket, None));
            }
        }
        self.disconnect_all(now);
    }

    /// Lets clients in, and gives the handlers their turn.
    pub(super) fn poll_sockets(&mut self, cx: &mut Context<'_>, now: Instant) {
        let Upper::SocketIo(upper) = &mut self.upper else {
            return;
        };
        let timeout = self.io.options().disconnect_timeout;
        let mut violation = None;
        let mut at = 0;
        while let Some(slot) = upper.slots.get_mut(at) {
            match slot.poll_verdict(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(plan)) => {
                    if !slot.socket.enter(plan) {
                        // Its own middleware disconnected it: it was told so, and nothing is begun.
                        upper.session.left(slot.name());
                        let slot = upper.slots.swap_remove(at);
                        slot.end(CloseReason::ServerNamespaceDisconnect, timeout);
                        continue;
                    }
                    upper.session.accepted(slot.name());
                    slot.join();
                    self.io.joined(&self.handle);
                }
                Poll::Ready(Err(error)) => {
                    let packet =
                        Outgoing::connect_error(slot.name(), &error.message, error.data.as_ref());
                    self.handle.push(&Parcel::new(packet));
                    let refused = upper.session.refused(slot.name(), Refused::ByMiddleware);
                    violation = refused.err().or(violation);
                    let slot = upper.slots.swap_remove(at);
                    slot.end(CloseReason::ServerNamespaceDisconnect, timeout);
                    continue;
                }
            }
            slot.poll_handlers(cx);
            at += 1;
        }
        upper.endings.retain_mut(|ending| ending.as_mut().poll(cx).is_pending());
        if upper.endings.is_empty() && upper.endings.capacity() > 0 {
            upper.endings = Vec::new();
        }
        let idle = upper.slots.iter().all(Slot::is_idle);
        if let Some(violation) = violation {
            self.violated(&violation, now);
        }
        if self.winding_down.is_some_and(|until| idle || until <= now) {
            self.winding_down = None;
            self.close(CloseReason::ServerShuttingDown, now);
        }
    }
}

impl SocketIo {
    /// Sockets that the server disconnected: the protocol machine is told.
    pub(super) fn left(
        &mut self,
        which: impl Fn(&Slot) -> bool,
        reason: CloseReason,
        timeout: Duration,
    ) {
        if let Some(slot) = self.slots.iter().find(|slot| which(slot)) {
            self.session.left(slot.name());
        }
        self.remove(which, reason, timeout);
    }

    pub(super) fn remove(
        &mut self,
        which: impl Fn(&Slot) -> bool,
        reason: CloseReason,
        timeout: Duration,
    ) {
        let mut at = 0;
        while let Some(slot) = self.slots.get(at) {
            if which(slot) {
                let slot = self.slots.swap_remove(at);
                self.endings.extend(slot.end(reason, timeout));
            } else {
                at += 1;
            }
        }
    }

    /// Whether as much waits for handlers as may.
    pub(super) fn is_behind(&self, events_max: usize, bytes_max: usize) -> bool {
        self.endings.len() >= ENDINGS_MAX
            || self.slots.iter().any(|slot| slot.is_behind(events_max, bytes_max))
    }
}
