//! Random operations on one Engine.IO session, at random times.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    CloseReason, Limits, Message,
    engine::{Connection, Input, Output, Packet, PollAnswer, TransportName},
};

/// Drives a session as a caller does, by a byte for each operation: five bits of what, three of how
/// long to wait before it.
///
/// Invariants: every GET, POST and probing websocket gets exactly one end; `Closed` comes once and
/// last; nothing is delivered after the server's close; an outbox is drained only if it has
/// something; pings keep their distance; a peer that never answers is gone in time; there is a
/// deadline as long as the session lives, and timers come to rest.
pub fn session_ops(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let transport = match bytes.next() {
        Some(first) if first % 4 == 0 => TransportName::WebSocket,
        _ => TransportName::Polling,
    };
    let mut caller = Caller::new(transport);
    while let Some(byte) = bytes.next() {
        let wait = WAITS.get(usize::from(byte >> 5));
        caller.wait(wait.copied().unwrap_or_default());
        caller.operate(byte & 0x1f, &mut bytes);
    }
    caller.wait(Duration::from_secs(120));
    assert!(caller.closed, "nobody answers pings any more");
}

const WAITS: [Duration; 8] = [
    Duration::ZERO,
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_secs(10),
];

/// What a client may send, well and badly formed.
const BODIES: [&[u8]; 8] = [
    b"3",
    b"4hello",
    b"2",
    b"1",
    b"4a\x1ebAQID\x1e3\x1e4b",
    b"4a\x1e7\x1e4b",
    b"5\x1e6\x1e0",
    b"\xff",
];

const REASONS: [CloseReason; 4] = [
    CloseReason::ForcedClose,
    CloseReason::ServerShuttingDown,
    CloseReason::TransportError,
    CloseReason::SlowConsumer,
];

/// The caller's half, with as much of a memory as the invariants need.
struct Caller {
    connection: Connection,
    limits: Arc<Limits>,
    now: Instant,
    /// Requests and websockets that have no end yet.
    gets: u32,
    posts: u32,
    probes: u32,
    /// Packets in the outbox.
    outbox: u32,
    closed: bool,
    closing_since: Option<Instant>,
    last_ping: Option<Instant>,
    /// The last time at which the client may have given a sign of life.
    alive_at: Instant,
}

impl Caller {
    fn new(transport: TransportName) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time has to begin somewhere")]
        let now = Instant::now();
        let limits = Arc::new(Limits {
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            upgrade_timeout: Duration::from_millis(1_000),
            payload_packets_max: 16,
            ..Limits::default()
        });
        Self {
            connection: Connection::new(transport, &limits, now),
            limits,
            now,
            gets: 0,
            posts: 0,
            probes: 0,
            outbox: 0,
            closed: false,
            closing_since: None,
            last_ping: None,
            alive_at: now,
        }
    }

    fn operate(&mut self, operation: u8, bytes: &mut impl Iterator<Item = u8>) {
        match operation {
            0..=2 => {
                self.gets += 1;
                let ready = self.outbox > 0;
                self.input(Input::PollOpened { ready });
            }
            // A caller tells only of requests and websockets that it has.
            3 if self.gets == 1 => {
                self.gets = 0;
                self.input(Input::PollAborted);
            }
            4..=5 => {
                self.posts += 1;
                self.input(Input::PostOpened);
            }
            6 if self.posts == 1 => {
                self.posts = 0;
                self.input(Input::PostAborted);
            }
            7 => self.input(Input::PostRefused),
            8 => self.input(Input::PostIllegal),
            9..=13 => {
                self.alive_at = self.now;
                let body = pick(bytes);
                self.input(Input::PostBody(body));
            }
            14..=15 => {
                self.outbox += 1;
                self.flush_websocket();
                if self.outbox == 1 {
                    self.input(Input::OutboxReady);
                }
            }
            16..=17 => {
                self.probes += 1;
                self.input(Input::ProbeOpened);
            }
            18 => self.input(Input::ProbeMessage(text("2probe"))),
            19 => self.input(Input::ProbeMessage(text("5"))),
            20 => {
                let message = Message::Binary(pick(bytes));
                self.input(Input::ProbeMessage(message));
            }
            21 if self.probes == 1 => {
                self.probes = 0;
                self.input(Input::ProbeClosed);
            }
            22..=26 => {
                self.alive_at = self.now;
                let data = pick(bytes);
                let message = match ByteString::try_from(data.clone()) {
                    Ok(text) => Message::Text(text),
                    Err(_) => Message::Binary(data),
                };
                self.input(Input::Frame(message));
            }
            27 => self.input(Input::TransportClosed),
            28 => self.input(Input::TransportFailed),
            29 => {
                let reason = REASONS.get(usize::from(bytes.next().unwrap_or_default()));
                self.input(Input::Close(reason.copied().unwrap_or(CloseReason::ForcedClose)));
            }
            // A timer that fires early.
            _ => self.input(Input::Timeout),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut at_rest = self.now;
        let mut calls = 0;
        while let Some(due) = self.connection.poll_timeout().filter(|due| *due <= end) {
            calls = if due > at_rest { 0 } else { calls + 1 };
            assert!(calls < 8, "timers come to rest");
            at_rest = due.max(at_rest);
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = end;
        self.check();
    }

    fn input(&mut self, input: Input) {
        let was_closed = self.closed;
        let was_closing = self.connection.is_closing();
        self.connection.handle(input, self.now);
        while let Some(output) = self.connection.poll_output() {
            assert!(!self.closed, "{output:?} after the end");
            self.apply(output, was_closing);
        }
        if was_closed {
            // What comes after the end is for the caller to answer.
            (self.gets, self.posts, self.probes) = (0, 0, 0);
        }
        if self.connection.is_closing() {
            self.closing_since.get_or_insert(self.now);
        } else {
            self.closing_since = None;
        }
        self.check();
    }

    fn apply(&mut self, output: Output, was_closing: bool) {
        match output {
            Output::Message(_) => assert!(!was_closing, "a message after the server's close"),
            Output::Send(packet) => {
                assert_eq!(packet, Packet::Ping(ByteString::new()));
                assert!(!was_closing, "a ping after the server's close");
                if let Some(last) = self.last_ping.replace(self.now) {
                    assert!(
                        self.now - last >= self.limits.ping_interval,
                        "pings keep their distance"
                    );
                }
                self.outbox += 1;
            }
            Output::AnswerPoll(answer) => {
                end(&mut self.gets);
                if answer == PollAnswer::Drain {
                    assert!(self.outbox > 0, "an empty body is no payload");
                    self.outbox = 0;
                }
            }
            Output::RefusePoll => end(&mut self.gets),
            Output::AnswerPost(_) | Output::RefusePost => end(&mut self.posts),
            Output::SendProbe(_) => assert_eq!(self.probes, 1),
            Output::CloseProbe | Output::RefuseProbe => end(&mut self.probes),
            Output::Upgraded => {
                end(&mut self.probes);
                assert_eq!((self.gets, self.posts, self.probes), (0, 0, 0));
            }
            Output::CloseTransport => {
                assert_eq!(self.connection.transport(), TransportName::WebSocket);
            }
            Output::Closed(reason) => {
                assert_eq!(self.connection.is_closed(), Some(reason));
                self.closed = true;
            }
        }
        self.flush_websocket();
    }

    fn flush_websocket(&mut self) {
        if self.connection.transport() == TransportName::WebSocket {
            self.outbox = 0;
        }
    }

    /// What holds whenever all outputs have been taken.
    fn check(&self) {
        assert_eq!(self.connection.is_closed().is_some(), self.closed);
        assert_eq!(self.connection.poll_timeout().is_none(), self.closed);
        assert!(self.gets <= 1 && self.posts <= 1 && self.probes <= 1);
        assert_eq!(self.connection.is_upgrading(), self.probes == 1);
        if self.closed {
            assert_eq!((self.gets, self.posts, self.probes), (0, 0, 0));
        } else if let Some(since) = self.closing_since {
            assert!(self.now - since < Duration::from_secs(30), "the close waits 30 s");
        } else {
            let limits = &self.limits;
            // Another packet may have started the wait for the pong again, once.
            let longest = limits.ping_interval + 2 * limits.ping_timeout;
            assert!(self.now - self.alive_at < longest, "a dead peer is gone");
        }
    }
}

fn end(open: &mut u32) {
    assert!(*open > 0, "an answer to nobody");
    *open -= 1;
}

fn text(text: &'static str) -> Message {
    Message::Text(ByteString::from_static(text))
}

/// One of [`BODIES`], or as many bytes of the input as its next byte says.
fn pick(bytes: &mut impl Iterator<Item = u8>) -> Bytes {
    let choice = bytes.next().unwrap_or_default();
    match BODIES.get(usize::from(choice)) {
        Some(body) => Bytes::from_static(body),
        None => bytes.take(usize::from(choice % 32)).collect(),
    }
}
