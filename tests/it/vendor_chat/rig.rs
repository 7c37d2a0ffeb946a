//! The binary with a person at each end: what a test says, and what it hears.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    raw::{Received, Response, WAIT, WebSocket, Wire},
    workspace::{self, Target},
};

/// A running `crier`.
pub(super) struct Crier {
    child: Child,
    pub(super) sockets: SocketAddr,
    _data: tempfile::TempDir,
}

fn crier(args: &[&str]) -> Command {
    let binary = workspace::binary(Target::Bin("crier-server", "crier")).unwrap();
    let mut command = Command::new(binary);
    command.args(args).env_clear().current_dir(std::env::temp_dir());
    command
}

/// A token of the development key.
pub(super) fn token(args: &[&str]) -> String {
    let output = crier(&[&["token"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Crier {
    pub(super) fn start() -> Self {
        Self::with(&[])
    }

    pub(super) fn with(settings: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = crier(&[]);
        for listener in ["listen", "rest_listen", "internal_listen"] {
            command.args(["--set", &format!("{listener}=127.0.0.1:0")]);
        }
        command.arg("--set").arg(format!("data_dir={}", data.path().display()));
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sockets = loop {
            let line = lines.next().expect("it ended").unwrap();
            if let Some(rest) = line.strip_prefix("sockets") {
                let url = rest.split_once("http://").unwrap().1;
                break url.split('/').next().unwrap().trim().parse().unwrap();
            }
        };
        // Read on, so that it can print on.
        std::thread::spawn(move || lines.count());
        Self { child, sockets, _data: data }
    }

    /// A call of a backend.
    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_as(&token(&["--user", "backend", "--role", "service"]), method, path, body)
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

impl Drop for Crier {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token of a person.
pub(super) fn token_of(side: &str, id: u64) -> String {
    token(&["--user", &id.to_string(), "--type", side])
}

/// One connection of a person.
pub(super) struct Client {
    ws: WebSocket,
    token: String,
    heard: VecDeque<(String, Value)>,
    acks: u32,
}

impl Client {
    pub(super) fn open(crier: &Crier, token: &str) -> Self {
        let ws = WebSocket::open(crier.sockets);
        Self { ws, token: token.to_owned(), heard: VecDeque::new(), acks: 0 }
    }

    /// Asks to be let into a namespace.
    pub(super) fn ask_in(&mut self, namespace: &str) {
        let auth = json!({ "token": self.token });
        self.ws.send(format!("40{namespace},{auth}"));
    }

    pub(super) fn enter(&mut self, namespace: &str) {
        self.ask_in(namespace);
        let answer = self.ws.text();
        assert!(answer.starts_with(&format!("40{namespace},{{\"sid\"")), "{answer}");
    }

    pub(super) fn leave(&mut self, namespace: &str) {
        self.ws.send(format!("41{namespace},"));
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
                let args: Value = serde_json::from_str(&packet[answer.len() - 1..]).unwrap();
                assert_eq!(args.as_array().unwrap().len(), 1, "{packet}");
                return args[0].clone();
            }
            self.keep(&packet);
        }
    }

    /// The next event of this name; others that come before it are kept.
    #[track_caller]
    pub(super) fn event(&mut self, name: &str) -> Value {
        let end = Instant::now() + WAIT;
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

    /// What comes next, whatever it is, within a time of its own.
    pub(super) fn receive_within(&mut self, limit: Duration) -> Option<String> {
        match self.ws.receive(limit) {
            Some(Received::Text(packet)) => Some(packet),
            _ => None,
        }
    }

    fn keep(&mut self, packet: &str) {
        let Some(args) = packet.strip_prefix("42/chat,") else {
            panic!("unexpected: {packet}");
        };
        let args: Value = serde_json::from_str(args).unwrap();
        // Behind the argument there may be an offset, for recovery.
        self.heard.push_back((args[0].as_str().unwrap().to_owned(), args[1].clone()));
    }
}
