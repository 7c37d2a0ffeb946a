//! A wire after its 101, and an Engine.IO session on it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::wire::Fill;
use super::{Frame, Response, WAIT, Wire, opcode};

/// The key of RFC 6455, 1.3, and the answer that it must get.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An upgrade request to `target` (path and query) with more header lines (each with its CRLF).
pub fn upgrade_request(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// What the server sends on a websocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A websocket ping (not Engine.IO's).
    Ping(Vec<u8>),
    /// A websocket pong.
    Pong(Vec<u8>),
    /// The close frame and its code; the end of the connection without one is `End`.
    Close(Option<u16>),
    /// The end of the TCP connection.
    End,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// With a close frame, and its code if it had one.
    Frame(Option<u16>),
    /// TCP only.
    Tcp,
}

/// A websocket client that answers Engine.IO pings by itself (as every row that is not about the
/// heartbeat wants) and does nothing else unasked.
#[derive(Debug)]
pub struct WebSocket {
    wire: Wire,
    /// The Engine.IO session's id, once the open packet was read.
    pub sid: String,
    /// The open packet's JSON text.
    pub open: String,
    answers_pings: bool,
}

impl WebSocket {
    /// Upgrades `wire` and panics unless the answer is a correct 101.
    pub fn upgrade(mut wire: Wire, target: &str, more: &str) -> Self {
        wire.send(upgrade_request(target, more));
        let response = Response::read_head(&mut wire, WAIT);
        Self::after(wire, &response)
    }

    /// Goes on with a wire whose upgrade was answered by `response`.
    pub fn after(wire: Wire, response: &Response) -> Self {
        assert_eq!(response.status, 101, "{response:?}");
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
        Self { wire, sid: String::new(), open: String::new(), answers_pings: true }
    }

    /// Opens an Engine.IO session over websocket.
    pub fn open(server: SocketAddr) -> Self {
        Self::open_on(Wire::connect(server), "")
    }

    /// Opens an Engine.IO session on `wire`, with more header lines.
    pub fn open_on(wire: Wire, more: &str) -> Self {
        Self::upgrade(wire, "/socket.io/?EIO=4&transport=websocket", more).opened()
    }

    /// Reads the open packet of a new session.
    #[must_use]
    pub fn opened(mut self) -> Self {
        let open = self.text();
        self.open = open.strip_prefix('0').expect("an open packet").to_owned();
        let json: serde_json::Value = serde_json::from_str(&self.open).expect("JSON");
        self.sid = json["sid"].as_str().expect("a sid").to_owned();
        self
    }

    /// Opens a session and joins `/`.
    pub fn connect(server: SocketAddr) -> Self {
        Self::open(server).joined()
    }

    /// Joins `/`.
    #[must_use]
    pub fn joined(mut self) -> Self {
        self.send("40");
        let answer = self.text();
        assert!(answer.starts_with("40{\"sid\":\""), "{answer}");
        self
    }

    /// From now on Engine.IO pings are the row's own business.
    pub fn stop_answering_pings(&mut self) {
        self.answers_pings = false;
    }

    /// Sends a text message.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        self.send_frame(&Frame::text(text));
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: impl AsRef<[u8]>) {
        self.send_frame(&Frame::binary(bytes));
    }

    /// Sends a frame.
    pub fn send_frame(&mut self, frame: &Frame) {
        self.wire.send(frame.bytes());
    }

    /// Sends bytes that need not be a frame.
    pub fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes);
    }

    /// Sends bytes that the server may cut short by closing; says whether it took them all.
    pub fn flood(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.try_send(bytes).is_ok()
    }

    /// The connection underneath.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Gives up the connection with a reset.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// The next thing that comes, Engine.IO pings answered on the way; none within `limit` is
    /// `None`.
    pub fn receive(&mut self, limit: Duration) -> Option<Received> {
        let end = Instant::now() + limit;
        loop {
            if let Some(frame) = self.parse() {
                if self.answers_pings && frame == Received::Text("2".to_owned()) {
                    // The server may have closed behind its ping.
                    let _ = self.wire.try_send(Frame::text("3").bytes());
                    continue;
                }
                return Some(frame);
            }
            match self.wire.fill(end.saturating_duration_since(Instant::now())) {
                Fill::Bytes => {}
                Fill::End => return Some(Received::End),
                Fill::Timeout if Instant::now() >= end => return None,
                Fill::Timeout => {}
            }
        }
    }

    /// The next message, which must be text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        match self.receive(WAIT) {
            Some(Received::Text(text)) => text,
            other => panic!("expected a text message, got {other:?}"),
        }
    }

    /// The next message, which must be binary.
    #[track_caller]
    pub fn binary(&mut self) -> Vec<u8> {
        match self.receive(WAIT) {
            Some(Received::Binary(bytes)) => bytes,
            other => panic!("expected a binary message, got {other:?}"),
        }
    }

    /// Expects this text message next.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        assert_eq!(self.text(), text);
    }

    /// Expects the end and nothing before it: no event, no ack.
    #[track_caller]
    pub fn expect_closed(&mut self) -> Closed {
        self.expect_closed_within(WAIT)
    }

    /// Expects the end within `limit`, and nothing before it.
    #[track_caller]
    pub fn expect_closed_within(&mut self, limit: Duration) -> Closed {
        match self.receive(limit) {
            Some(Received::Close(code)) => {
                // A close frame is followed by the end of the connection once it was answered.
                let _ = self.wire.try_send(Frame::new(opcode::CLOSE, []).bytes());
                self.wire.expect_end(WAIT);
                Closed::Frame(code)
            }
            Some(Received::End) => Closed::Tcp,
            other => panic!("expected the end, got {other:?}"),
        }
    }

    /// Expects a close frame with this code.
    #[track_caller]
    pub fn expect_close_code(&mut self, code: u16) {
        assert_eq!(self.expect_closed(), Closed::Frame(Some(code)));
    }

    /// Expects a close frame with one of these codes.
    #[track_caller]
    pub fn expect_close_code_in(&mut self, codes: &[u16]) {
        match self.expect_closed() {
            Closed::Frame(Some(code)) if codes.contains(&code) => {}
            other => panic!("expected a close with {codes:?}, got {other:?}"),
        }
    }

    /// Expects the end, whatever comes before it, and hands back what that was.
    #[track_caller]
    pub fn drain_until_closed(&mut self, limit: Duration) -> (Vec<Received>, Closed) {
        let end = Instant::now() + limit;
        let mut before = Vec::new();
        loop {
            match self.receive(end.saturating_duration_since(Instant::now())) {
                Some(Received::Close(code)) => return (before, Closed::Frame(code)),
                Some(Received::End) => return (before, Closed::Tcp),
                Some(other) => before.push(other),
                None => panic!("still open after {limit:?}"),
            }
        }
    }

    /// Expects that the session on `/` still answers, and that nothing was waiting before it.
    #[track_caller]
    pub fn expect_alive(&mut self) {
        self.send("42987654[\"echo\",\"still here\"]");
        self.expect("43987654[\"still here\"]");
    }

    /// One whole server frame out of the buffer. The server must not fragment or mask.
    fn parse(&mut self) -> Option<Received> {
        let buffer = &self.wire.buffer;
        let (&first, &second) = (buffer.first()?, buffer.get(1)?);
        assert_eq!(second & 0x80, 0, "a server must not mask");
        assert_eq!(first & 0x70, 0, "a reserved bit without an extension");
        let (skip, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?) as usize),
            n => (2, usize::from(n)),
        };
        if buffer.len() < skip + length {
            return None;
        }
        let frame: Vec<u8> = self.wire.buffer.drain(..skip + length).collect();
        let payload = frame[skip..].to_vec();
        assert_eq!(first & 0x80, 0x80, "a fragmented server message");
        Some(match first & 0x0F {
            opcode::TEXT => Received::Text(String::from_utf8(payload).expect("UTF-8")),
            opcode::BINARY => Received::Binary(payload),
            opcode::PING => Received::Ping(payload),
            opcode::PONG => Received::Pong(payload),
            opcode::CLOSE => {
                Received::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]])))
            }
            other => panic!("the server sent opcode {other}"),
        })
    }
}
