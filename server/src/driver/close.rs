//! How a session ends: by a fault, by the server's word, by the server's own end.

use std::time::{Duration, Instant};

use crier_protocol::{
    CloseReason,
    engine::Input,
    socket::{Outgoing, Violation},
};

use super::{Driver, Upper, end, slot::Phase};
use crate::{metrics, session::mailbox::Parcel};

/// How long handlers at work may take while the server goes down.
const WIND_DOWN: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) fn end_now(&mut self, reason: CloseReason) {
        self.ended.get_or_insert(reason);
    }

    /// A client broke Socket.IO: its sockets go now, its transport as after a server's goodbye.
    pub(super) fn violated(&mut self, violation: &Violation, now: Instant) {
        metrics::packet_violation();
        tracing::debug!(%violation, "closing a session");
        self.close(violation.close_reason(), now);
        if matches!(violation, Violation::ConnectTimeout) {
            // It never said a word, so there is nobody to say goodbye to.
            self.end_now(violation.close_reason());
        }
    }

    pub(super) fn disconnect_all(&mut self, now: Instant) {
        if let Upper::SocketIo(upper) = &mut self.upper {
            for slot in &upper.slots {
                if let Phase::Joined { .. } = slot.phase {
                    self.handle.push(&Parcel::new(Outgoing::disconnect(slot.name())));
                }
            }
            let timeout = self.io.options().disconnect_timeout;
            upper.remove(|_| true, CloseReason::ServerNamespaceDisconnect, timeout);
        }
        self.close(CloseReason::ForcedClose, now);
    }

    /// The server goes down: nothing more is read, handlers at work finish and their
    /// acknowledgements get out, then the transport is closed so that the client comes back.
    pub(super) fn wind_down(&mut self, now: Instant) {
        if self.winding_down.is_some() || self.closing {
            return;
        }
        if let Upper::SocketIo(upper) = &self.upper {
            for slot in &upper.slots {
                slot.say_goodbye();
            }
        }
        self.winding_down = Some(now + WIND_DOWN);
    }

    /// Ends the transport after everything that waits has been sent.
    pub(super) fn close(&mut self, reason: CloseReason, now: Instant) {
        self.closing = true;
        if self.poll.is_some() && !self.handle.mailbox().is_empty() {
            self.input(Input::OutboxReady, now);
        }
        // The sockets go now, also where the client has still to fetch the last packets.
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.remove(|_| true, reason, self.io.options().disconnect_timeout);
        }
        self.input(Input::Close(reason), now);
    }

    /// Takes the session out of everything that knows it, lets its handlers finish, and parts with
    /// the websocket.
    pub(super) async fn finish(mut self, reason: CloseReason) {
        // Requests of the session that are under way are over: their connections are cut.
        (self.poll, self.new_poll, self.post, self.new_post) = (None, None, None, None);
        self.probe = None;
        self.io.forget_session(&self.handle);
        metrics::closed(reason);
        let mut endings = Vec::new();
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.remove(|_| true, reason, self.io.options().disconnect_timeout);
            endings = std::mem::take(&mut upper.endings);
        }
        let link = self.link.take();
        let outbox = (self.handle.mailbox(), self.parser(), self.base64);
        let goodbye = async {
            if let Some(link) = link {
                // Whoever is too slow gets no more of what it did not take.
                let rest = (reason != CloseReason::SlowConsumer).then_some(outbox);
                end::part(link, rest).await;
            }
            self.handle.mailbox().close();
        };
        // Each of them has its own deadline.
        tokio::join!(goodbye, futures_util::future::join_all(endings));
    }
}
