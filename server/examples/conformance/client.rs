//! What socket.io-client's own tests expect.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crier_protocol::socket::ParserChoice;
use crier_server::{
    Ack, Args, Binary, ConnectError, Io, Namespace, Options, Payload, RecoveryOptions, Socket,
    Value,
};
use http::HeaderMap;
use serde_json::json;
use tokio_util::task::TaskTracker;

pub(crate) fn server(parser: ParserChoice) -> Io {
    let options = Options {
        // Late enough for a client timeout of 0 to come first.
        allow_request: Some(Arc::new(|_parts, _peer| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(HeaderMap::new())
            })
        })),
        parser,
        recovery: Some(RecoveryOptions::default()),
        ..crate::options(2000, 20_000)
    };
    let io = Io::new(options);
    for name in ["/timeout_socket", "/valid", "/asd"] {
        crate::namespace(&io, name);
    }
    crate::namespace(&io, "/no").use_middleware(|_socket| async {
        Err(ConnectError::new("Auth failed (custom namespace)"))
    });
    crate::namespace(&io, "/abc").on_connect(|socket| async move {
        let _ = socket.emit("handshake", &crate::describe(&socket));
    });
    crate::namespace(&io, "/foo").on("getId", get_id);
    main_namespace(&crate::namespace(&io, "/"));
    io
}

async fn get_id(socket: Socket, (): (), ack: Ack) {
    ack.send(socket.id().as_str());
}

fn main_namespace(main: &Namespace) {
    main.use_middleware(|socket| async move {
        match socket.handshake().query_param("fail") {
            Some(_) => Err(ConnectError::new("Auth failed (main namespace)")),
            None => Ok(()),
        }
    });
    main.on("getId", get_id);
    main.on("getHandshake", |socket: Socket, (): (), ack: Ack| async move {
        ack.send(&crate::describe(&socket));
    });
    main.on("echo", |_socket: Socket, Payload(value): Payload<Value>, ack: Ack| async move {
        ack.send(&value);
    });
    main.on("ack", ask_for_an_ack);
    main.on("getAckDate", |_socket: Socket, _args: Args, ack: Ack| async move { ack.send(&now()) });
    replies(main);
    sequences(main);
}

/// Waits for clients' acknowledgements, beside their handlers.
static WAITS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// The client's acknowledgement is checked, and its own is not answered.
///
/// The wait is not the handler's: the events of a socket are handled one after the other, and the next
/// one must not wait for a client that never answers.
async fn ask_for_an_ack(socket: Socket, _args: Args, _ack: Ack) {
    WAITS.spawn(async move {
        let answer = socket.emit_with_ack("ack", Args::none(), Duration::from_secs(5)).await;
        let Ok(answer) = answer else { return };
        let value = |index| answer.get::<serde_json::Value>(index).unwrap_or_default();
        if value(0) == json!(5) && value(1).get("test") == Some(&json!(true)) {
            let _ = socket.emit_args("got it", Args::none());
        }
    });
}

/// Events that are answered by an event.
fn replies(main: &Namespace) {
    main.on("hi", |socket: Socket, (): (), _ack: Ack| async move {
        let _ = socket.emit_args("hi", Args::none());
    });
    main.on("getDate", |socket: Socket, (): (), _ack: Ack| async move {
        let _ = socket.emit("takeDate", &now());
    });
    main.on("getDateObj", |socket: Socket, (): (), _ack: Ack| async move {
        let _ = socket.emit("takeDateObj", &json!({ "date": now() }));
    });
    main.on("getUtf8", |socket: Socket, (): (), _ack: Ack| async move {
        let last = "utf8 — string";
        for text in ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", last, last] {
            let _ = socket.emit("takeUtf8", text);
        }
    });
    main.on("false", |socket: Socket, (): (), _ack: Ack| async move {
        let _ = socket.emit("false", &false);
    });
    for (event, reply) in [("doge", "doge"), ("getbin", "takebin")] {
        main.on(event, move |socket: Socket, (): (), _ack: Ack| async move {
            let _ = socket.emit(reply, &Binary("asdfasdf".into()));
        });
    }
    for (event, reply) in [("buffa", "buffack"), ("blob", "back")] {
        main.on(event, move |socket: Socket, Payload(_): Payload<Binary>, _ack: Ack| async move {
            let _ = socket.emit_args(reply, Args::none());
        });
    }
    for (event, reply) in [("jsonbuff", "jsonbuff-ack"), ("jsonblob", "jsonblob-ack")] {
        main.on(
            event,
            move |socket: Socket, Payload(mixed): Payload<Mixed>, _ack: Ack| async move {
                if mixed.hello == "lol" && mixed.goodbye == "gotcha" && !mixed.message.0.is_empty()
                {
                    let _ = socket.emit_args(reply, Args::none());
                }
            },
        );
    }
}

#[derive(serde::Deserialize)]
struct Mixed {
    hello: String,
    message: Binary,
    goodbye: String,
}

/// Events that have to come in their order before they are answered.
fn sequences(main: &Namespace) {
    let all: [(&[&str], &str); 2] =
        [(&["abuff1", "abuff2"], "abuff2-ack"), (&["blob1", "blob2", "blob3"], "blob3-ack")];
    for (steps, reply) in all {
        for (at, event) in steps.iter().enumerate() {
            let last = at + 1 == steps.len();
            main.on(event, move |socket: Socket, (): (), _ack: Ack| async move {
                let reached = Reached::of(&socket);
                if reached.step(reply, at) && last {
                    let _ = socket.emit_args(reply, Args::none());
                }
            });
        }
    }
}

/// How far each sequence of a socket has come.
#[derive(Clone, Default)]
struct Reached(Arc<Mutex<std::collections::HashMap<&'static str, usize>>>);

impl Reached {
    fn of(socket: &Socket) -> Self {
        socket.get::<Self>().unwrap_or_else(|| {
            let fresh = Self::default();
            socket.insert(fresh.clone());
            fresh
        })
    }

    fn step(&self, sequence: &'static str, at: usize) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = all.entry(sequence).or_insert(0);
        let next = *reached == at;
        *reached += usize::from(next);
        next
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
