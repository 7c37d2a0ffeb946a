//! The websocket that wants to take over a polling session.

use std::time::{Duration, Instant};

use super::{
    Connection, Output, Packet, PollAnswer, PostAnswer, connection::State, polling::CLOSE,
};
use crate::{Limits, Message};

/// How long a GET is held while a probed websocket waits for it to end (`engine.io` 6.6.11
/// `lib/socket.ts`, `_maybeUpgrade`).
///
/// The client sends its `5` only when its last GET has come back, so holding that GET until the next
/// message would hold up the upgrade. The delay lets a message that is on its way end the GET instead.
pub(super) const NOOP_DELAY: Duration = Duration::from_millis(100);

/// An upgrade under way, from the websocket's opening to its `5`.
///
/// ```text
///   client                                     server
///     │ websocket with the session's sid         │
///     ├─────────────────────────────────────────▶│  nothing is sent; upgrade_timeout starts
///     │ 2probe                                   │
///     ├─────────────────────────────────────────▶│
///     │                                   3probe │
///     │◀─────────────────────────────────────────┤
///     │            6, to every GET held NOOP_DELAY│
///     │◀─────────────────────────────────────────┤
///     │ 5                                        │
///     ├─────────────────────────────────────────▶│  the websocket is the transport
/// ```
///
/// Until the `5`, the session is a polling session in every way.
#[derive(Debug)]
pub(super) struct Upgrade {
    deadline: Instant,
    probed: bool,
    /// When the held GET is answered with a noop; only after the probe, and only if one is held.
    noop_at: Option<Instant>,
}

impl Upgrade {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self { deadline: now + limits.upgrade_timeout, probed: false, noop_at: None }
    }

    /// The probe was answered. It may come again, which changes nothing.
    pub(super) fn on_probe(&mut self, poll_held: bool, now: Instant) {
        self.probed = true;
        if poll_held && self.noop_at.is_none() {
            self.noop_at = Some(now + NOOP_DELAY);
        }
    }

    /// A GET is held from now.
    pub(super) fn on_poll_held(&mut self, now: Instant) {
        if self.probed {
            self.noop_at = Some(now + NOOP_DELAY);
        }
    }

    /// The held GET has been answered.
    pub(super) fn on_poll_answered(&mut self) {
        self.noop_at = None;
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        self.noop_at.map_or(self.deadline, |noop| noop.min(self.deadline))
    }

    /// Whether the held GET is to be answered with a noop.
    pub(super) fn is_noop_due(&self, now: Instant) -> bool {
        self.noop_at.is_some_and(|at| at <= now)
    }

    /// Whether the time for the `5` is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now
    }
}

impl Connection {
    pub(super) fn on_probe_opened(&mut self, now: Instant) {
        match &mut self.state {
            State::Closed { .. } => {}
            State::Polling(polling) if polling.upgrade.is_none() => {
                polling.upgrade = Some(Box::new(Upgrade::new(&self.limits, now)));
            }
            State::Polling(_) | State::WebSocket => self.push(Output::RefuseProbe),
        }
    }

    pub(super) fn on_probe_message(&mut self, message: Message, now: Instant) {
        let State::Polling(polling) = &mut self.state else {
            return;
        };
        let Some(upgrade) = &mut polling.upgrade else {
            return;
        };
        match Packet::decode(message) {
            Ok(Packet::Ping(data)) if data == "probe" => {
                upgrade.on_probe(polling.poll_held, now);
                self.push(Output::SendProbe(Packet::Pong(data)));
            }
            Ok(Packet::Upgrade) => self.on_upgrade(),
            Ok(_) | Err(_) => {
                polling.upgrade = None;
                self.push(Output::CloseProbe);
            }
        }
    }

    /// The `5` of the probing websocket; a client may send it without a probe.
    pub(super) fn on_upgrade(&mut self) {
        // A clean client has neither left: it waits for them before its `5`.
        self.answer_poll(PollAnswer::Body(CLOSE));
        if self.take_post() {
            self.push(Output::AnswerPost(PostAnswer::Cut));
        }
        let closing = self.polling().and_then(|polling| polling.closing);
        self.state = State::WebSocket;
        self.push(Output::Upgraded);
        if let Some(closing) = closing {
            self.close(closing.reason, CLOSE);
        }
    }
}
