//! A scripted client, and words for what a session makes of its messages.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use crier_protocol::{
    Limits, Message, Namespace,
    socket::{Args, Incoming, ParserChoice, Refused, Session, Value, Violation},
};

/// The moment at which every dialogue starts.
#[expect(clippy::disallowed_methods, reason = "a start for virtual time")]
pub(crate) static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A session with a client that a test speaks for, in virtual time.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    /// Whether CONNECTs are answered at once: yes, but for `/unknown…` (no such namespace),
    /// `/deny…` (refused) and `/slow…` (not answered).
    pub(crate) answers: bool,
}

impl Peer {
    /// Nothing sent yet.
    pub(crate) fn fresh() -> Self {
        Self::with(Limits::default(), ParserChoice::Auto)
    }

    pub(crate) fn with(limits: Limits, parser: ParserChoice) -> Self {
        Self {
            session: Session::new(&Arc::new(limits), parser, *START),
            now: *START,
            answers: true,
        }
    }

    /// In the main namespace, with the default parser.
    pub(crate) fn joined() -> Self {
        let mut peer = Self::fresh();
        assert_eq!(peer.send("40"), "connect / {}");
        peer
    }

    pub(crate) fn send(&mut self, text: &str) -> String {
        self.handle(Message::Text(text.into()))
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) -> String {
        self.handle(Message::Binary(bytes.to_vec().into()))
    }

    /// Sends a message without its Engine.IO `4` if it has one, since that is how vectors read best.
    fn handle(&mut self, message: Message) -> String {
        let message = match message {
            Message::Text(text) => {
                Message::Text(text.strip_prefix('4').unwrap_or(&text).to_owned().into())
            }
            binary @ Message::Binary(_) => binary,
        };
        match self.session.handle(message, self.now) {
            Ok(None) => "awaiting".to_owned(),
            Ok(Some(incoming)) => {
                let said = describe(&incoming);
                match incoming {
                    Incoming::Connect { namespace, .. } if self.answers => {
                        match self.answer(&namespace) {
                            Ok(()) => said,
                            Err(violation) => format!("{said}, then close: {violation}"),
                        }
                    }
                    _ => said,
                }
            }
            Err(violation) => format!("close: {violation}"),
        }
    }

    fn answer(&mut self, namespace: &Namespace) -> Result<(), Violation> {
        match namespace.as_str() {
            name if name.starts_with("/unknown") => {
                self.session.refused(namespace, Refused::UnknownNamespace)
            }
            name if name.starts_with("/deny") => {
                self.session.refused(namespace, Refused::ByMiddleware)
            }
            name if name.starts_with("/slow") => Ok(()),
            _ => {
                self.session.accepted(namespace);
                Ok(())
            }
        }
    }

    /// Lets time pass; what the session says to that.
    pub(crate) fn advance(&mut self, by: Duration) -> Result<(), Violation> {
        self.now += by;
        self.session.handle_timeout(self.now)
    }
}

pub(crate) fn namespace(name: &str) -> Namespace {
    Namespace::parse(name, 128).expect("a legal name")
}

fn describe(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Connect { namespace, auth } => {
            format!("connect {namespace} {}", show(&auth.as_value()))
        }
        Incoming::Event { namespace, id, name, args } => {
            let id = id.map_or(String::new(), |id| format!(" #{}", id.get()));
            format!("event {namespace}{id} {name:?} {}", show_args(args))
        }
        Incoming::Ack { namespace, id, args } => {
            format!("ack {namespace} #{} {}", id.get(), show_args(args))
        }
        Incoming::Disconnect { namespace } => format!("disconnect {namespace}"),
        Incoming::Ignored(why) => format!("ignored {why:?}"),
    }
}

pub(crate) fn show_args(args: &Args) -> String {
    let items = (0..args.len()).map(|index| match args.get::<Value>(index) {
        Ok(value) => show(&value),
        Err(error) => format!("!({})", error.reason),
    });
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// JSON, with binary data as hexadecimal digits in angle brackets.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Binary(bytes) => {
            let mut text = "<".to_owned();
            for byte in bytes {
                let _ = write!(text, "{byte:02x}");
            }
            text + ">"
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(","))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(k, v)| format!("{k:?}:{}", show(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            serde_json::to_string(value).expect("a scalar")
        }
    }
}
