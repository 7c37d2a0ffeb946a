//! A client and the caller of a [`Connection`], in virtual time, for tests that read as a dialogue.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crier_protocol::{
    CloseReason, Limits, Message,
    engine::{Connection, Input, Output, Packet, PollAnswer, PostAnswer, SEPARATOR, TransportName},
};

/// A session with the times of the official suites: pings every 300 ms, 200 ms to answer.
///
/// What the server does is written down as lines, which [`Script::expect`] compares in full: what it
/// must not do is tested with everything that it must.
pub(crate) struct Script {
    pub(crate) connection: Connection,
    now: Instant,
    opened: Instant,
    /// The caller's half: packets on their way to the client.
    outbox: VecDeque<Packet>,
    lines: Vec<String>,
}

impl Script {
    pub(crate) fn polling() -> Self {
        Self::new(TransportName::Polling)
    }

    pub(crate) fn websocket() -> Self {
        Self::new(TransportName::WebSocket)
    }

    /// A polling session with a websocket that got its `3probe`.
    pub(crate) fn probing() -> Self {
        let mut script = Self::polling();
        script.input(Input::ProbeOpened);
        script.probe("2probe");
        script.expect(&["probe: 3probe"]);
        script
    }

    fn new(transport: TransportName) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time has to begin somewhere")]
        let now = Instant::now();
        let limits = Limits {
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            ..Limits::default()
        };
        Self {
            connection: Connection::new(transport, &Arc::new(limits), now),
            now,
            opened: now,
            outbox: VecDeque::new(),
            lines: Vec::new(),
        }
    }

    /// The client's GET arrives.
    pub(crate) fn get(&mut self) {
        let ready = !self.outbox.is_empty();
        self.input(Input::PollOpened { ready });
    }

    /// The client's POST arrives, and its body.
    pub(crate) fn post(&mut self, body: &str) {
        self.input(Input::PostOpened);
        self.input(Input::PostBody(Bytes::copy_from_slice(body.as_bytes())));
    }

    /// The client's text on the websocket that is the transport.
    pub(crate) fn frame(&mut self, text: &str) {
        self.input(Input::Frame(Message::Text(text.into())));
    }

    /// The client's text on the websocket that probes.
    pub(crate) fn probe(&mut self, text: &str) {
        self.input(Input::ProbeMessage(Message::Text(text.into())));
    }

    /// The application sends a message.
    pub(crate) fn send(&mut self, text: &str) {
        let was_empty = self.outbox.is_empty();
        self.outbox.push_back(Packet::Message(Message::Text(text.into())));
        if was_empty {
            self.input(Input::OutboxReady);
        }
        self.flush_websocket();
    }

    /// The server ends the session.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.input(Input::Close(reason));
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.connection.handle(input, self.now);
        while let Some(output) = self.connection.poll_output() {
            self.apply(output);
        }
    }

    /// Lets time pass; deadlines are kept to the nanosecond.
    pub(crate) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        let mut calls = 0;
        while let Some(due) = self.connection.poll_timeout().filter(|due| *due <= end) {
            calls += 1;
            assert!(calls < 1_000, "timers come to rest");
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    /// Time passes and nobody looks at the clock.
    pub(crate) fn sleep_through(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Everything that the server did since the last `expect`, in order.
    #[track_caller]
    pub(crate) fn expect(&mut self, lines: &[&str]) {
        let at = self.now.duration_since(self.opened);
        assert_eq!(std::mem::take(&mut self.lines), lines, "{at:?} after the open packet");
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.expect(&[]);
    }

    fn apply(&mut self, output: Output) {
        let line = match output {
            Output::Message(Message::Text(text)) => format!("message: {text}"),
            Output::Message(Message::Binary(bytes)) => format!("message: {bytes:?}"),
            Output::Send(packet) => {
                self.outbox.push_back(packet);
                return self.flush_websocket();
            }
            Output::AnswerPoll(PollAnswer::Drain) => format!("GET 200: {}", self.drain()),
            Output::AnswerPoll(PollAnswer::Body(body)) => format!("GET 200: {}", visible(body)),
            Output::RefusePoll => "GET 400".into(),
            Output::AnswerPost(PostAnswer::Ok) => "POST 200".into(),
            Output::AnswerPost(PostAnswer::Status(status)) => format!("POST {status}"),
            Output::AnswerPost(PostAnswer::Cut) => "POST cut".into(),
            Output::RefusePost => "second POST 400".into(),
            Output::SendProbe(packet) => format!("probe: {}", record(&packet)),
            Output::CloseProbe => "probe closed".into(),
            Output::RefuseProbe => "second websocket closed".into(),
            Output::Upgraded => {
                self.lines.push("upgraded".into());
                return self.flush_websocket();
            }
            Output::CloseTransport => "websocket closed".into(),
            Output::Closed(reason) => format!("session closed: {reason}"),
        };
        self.lines.push(line);
    }

    fn flush_websocket(&mut self) {
        if self.connection.transport() == TransportName::WebSocket {
            let frames = self.outbox.drain(..).map(|packet| format!("frame: {}", record(&packet)));
            self.lines.extend(frames);
        }
    }

    fn drain(&mut self) -> String {
        assert!(!self.outbox.is_empty(), "an empty body is no payload");
        let records: Vec<String> = self.outbox.drain(..).map(|packet| record(&packet)).collect();
        visible(&records.join(std::str::from_utf8(&[SEPARATOR]).unwrap()))
    }
}

fn record(packet: &Packet) -> String {
    let mut out = Vec::new();
    packet.append_record(&mut out);
    String::from_utf8(out).unwrap()
}

fn visible(body: &str) -> String {
    body.replace('\u{1e}', " + ")
}
