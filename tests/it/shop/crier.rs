//! A `crier` of one test, clients of it, and its sidecar.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crier_domain::{Role, mint};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tests::{
    process::{self, Running, TempDir},
    raw::{Received, Response, WAIT, WebSocket, Wire},
    workspace::{self, Target},
};

const SECRET: &str = "the secret of the tests of the apps, long enough";

/// Longer than any start on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// A running `crier` with a key of its own, in which users need grants.
pub(super) struct Crier {
    sockets: SocketAddr,
    sidecar: Sidecar,
    _running: Running,
    _data: TempDir,
}

/// The way in for backends.
#[derive(Clone, Copy)]
struct Sidecar {
    address: SocketAddr,
    secret: &'static str,
}

impl Crier {
    pub(super) fn start(settings: &[&str]) -> Self {
        let secret = format!("auth.secret={SECRET}");
        Self::launch(SECRET, &[&["auth.mode=optional", &secret], settings].concat())
    }

    /// With the development key: everything granted, the example products there.
    pub(super) fn in_development() -> Self {
        Self::launch(crier_domain::DEVELOPMENT_SECRET, &[])
    }

    fn launch(secret: &'static str, settings: &[&str]) -> Self {
        let data = TempDir::new("apps").unwrap();
        let program = workspace::binary(Target::Bin("crier-server", "crier")).unwrap();
        let mut command = process::command(program);
        let folder = format!("data_dir={}", data.path().display());
        let fixed = [
            "listen=127.0.0.1:0",
            "rest_listen=127.0.0.1:0",
            "internal_listen=127.0.0.1:0",
            "log=warn",
            &folder,
        ];
        for setting in fixed.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let running = Running::start(&mut command).unwrap();
        let address = |name: &str| -> SocketAddr {
            let line = running.wait_for_line(name, START).unwrap();
            let url = line.split_once("http://").unwrap().1;
            url.split('/').next().unwrap().trim().parse().unwrap()
        };
        let (sockets, sidecar) = (address("sockets"), address("sidecar"));
        let sidecar = Sidecar { address: sidecar, secret };
        running.wait_for_line("internal", START).unwrap();
        Self { sockets, sidecar, _running: running, _data: data }
    }

    pub(super) fn token(&self, user: &str, role: Role) -> String {
        self.sidecar.token(user, role)
    }

    /// A user whose token says more than the id.
    pub(super) fn with_claims(&self, claims: &Value) -> Client {
        let mut claims = claims.clone();
        claims["exp"] = json!(crier_domain::time::unix_seconds() + 600);
        let key = EncodingKey::from_secret(self.sidecar.secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
        self.client(&json!({ "token": token }))
    }

    pub(super) fn user(&self, user: &str) -> Client {
        self.with_role(user, Role::User)
    }

    pub(super) fn with_role(&self, user: &str, role: Role) -> Client {
        self.client(&json!({ "token": self.token(user, role) }))
    }

    /// A client without a token.
    pub(super) fn anonymous(&self) -> Client {
        self.client(&json!({}))
    }

    fn client(&self, auth: &Value) -> Client {
        let mut ws = WebSocket::open(self.sockets);
        ws.send(format!("40{auth}"));
        let sidecar = self.sidecar;
        let mut client =
            Client { sidecar, ws, heard: VecDeque::new(), asked: 0, id: String::new() };
        client.id = client.event("connected")["socketId"].as_str().unwrap().to_owned();
        client
    }

    /// A call of the sidecar by a backend: status and JSON.
    pub(super) fn rest(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.sidecar.call(method, path, body)
    }

    /// What bytes are answered with, at the sockets' address and at the sidecar's own.
    pub(super) fn ask(&self, request: &str) -> [Response; 2] {
        [self.sockets, self.sidecar.address].map(|address| {
            let mut wire = Wire::connect(address);
            wire.send(request);
            wire.response()
        })
    }

    /// How many sockets are in a room.
    pub(super) fn members(&self, room: &str) -> u64 {
        let (status, answer) = self.rest("GET", &format!("/api/rooms/{room}"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["sockets"].as_u64().unwrap()
    }

    pub(super) fn grant(&self, room: &str, user: &str) {
        let path = format!("/api/rooms/{room}/members/{user}");
        let (status, answer) = self.rest("PUT", &path, &json!({}));
        assert_eq!(status, 200, "{answer}");
    }
}

impl Sidecar {
    fn token(&self, user: &str, role: Role) -> String {
        mint(self.secret.as_bytes(), user, role, None, Duration::from_secs(600))
    }

    /// A call of the sidecar by a backend: status and JSON.
    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let token = self.token("backend", Role::Service);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut wire = Wire::connect(self.address);
        wire.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ));
        let response: Response = wire.response();
        (response.status, serde_json::from_str(&response.text()).unwrap_or_default())
    }
}

/// One connection on `/`.
pub(super) struct Client {
    sidecar: Sidecar,
    ws: WebSocket,
    /// Events that nobody has asked for yet: name and payload.
    heard: VecDeque<(String, Value)>,
    asked: u64,
    /// The id of the socket.
    pub(super) id: String,
}

/// Events that come and go by themselves, and are about none of these tests.
const BESIDES: [&str; 4] = ["connected", "heartbeat_ack", "presence:update", "user-status-change"];

impl Client {
    /// Emits with an ack, and gives the answer.
    pub(super) fn call(&mut self, event: &str, payload: &Value) -> Value {
        self.call_with(event, std::slice::from_ref(payload))
    }

    pub(super) fn call_with(&mut self, event: &str, args: &[Value]) -> Value {
        self.asked += 1;
        let all: Vec<Value> = [json!(event)].into_iter().chain(args.iter().cloned()).collect();
        self.ws.send(format!("42{}{}", self.asked, Value::Array(all)));
        let answer = format!("43{}[", self.asked);
        let began = Instant::now();
        loop {
            let text = self.text();
            if let Some(rest) = text.strip_prefix(&answer) {
                let mut args: Vec<Value> = serde_json::from_str(&format!("[{rest}")).unwrap();
                assert_eq!(args.len(), 1, "{text}");
                return args.remove(0);
            }
            self.keep(&text);
            assert!(began.elapsed() < WAIT, "no answer to {event}: {:?}", self.heard);
        }
    }

    /// Emits without an ack.
    pub(super) fn emit(&mut self, event: &str, payload: &Value) {
        self.ws.send(format!("42{}", json!([event, payload])));
    }

    /// The next event of this name.
    pub(super) fn event(&mut self, name: &str) -> Value {
        self.event_within(name, WAIT)
    }

    pub(super) fn event_within(&mut self, name: &str, limit: Duration) -> Value {
        let began = Instant::now();
        loop {
            if let Some(at) = self.heard.iter().position(|(event, _)| event == name) {
                return self.heard.remove(at).unwrap().1;
            }
            assert!(began.elapsed() < limit, "no {name}: {:?}", self.heard);
            if let Some(Received::Text(text)) = self.ws.receive(Duration::from_millis(200)) {
                self.keep(&text);
            }
        }
    }

    /// All that was heard up to now, names and payloads. What this client emitted is handled before
    /// the answer that this waits for first; the marker that it waits for then is logged behind
    /// everything that was sent before, and the log is delivered in its order.
    pub(super) fn news(&mut self) -> Vec<(String, Value)> {
        assert_eq!(self.call("heartbeat", &json!({ "timestamp": 1 })), json!({ "ok": true }));
        self.asked += 1;
        let marker = json!({ "rooms": [self.id], "event": "marker", "args": [self.asked] });
        assert_eq!(self.sidecar.call("POST", "/api/emit", &marker).0, 202);
        assert_eq!(self.event("marker"), json!(self.asked));
        let heard = std::mem::take(&mut self.heard).into_iter();
        heard.filter(|(name, _)| !BESIDES.contains(&name.as_str())).collect()
    }

    pub(super) fn expect_nothing(&mut self) {
        assert_eq!(self.news(), []);
    }

    /// Expects this one event to be all the news, but for its time, which has to be one.
    #[track_caller]
    pub(super) fn expect(&mut self, name: &str, time: &str, expected: &Value) {
        let mut news = self.news();
        assert_eq!(news.len(), 1, "{news:?}");
        let (event, mut payload) = news.remove(0);
        assert_eq!(event, name, "{payload}");
        if !time.is_empty() {
            let at = payload.as_object_mut().unwrap().remove(time).unwrap();
            assert!(at.as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{at}");
        }
        assert_eq!(payload, *expected);
    }

    pub(super) fn reset(self) {
        self.ws.reset();
    }

    fn text(&mut self) -> String {
        match self.ws.receive(WAIT) {
            Some(Received::Text(text)) => text,
            other => panic!("{other:?}, after {:?}", self.heard),
        }
    }

    fn keep(&mut self, text: &str) {
        if let Some(event) = text.strip_prefix("42") {
            let mut args: Vec<Value> = serde_json::from_str(event).unwrap();
            args.resize(2, Value::Null);
            let payload = args.pop().unwrap();
            self.heard.push_back((args[0].as_str().unwrap().to_owned(), payload));
        }
    }
}
