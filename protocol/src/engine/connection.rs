//! One session: its transport, its heartbeat, its upgrade and its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;

use super::{
    Input, Output, Packet, PollAnswer, PostAnswer, TransportName,
    heartbeat::{Beat, Heartbeat},
    io::Outputs,
    polling::{Body, CLOSE, Closing, NOOP, Polling},
};
use crate::{CloseReason, Limits, Message};

/// How long a close packet waits for a GET to take it (`engine.io` 6.6.11
/// `lib/transports/polling.ts`, `closeTimeout`).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// An Engine.IO session, without its sockets.
///
/// Drive it so: `handle` one input, take every output, wait until the next input or until
/// `poll_timeout`. An idle session is one allocation-free value of some 150 bytes.
#[derive(Debug)]
pub struct Connection {
    pub(super) limits: Arc<Limits>,
    pub(super) state: State,
    heartbeat: Heartbeat,
    /// The POST that is being taken apart. Its packets are read one by one, as the outputs are taken,
    /// so that a body of thousands of packets never exists as a list.
    pub(super) body: Option<Box<Body>>,
    outputs: Outputs,
}

/// Where the session is.
///
/// ```text
///    new(Polling)                                                  new(WebSocket)
///         │         ProbeOpened                                          │
///         ▼       ┌──────────────▶┐        `5`                           ▼
///      Polling ───┤               ├─ probing ─────────────────────▶ WebSocket
///       │ │ │     └◀──────────────┘ probe closed, other packet,       │
///       │ │ │                       upgrade_timeout                   │
///       │ │ └─ Close(..) while no GET is held ──▶ closing             │
///       │ │                                        │ next GET: `6 1`  │
///       │ │                                        │ `5`: websocket   │
///       │ │                                        │ 30 s             │
///       │ └─ Close(..) while a GET is held: `1` ───┼──────┐           │
///       │    ping timeout, violation, `1`          ▼      ▼           │
///       └────────────────────────────────────────▶  Closed ◀──────────┘
/// ```
///
/// `probing` and `closing` are parts of `Polling` and exclude neither each other nor anything that
/// polling does.
#[derive(Debug)]
pub(super) enum State {
    Polling(Polling),
    WebSocket,
    Closed { reason: CloseReason, transport: TransportName },
}

impl Connection {
    /// Starts the session that the open packet was sent for, at `now`.
    pub fn new(transport: TransportName, limits: &Arc<Limits>, now: Instant) -> Self {
        Self {
            limits: Arc::clone(limits),
            state: match transport {
                TransportName::Polling => State::Polling(Polling::default()),
                TransportName::WebSocket => State::WebSocket,
            },
            heartbeat: Heartbeat::new(limits, now),
            body: None,
            outputs: Outputs::default(),
        }
    }

    /// Takes one input. `now` never goes back.
    ///
    /// Outputs should have been taken before. Only [`Input::Close`] has its use earlier: given between
    /// two [`Output::Message`]s of a POST, it stops the rest of them from coming.
    pub fn handle(&mut self, input: Input, now: Instant) {
        if let Input::Close(reason) = input {
            return self.on_close(reason, now);
        }
        while self.body.is_some() {
            self.read_record();
        }
        match input {
            Input::PollOpened { ready } => self.on_poll_opened(ready, now),
            Input::PollAborted => self.on_poll_aborted(),
            Input::PostOpened => self.on_post_opened(),
            Input::PostBody(body) => self.on_post_body(body, now),
            Input::PostAborted => {
                if self.take_post() {
                    self.close(CloseReason::TransportError, CLOSE);
                }
            }
            Input::PostRefused => {
                if self.take_post() {
                    self.push(Output::AnswerPost(PostAnswer::Status(413)));
                }
            }
            Input::PostIllegal => {
                if self.take_post() {
                    self.push(Output::AnswerPost(PostAnswer::Status(400)));
                    self.close(CloseReason::TransportError, CLOSE);
                }
            }
            Input::OutboxReady => self.answer_poll(PollAnswer::Drain),
            Input::ProbeOpened => self.on_probe_opened(now),
            Input::ProbeMessage(message) => self.on_probe_message(message, now),
            Input::ProbeClosed => {
                if let Some(polling) = self.polling() {
                    polling.upgrade = None;
                }
            }
            Input::Frame(message) => self.on_frame(message, now),
            Input::TransportClosed => self.on_transport_gone(CloseReason::TransportClose),
            Input::TransportFailed => self.on_transport_gone(CloseReason::TransportError),
            Input::Timeout => self.on_timeout(now),
            Input::Close(_) => {}
        }
    }

    /// What to do next; `None` when all is done for now.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop() {
                return Some(output);
            }
            if !self.read_record() {
                return None;
            }
        }
    }

    /// When to call with [`Input::Timeout`]; `None` only once the session has ended. A time in the past
    /// means at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Closed { .. } => None,
            State::WebSocket => Some(self.heartbeat.due()),
            State::Polling(polling) => {
                let due = polling.closing.map_or(self.heartbeat.due(), |c| c.until);
                Some(polling.upgrade.as_ref().map_or(due, |u| u.due().min(due)))
            }
        }
    }

    /// The transport that carries the session, the last one if it has ended.
    pub fn transport(&self) -> TransportName {
        match self.state {
            State::Polling(_) => TransportName::Polling,
            State::WebSocket => TransportName::WebSocket,
            State::Closed { transport, .. } => transport,
        }
    }

    /// Whether a websocket is probing.
    pub fn is_upgrading(&self) -> bool {
        matches!(&self.state, State::Polling(polling) if polling.upgrade.is_some())
    }

    /// Whether the server has ended the session and a close packet waits for the next GET. Nothing
    /// that the client sends now is delivered.
    pub fn is_closing(&self) -> bool {
        matches!(&self.state, State::Polling(polling) if polling.closing.is_some())
    }

    /// Why the session has ended, if it has; from then on every input is ignored.
    pub fn is_closed(&self) -> Option<CloseReason> {
        match self.state {
            State::Closed { reason, .. } => Some(reason),
            State::Polling(_) | State::WebSocket => None,
        }
    }

    /// Pongs that answered no ping: a sign of a peer that is broken or means harm.
    pub fn unsolicited_pongs(&self) -> u32 {
        self.heartbeat.unsolicited_pongs()
    }

    fn on_frame(&mut self, message: Message, now: Instant) {
        if !matches!(self.state, State::WebSocket) {
            return;
        }
        match Packet::decode(message) {
            Ok(packet) => self.on_packet(packet, now),
            Err(_) => self.close(CloseReason::ParseError, CLOSE),
        }
    }

    pub(super) fn on_packet(&mut self, packet: Packet, now: Instant) {
        if let Packet::Pong(_) = packet {
            return self.heartbeat.on_pong(&self.limits, now);
        }
        self.heartbeat.on_other_packet(&self.limits, now);
        match packet {
            Packet::Message(message) => self.push(Output::Message(message)),
            Packet::Close => self.close(CloseReason::TransportClose, NOOP),
            // In revision 4 the server pings ("invalid heartbeat direction").
            Packet::Ping(_) => self.close(CloseReason::TransportError, CLOSE),
            Packet::Open(_) | Packet::Pong(_) | Packet::Upgrade | Packet::Noop => {}
        }
    }

    fn on_transport_gone(&mut self, reason: CloseReason) {
        if let State::WebSocket = self.state {
            self.end(reason, TransportName::WebSocket);
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        let closing = self.polling().and_then(|polling| polling.closing);
        match closing {
            Some(closing) if closing.until <= now => self.close(closing.reason, CLOSE),
            Some(_) => {}
            None => self.on_heartbeat(now),
        }
        let Some(Polling { upgrade, .. }) = self.polling() else {
            return;
        };
        if upgrade.as_ref().is_some_and(|upgrade| upgrade.is_over(now)) {
            *upgrade = None;
            self.push(Output::CloseProbe);
        } else if upgrade.as_ref().is_some_and(|upgrade| upgrade.is_noop_due(now)) {
            self.answer_poll(PollAnswer::Body(NOOP));
        }
    }

    fn on_heartbeat(&mut self, now: Instant) {
        if self.is_closed().is_some() {
            return;
        }
        match self.heartbeat.on_timeout(&self.limits, now) {
            None => {}
            Some(Beat::Dead) => self.close(CloseReason::PingTimeout, CLOSE),
            Some(Beat::Ping) => {
                self.push(Output::Send(Packet::Ping(ByteString::new())));
                self.answer_poll(PollAnswer::Drain);
            }
        }
    }

    /// The server ends the session: by a close packet if the client can be told.
    fn on_close(&mut self, reason: CloseReason, now: Instant) {
        self.drop_body();
        match &mut self.state {
            State::Polling(Polling { closing: Some(_), .. }) => {}
            State::Polling(polling) if !polling.poll_held && is_told(reason) => {
                // A client that is there asks again at once; one that would not answer a ping in
                // this time is not waited for.
                let until = now + CLOSE_TIMEOUT.min(self.limits.ping_timeout);
                polling.closing = Some(Closing { reason, until });
            }
            State::Polling(_) | State::WebSocket | State::Closed { .. } => {
                self.close(reason, CLOSE);
            }
        }
    }

    /// Ends the session now; a held GET gets `farewell`.
    pub(super) fn close(&mut self, reason: CloseReason, farewell: &'static str) {
        self.drop_body();
        match &mut self.state {
            State::Closed { .. } => {}
            State::WebSocket => {
                self.push(Output::CloseTransport);
                self.end(reason, TransportName::WebSocket);
            }
            State::Polling(polling) => {
                let reason = polling.closing.map_or(reason, |closing| closing.reason);
                let probing = polling.upgrade.is_some();
                if self.take_post() {
                    self.push(Output::AnswerPost(PostAnswer::Cut));
                }
                self.answer_poll(PollAnswer::Body(farewell));
                if probing {
                    self.push(Output::CloseProbe);
                }
                self.end(reason, TransportName::Polling);
            }
        }
    }

    fn end(&mut self, reason: CloseReason, transport: TransportName) {
        self.state = State::Closed { reason, transport };
        self.push(Output::Closed(reason));
    }

    pub(super) fn polling(&mut self) -> Option<&mut Polling> {
        match &mut self.state {
            State::Polling(polling) => Some(polling),
            State::WebSocket | State::Closed { .. } => None,
        }
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }
}

/// Whether the server wants this close to reach the client, even by a later GET. In the others the
/// peer is gone or broke the rules, and its session is forgotten at once.
fn is_told(reason: CloseReason) -> bool {
    !matches!(
        reason,
        CloseReason::TransportClose
            | CloseReason::TransportError
            | CloseReason::PingTimeout
            | CloseReason::ParseError
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_is_small() {
        // A million of them is the point; what grows is boxed and goes when it is done.
        assert!(size_of::<Connection>() <= 160, "{}", size_of::<Connection>());
    }
}
