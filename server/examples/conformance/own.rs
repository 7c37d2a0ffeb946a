//! What our tests with the official client expect: the table in `tests/node/README.md`.

use std::time::Duration;

use crier_protocol::socket::ParserChoice;
use crier_server::{
    Ack, AckError, Args, Binary, Broadcast, ConnectError, Io, Namespace, Payload, Room, Socket,
    Value,
};
use serde::Deserialize;
use serde_json::json;

pub(crate) fn server(parser: ParserChoice) -> Io {
    let mut options = crate::options(1000, 2000);
    options.parser = parser;
    // One test sends 2,000 broadcasts in one go.
    options.outbox.frames = 10_000;
    options.outbox.bytes = 16 << 20;
    let io = Io::new(options);
    crate::socket::echo(&crate::namespace(&io, "/"));
    let refuse = crate::namespace(&io, "/refuse");
    refuse.use_middleware(|socket| async move {
        match socket.auth().get::<serde_json::Value>() {
            Ok(auth) if auth == json!({ "pass": true }) => Ok(()),
            _ => Err(ConnectError::new("refused").with_data(json!({ "code": 7 }))),
        }
    });
    io.of_pattern(is_dynamic).on_connect(|socket| async move {
        let _ = socket.emit("welcome", socket.namespace().name().as_str());
    });
    test(&crate::namespace(&io, "/test"));
    io
}

/// `^/dynamic-\d+$`
fn is_dynamic(name: &str) -> bool {
    let number = name.strip_prefix("/dynamic-").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn test(test: &Namespace) {
    test.on_disconnect(|socket, reason| async move {
        let left = Args::many(&(socket.id().as_str(), reason.as_str()));
        if let Ok(left) = left {
            let _ = socket.namespace().to("watch").emit_args("left", left);
        }
    });
    test.on("echo", |socket: Socket, args: Args, ack: Ack| async move {
        if ack.is_wanted() {
            ack.send_args(args);
        } else {
            let _ = socket.emit_args("echo", args);
        }
    });
    test.on("handshake", |socket: Socket, (): (), ack: Ack| async move {
        ack.send(&crate::describe(&socket));
    });
    test.on("bytes", |_socket: Socket, (n,): (usize,), ack: Ack| async move {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(n).collect();
        ack.send(&Binary(bytes.into()));
    });
    test.on("burst", |socket: Socket, Payload(burst): Payload<Burst>, _ack: Ack| async move {
        let text = "x".repeat(burst.size);
        for i in 0..burst.count {
            if let Ok(args) = Args::many(&(i, &text)) {
                let _ = socket.emit_args(&burst.event, args);
            }
        }
    });
    test.on("disconnect-me", |socket: Socket, (close,): (bool,), _ack: Ack| async move {
        socket.disconnect(close);
    });
    test.on("close-transport", |socket: Socket, (): (), _ack: Ack| async move {
        socket.close_transport();
    });
    rooms(test);
    emits(test);
}

#[derive(Deserialize)]
struct Burst {
    event: String,
    count: u32,
    size: usize,
}

fn rooms(test: &Namespace) {
    test.on("join", |socket: Socket, (rooms,): (Vec<String>,), ack: Ack| async move {
        for room in rooms {
            let _ = socket.join(room);
        }
        ack.send_args(Args::none());
    });
    test.on("leave", |socket: Socket, (room,): (String,), ack: Ack| async move {
        socket.leave(&room);
        ack.send_args(Args::none());
    });
    test.on("rooms", |socket: Socket, (): (), ack: Ack| async move {
        ack.send(&named(socket.id().as_str(), &socket.rooms()));
    });
    test.on("fetch", |socket: Socket, (rooms,): (Vec<String>,), ack: Ack| async move {
        let mut found = select(&socket, &rooms).fetch_sockets().await;
        found.sort_by_key(|info| info.id);
        let list: Vec<_> = found
            .iter()
            .map(|info| json!({ "id": info.id.as_str(), "rooms": named(info.id.as_str(), &info.rooms) }))
            .collect();
        ack.send(&list);
    });
    test.on("move", |socket: Socket, Payload(change): Payload<Move>, ack: Ack| async move {
        let target = select(&socket, &change.rooms);
        target.join(change.join.into_iter().map(Room::from)).await;
        target.leave(change.leave.into_iter().map(Room::from)).await;
        ack.send_args(Args::none());
    });
    test.on("kick", |socket: Socket, Payload(kick): Payload<Kick>, ack: Ack| async move {
        ack.send_args(Args::none());
        select(&socket, &kick.rooms).disconnect(kick.close).await;
    });
}

#[derive(Deserialize)]
struct Move {
    rooms: Vec<String>,
    #[serde(default)]
    join: Vec<String>,
    #[serde(default)]
    leave: Vec<String>,
}

#[derive(Deserialize)]
struct Kick {
    rooms: Vec<String>,
    #[serde(default)]
    close: bool,
}

fn emits(test: &Namespace) {
    test.on("emit-to", |socket: Socket, Payload(emit): Payload<EmitTo>, ack: Ack| async move {
        let all = if emit.to_self { socket.namespace().everyone() } else { socket.broadcast() };
        let mut target = emit.rooms.into_iter().fold(all, Broadcast::to);
        target = emit.except.into_iter().fold(target, Broadcast::except);
        if emit.volatile {
            target = target.volatile();
        }
        if let Ok(args) = Args::many(&emit.args) {
            let _ = target.emit_args(&emit.event, args);
        }
        ack.send_args(Args::none());
    });
    test.on("ask", |socket: Socket, Payload(ask): Payload<Ask>, ack: Ack| async move {
        let Ok(args) = Args::many(&ask.args) else {
            return;
        };
        let timeout = Duration::from_millis(ask.timeout);
        // The client's answer comes in while this handler waits, so it must not hold its queue up.
        let answer = socket.emit_with_ack(&ask.event, args, timeout).await;
        let answer = answer.map(|args| (0..args.len()).filter_map(|i| args.get(i).ok()).collect());
        reply(ack, answer.map_err(|error| (error, Vec::new())));
    });
    test.on("ask-all", |socket: Socket, Payload(ask): Payload<Ask>, ack: Ack| async move {
        let Ok(args) = Args::many(&ask.args) else {
            return;
        };
        let timeout = Duration::from_millis(ask.timeout);
        let target = select(&socket, &ask.rooms);
        let Ok(acks) = target.emit_with_ack(&ask.event, args, timeout).await else {
            return;
        };
        let firsts = acks.answers.iter().filter_map(|args| args.get(0).ok()).collect();
        reply(ack, if acks.is_complete() { Ok(firsts) } else { Err((AckError::Timeout, firsts)) });
    });
}

#[derive(Deserialize)]
struct EmitTo {
    #[serde(rename = "self", default)]
    to_self: bool,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    volatile: bool,
    event: String,
    #[serde(default)]
    args: Vec<Value>,
}

#[derive(Deserialize)]
struct Ask {
    #[serde(default)]
    rooms: Vec<String>,
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    timeout: u64,
}

/// `cb(null, answers)`, or `cb("timeout", those that came)`.
fn reply(ack: Ack, answers: Result<Vec<Value>, (AckError, Vec<Value>)>) {
    let args = match answers {
        Ok(answers) => Args::many(&(Value::Null, answers)),
        Err((_, answers)) => Args::many(&("timeout", answers)),
    };
    if let Ok(args) = args {
        ack.send_args(args);
    }
}

fn select(socket: &Socket, rooms: &[String]) -> Broadcast {
    rooms.iter().fold(socket.namespace().everyone(), |all, room| all.to(room.as_str()))
}

/// Room names without the socket's own, sorted.
fn named(id: &str, rooms: &[Room]) -> Vec<String> {
    let others = rooms.iter().filter(|room| room.as_str() != id);
    let mut names: Vec<String> = others.map(|room| room.as_str().to_owned()).collect();
    names.sort();
    names
}
