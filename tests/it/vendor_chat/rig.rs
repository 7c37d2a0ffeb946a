//! The binary with a person at each end: what a test says, and what it hears.

use std::{collections::VecDeque, ops::Deref, time::Instant};

use serde_json::{Value, json};
use tests::raw::{Received, Response, WAIT, WebSocket, Wire};

use crate::binary::{self, out, run};

/// A running `crier`.
pub(super) struct Crier(binary::Crier);

/// A token of the development key, or of the one that a setting gives.
pub(super) fn token(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{output:?}");
    out(&output).trim().to_owned()
}

/// The token of a person.
pub(super) fn token_of(side: &str, id: u64) -> String {
    token(&["token", "--user", &id.to_string(), "--type", side])
}

impl Deref for Crier {
    type Target = binary::Crier;

    fn deref(&self) -> &binary::Crier {
        &self.0
    }
}

impl Crier {
    pub(super) fn start() -> Self {
        Self::with(&[])
    }

    pub(super) fn with(settings: &[&str]) -> Self {
        Self(binary::Crier::start(settings))
    }

    /// Kills it, and starts another on what it has kept.
    pub(super) fn crash_and_start_again(self) -> Self {
        Self(self.0.crash_and_start_again(&[]))
    }

    /// A call of a backend.
    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_as(
            &token(&["token", "--user", "backend", "--role", "service"]),
            method,
            path,
            body,
        )
    }

    pub(super) fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut wire = Wire::connect(self.sockets);
        wire.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let response: Response = wire.response();
        (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
    }

    /// Puts somebody into the directory.
    pub(super) fn put_user(&self, id: u64, body: Value) {
        let (status, answer) = self.call("PUT", &format!("/api/users/{id}"), &body);
        assert_eq!(status, 200, "{answer}");
    }

    /// A person on `/presence` and `/chat`, greeted.
    pub(super) fn person(&self, side: &str, id: u64) -> Client {
        let mut client = self.arrive(side, id);
        client.event("userChats");
        client.event("offlineMessages");
        client
    }

    /// A person on `/presence` and `/chat`, whose greeting is still to be read.
    pub(super) fn arrive(&self, side: &str, id: u64) -> Client {
        let mut client = Client::open(self, &token_of(side, id));
        client.enter("/presence");
        client.enter("/chat");
        client
    }
}

/// One connection of a person.
pub(super) struct Client {
    ws: WebSocket,
    token: String,
    heard: VecDeque<(String, Value)>,
    acks: u32,
    /// What a client shows that wants its session on `/chat` back: its secret, and the last event.
    pid: Option<String>,
    offset: Option<String>,
}

impl Client {
    pub(super) fn open(crier: &Crier, token: &str) -> Self {
        let ws = WebSocket::open(crier.sockets);
        let (heard, token) = (VecDeque::new(), token.to_owned());
        Self { ws, token, heard, acks: 0, pid: None, offset: None }
    }

    /// Asks to be let into a namespace.
    pub(super) fn ask_in(&mut self, namespace: &str) {
        let auth = match self.token.as_str() {
            "" => json!({}),
            token => json!({ "token": token }),
        };
        self.ws.send(format!("40{namespace},{auth}"));
    }

    pub(super) fn enter(&mut self, namespace: &str) {
        self.ask_in(namespace);
        self.expect_in(namespace);
    }

    /// Loses its connection, and is where it was on a new one: `/chat` alone.
    pub(super) fn come_back(self, crier: &Crier, meanwhile: impl FnOnce()) -> Self {
        let mut back = Self::open(crier, &self.token);
        let auth = json!({ "token": self.token, "pid": self.pid, "offset": self.offset });
        self.ws.reset();
        back.offset = self.offset;
        meanwhile();
        back.ws.send(format!("40/chat,{auth}"));
        back.expect_in("/chat");
        back
    }

    fn expect_in(&mut self, namespace: &str) {
        let answer = self.ws.text();
        let session = answer.strip_prefix(&format!("40{namespace},"));
        let session = session.unwrap_or_else(|| panic!("not let in: {answer}"));
        let session: Value = serde_json::from_str(session).unwrap();
        if namespace == "/chat" {
            self.pid = session["pid"].as_str().map(str::to_owned);
        }
    }

    /// The next packet as it is.
    pub(super) fn packet(&mut self) -> String {
        self.ws.text()
    }

    /// Sends an event of `/chat` without asking for an answer.
    pub(super) fn emit(&mut self, event: &str, payload: Value) {
        self.ws.send(format!("42/chat,{}", json!([event, payload])));
    }

    /// Sends an event and waits for its answer; what comes before that is kept for [`Self::event`].
    pub(super) fn ask(&mut self, event: &str, payload: Value) -> Value {
        self.acks += 1;
        self.ws.send(format!("42/chat,{}{}", self.acks, json!([event, payload])));
        let answer = format!("43/chat,{}[", self.acks);
        loop {
            let packet = self.ws.text();
            if packet.starts_with(&answer) {
                let args: Value =
                    serde_json::from_str(packet.get(answer.len() - 1..).unwrap_or_default())
                        .unwrap();
                assert_eq!(args.as_array().unwrap().len(), 1, "{packet}");
                return args[0].clone();
            }
            self.keep(&packet);
        }
    }

    /// The next event of this name; others that come before it are kept.
    #[track_caller]
    pub(super) fn event(&mut self, name: &str) -> Value {
        // The server itself may wait for 5 s before it has an answer.
        let end = Instant::now() + 2 * WAIT;
        loop {
            if let Some(at) = self.heard.iter().position(|(heard, _)| heard == name) {
                return self.heard.remove(at).unwrap().1;
            }
            match self.ws.receive(end.saturating_duration_since(Instant::now())) {
                Some(Received::Text(packet)) => self.keep(&packet),
                other => panic!("no {name}, but {other:?}; before that {:?}", self.heard),
            }
        }
    }

    /// Whatever was heard up to now and not read. What was sent to this client before the call is in
    /// it, since events of one process reach a client in their order.
    pub(super) fn heard(&mut self) -> Vec<(String, Value)> {
        let answer = self.ask("nothing of the kind", Value::Null);
        assert_eq!(answer["error"], "Unknown event");
        self.heard.drain(..).collect()
    }

    /// Expects that nothing came that was not read.
    #[track_caller]
    pub(super) fn expect_silence(&mut self) {
        assert_eq!(self.heard(), []);
    }

    fn keep(&mut self, packet: &str) {
        let Some(args) = packet.strip_prefix("42/chat,") else {
            panic!("unexpected: {packet}");
        };
        let args: Value = serde_json::from_str(args).unwrap();
        // Behind the argument there may be an offset, for recovery.
        self.offset = args[2].as_str().map(str::to_owned).or(self.offset.take());
        self.heard.push_back((args[0].as_str().unwrap().to_owned(), args[1].clone()));
    }
}
