//! A client that keeps what the official one keeps: its pid, and the last string of every event.

use std::time::Duration;

use crier_server::{Ack, Badge, ConnectError, Io, Options, Payload, RecoveryOptions, Socket};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::raw::{Received, WAIT, WebSocket};

use crate::server::Server;

/// A server whose clients say who they are, and enter and leave rooms as they like.
pub(super) fn server(recovery: RecoveryOptions) -> Server {
    let options = Options { recovery: Some(recovery), ..Options::default() };
    let server = Server::start(options);
    install(&server.io, "/");
    server
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    user: Option<String>,
    bits: u64,
    expired: bool,
}

pub(super) fn install(io: &Io, namespace: &str) {
    let main = io.of(namespace).unwrap();
    main.use_middleware(|socket| async move {
        let Credentials { user, bits, expired } = socket.auth().get().unwrap();
        if expired {
            return Err(ConnectError::new("Invalid token"));
        }
        socket.set_badge(Badge { bits, owner: user.map(Into::into) });
        Ok(())
    });
    main.on_connect(|socket| async move {
        socket.emit_direct("connected", &format!("{:?}", socket.recovery())).unwrap();
    });
    main.on("join", |socket: Socket, Payload(room): Payload<String>, ack: Ack| async move {
        let joined = socket.join(room).is_ok();
        ack.send(&(socket.saved().await.is_ok() && joined));
    });
    main.on("leave", |socket: Socket, Payload(room): Payload<String>, ack: Ack| async move {
        socket.leave(&room);
        ack.send(&socket.saved().await.is_ok());
    });
    main.on("rooms", |socket: Socket, (): (), ack: Ack| async move {
        let mut rooms: Vec<String> =
            socket.rooms().iter().skip(1).map(|room| room.as_str().to_owned()).collect();
        rooms.sort();
        ack.send(&rooms);
    });
}

/// What the official client keeps from one connection to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) sid: String,
    pub(super) pid: String,
    pub(super) offset: Option<String>,
}

pub(super) struct Client {
    pub(super) wire: WebSocket,
    pub(super) kept: Kept,
    namespace: String,
}

impl Client {
    /// A new client that has joined `/`, and been greeted.
    pub(super) fn connect(server: &Server, auth: Value) -> Self {
        let mut client = Self::try_connect(server, "/", auth, &Kept::default()).unwrap();
        client.expect("connected", &json!("Fresh"));
        client
    }

    /// Comes back with what it kept; `Err` is the CONNECT_ERROR's message.
    pub(super) fn back(server: &Server, auth: Value, kept: &Kept) -> Result<Self, String> {
        Self::try_connect(server, "/", auth, kept)
    }

    pub(super) fn try_connect(
        server: &Server,
        namespace: &str,
        mut auth: Value,
        kept: &Kept,
    ) -> Result<Self, String> {
        if !kept.pid.is_empty() {
            auth["pid"] = json!(kept.pid);
        }
        if let Some(offset) = &kept.offset {
            auth["offset"] = json!(offset);
        }
        let mut wire = WebSocket::open(server.address);
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        wire.send(format!("40{prefix}{auth}"));
        let answer = wire.text();
        if let Some(error) = answer.strip_prefix(&format!("44{prefix}")) {
            let error: Value = serde_json::from_str(error).unwrap();
            return Err(error["message"].as_str().unwrap().to_owned());
        }
        let connect = answer.strip_prefix(&format!("40{prefix}")).expect("a CONNECT");
        let connect: Value = serde_json::from_str(connect).unwrap();
        let text = |key: &str| connect[key].as_str().unwrap_or_default().to_owned();
        let kept = Kept { sid: text("sid"), pid: text("pid"), offset: kept.offset.clone() };
        Ok(Self { wire, kept, namespace: prefix })
    }

    /// The next event: its name and arguments without the offset, which is kept.
    pub(super) fn event(&mut self) -> (String, Vec<Value>) {
        self.event_within(WAIT).expect("an event")
    }

    pub(super) fn event_within(&mut self, limit: Duration) -> Option<(String, Vec<Value>)> {
        match self.wire.receive(limit)? {
            Received::Text(text) => Some(self.read(&text)),
            other => panic!("expected an event, got {other:?}"),
        }
    }

    /// Expects an event, whatever comes before it.
    #[track_caller]
    pub(super) fn expect_among(&mut self, name: &str) {
        while self.event().0 != name {}
    }

    /// The next event; `None` where the connection ends first.
    pub(super) fn event_or_end(&mut self) -> Option<(String, Vec<Value>)> {
        match self.wire.receive(WAIT)? {
            Received::Text(text) => Some(self.read(&text)),
            _ => None,
        }
    }

    fn read(&mut self, text: &str) -> (String, Vec<Value>) {
        let items = text.strip_prefix(&format!("42{}", self.namespace)).expect(text);
        let mut items: Vec<Value> = serde_json::from_str(items).unwrap();
        let offset = items.pop().unwrap();
        self.kept.offset = Some(offset.as_str().expect("an offset").to_owned());
        let name = items.remove(0);
        (name.as_str().unwrap().to_owned(), items)
    }

    /// Expects this event next.
    #[track_caller]
    pub(super) fn expect(&mut self, name: &str, arg: &Value) {
        let event = self.event();
        assert_eq!(event, (name.to_owned(), vec![arg.clone()]));
    }

    /// Sends an event and waits for its acknowledgement.
    #[track_caller]
    pub(super) fn ask(&mut self, name: &str, arg: &Value) -> Value {
        self.wire.send(format!("42{}7{}", self.namespace, json!([name, arg])));
        let answer = self.wire.text();
        let answer = answer.strip_prefix(&format!("43{}7", self.namespace)).expect(&answer);
        let mut answer: Vec<Value> = serde_json::from_str(answer).unwrap();
        answer.remove(0)
    }

    /// Nothing was waiting, and the server answers.
    #[track_caller]
    pub(super) fn expect_alive(&mut self) {
        assert!(self.ask("rooms", &Value::Null).is_array());
    }

    pub(super) fn join(&mut self, room: &str) {
        assert_eq!(self.ask("join", &json!(room)), json!(true));
    }

    pub(super) fn leave(&mut self, room: &str) {
        assert_eq!(self.ask("leave", &json!(room)), json!(true));
    }

    /// Loses its connection; what it kept.
    pub(super) fn cut(self) -> Kept {
        self.wire.reset();
        self.kept
    }
}
