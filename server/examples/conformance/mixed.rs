//! One server of a cluster whose others are Node's, with the official adapter. Clients drive it by one
//! event: `ctl`, a command, its arguments, and a callback `(error, value)`.

use std::{io, sync::Arc, time::Duration};

use clap::ValueEnum;
use crier_domain::redis::{Redis, RedisOptions, RedisUrl};
use crier_protocol::redis_adapter::{Channels, SubscriptionMode};
use crier_server::{
    Ack, Args, Broadcast, Io, Namespace, Room, ServerAck, Socket, Value,
    adapter::node::{NodeLink, NodeMode, NodeSettings},
};
use serde::Deserialize;
use serde_json::json;

/// How long servers are waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// No Node servers; emitters only.
    Emitter,
    /// `createAdapter`.
    Classic,
    /// The same with `publishOnSpecificResponseChannel`.
    ClassicSpecific,
    /// `createShardedAdapter`, subscription mode `static`.
    ShardedStatic,
    /// The same, mode `dynamic`.
    ShardedDynamic,
    /// The same, mode `dynamic-private`.
    ShardedDynamicPrivate,
}

pub(crate) async fn server(cli: &crate::Cli) -> io::Result<Io> {
    let redis = cli.redis_url.as_deref().ok_or_else(|| invalid("--redis-url is missing"))?;
    let redis = Redis::new(RedisOptions {
        url: RedisUrl::parse(redis).map_err(invalid)?,
        username: None,
        password: None,
        prefix: "crier".to_owned(),
        secrets: vec![b"the secret of an example, known to everyone".to_vec()],
        connections: 2,
        timeout: Duration::from_secs(2),
    });
    let redis = redis.map_err(invalid)?;
    let channels = Channels::new("socket.io").ok_or_else(|| invalid("prefix"))?;
    let settings = NodeSettings {
        mode: match cli.adapter {
            Form::Emitter => NodeMode::Off,
            Form::Classic | Form::ClassicSpecific => NodeMode::Classic,
            Form::ShardedStatic => NodeMode::Sharded(SubscriptionMode::Static),
            Form::ShardedDynamic => NodeMode::Sharded(SubscriptionMode::Dynamic),
            Form::ShardedDynamicPrivate => NodeMode::Sharded(SubscriptionMode::DynamicPrivate),
        },
        timeout: TIMEOUT,
        specific_responses: cli.adapter == Form::ClassicSpecific,
        ..NodeSettings::new(channels)
    };
    let mut options = crate::options(25_000, 20_000);
    options.node = Some(NodeLink { settings, redis, several: cli.several });
    let server = Io::new(options);
    let name: Arc<str> = cli.name.as_str().into();
    for namespace in ["/", "/custom"] {
        handlers(&crate::namespace(&server, namespace), &name);
    }
    if let Some(node) = server.node() {
        node.ready().await;
    }
    Ok(server)
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

fn handlers(namespace: &Namespace, name: &Arc<str>) {
    namespace.on(
        "ctl",
        |socket: Socket, (command, given): (String, Option<Command>), ack: Ack| async move {
            let (error, value) = match control(&socket, &command, given.unwrap_or_default()).await {
                Ok(value) => (Value::Null, value),
                Err((error, value)) => (Value::String(error), value),
            };
            match Args::many(&(error, value)) {
                Ok(args) => ack.send_args(args),
                Err(error) => ack.send(&error.to_string()),
            }
        },
    );
    let name = Arc::clone(name);
    namespace.on_server_side("sse", move |namespace: Namespace, args: Args, ack: ServerAck| {
        let name = Arc::clone(&name);
        async move {
            let given: Vec<Value> = (0..args.len()).filter_map(|i| args.get(i).ok()).collect();
            let silent = given.first().and_then(Value::as_str) == Some("no-reply");
            let told = std::iter::once(Value::String(name.to_string())).chain(given);
            if let Ok(args) = Args::many(&told.collect::<Vec<_>>()) {
                let _ = namespace.everyone().local().emit_args("sse-got", args);
            }
            if !silent {
                ack.send(&*name);
            }
        }
    });
}

/// The arguments of all commands.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Command {
    rooms: Vec<String>,
    except: Vec<String>,
    room: String,
    data: Value,
    flags: Flags,
    ev: String,
    args: Vec<Value>,
    target: Rooms,
    close: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Flags {
    local: bool,
    volatile: bool,
    timeout: u64,
}

/// One room, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rooms {
    One(String),
    Several(Vec<String>),
}

impl Default for Rooms {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Rooms {
    fn rooms(self) -> Vec<Room> {
        match self {
            Self::One(room) => vec![room.into()],
            Self::Several(rooms) => rooms.into_iter().map(Room::from).collect(),
        }
    }
}

impl Command {
    fn select(&self, namespace: &Namespace) -> Broadcast {
        let all = namespace.everyone();
        let all = self.rooms.iter().fold(all, |all, room| all.to(room.as_str()));
        let all = self.except.iter().fold(all, |all, room| all.except(room.as_str()));
        let all = if self.flags.local { all.local() } else { all };
        if self.flags.volatile { all.volatile() } else { all }
    }
}

type Controlled = Result<Value, (String, Value)>;

async fn control(socket: &Socket, command: &str, given: Command) -> Controlled {
    let namespace = socket.namespace();
    let broadcast = given.select(namespace);
    let failed = |error: &dyn ToString| (error.to_string(), Value::Null);
    match command {
        "join" => {
            for room in given.rooms {
                socket.join(room).map_err(|error| failed(&error))?;
            }
        }
        "leave" => socket.leave(&given.room),
        "data" => socket.set_data(plain(&given.data)),
        "rooms" => {
            let rooms = socket.rooms();
            return Ok(strings(rooms.iter().map(Room::as_str)));
        }
        "emit" => {
            let args = Args::many(&given.args).map_err(|error| failed(&error))?;
            broadcast.emit_args(&given.ev, args).map_err(|error| failed(&error))?;
        }
        "emitAck" => {
            let args = Args::many(&given.args).map_err(|error| failed(&error))?;
            let timeout = Duration::from_millis(given.flags.timeout);
            let acks = broadcast.emit_with_ack(&given.ev, args, timeout).await;
            let acks = acks.map_err(|error| failed(&error))?;
            let firsts = acks.answers.iter().filter_map(|args| args.get(0).ok()).collect();
            let firsts = Value::Array(firsts);
            return if acks.is_complete() { Ok(firsts) } else { Err(("timeout".into(), firsts)) };
        }
        "fetch" => {
            let found = broadcast.fetch_sockets().await.into_iter().map(|info| {
                let rooms: Vec<&str> = info.rooms.iter().map(Room::as_str).collect();
                let query = info.handshake.get("query").and_then(|query| query.get("node"));
                json!({ "id": info.id.as_str(), "rooms": rooms, "data": info.data, "q": query })
            });
            return Ok(value(&found.collect::<Vec<_>>()));
        }
        "sjoin" => drop(broadcast.join(given.target.rooms()).await),
        "sleave" => drop(broadcast.leave(given.target.rooms()).await),
        "sdisc" => drop(broadcast.disconnect(given.close).await),
        "sse" => {
            let args = Args::many(&given.args).map_err(|error| failed(&error))?;
            namespace.server_side_emit("sse", args).await.map_err(|error| failed(&error))?;
        }
        "sseAck" => {
            let args = Args::many(&given.args).map_err(|error| failed(&error))?;
            let acks = namespace.server_side_emit_with_ack("sse", args, TIMEOUT).await;
            let acks = acks.map_err(|error| failed(&error))?;
            let complete = acks.is_complete();
            let answers = Value::Array(acks.answers);
            return if complete { Ok(answers) } else { Err(("timeout".into(), answers)) };
        }
        other => return Err((format!("unknown command {other}"), Value::Null)),
    }
    Ok(Value::Null)
}

fn value<T: serde::Serialize>(given: &T) -> Value {
    Args::one(given).ok().and_then(|args| args.get(0).ok()).unwrap_or_default()
}

fn plain(given: &Value) -> serde_json::Value {
    Args::one(given).ok().and_then(|args| args.get(0).ok()).unwrap_or_default()
}

fn strings<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(texts.map(|text| Value::String(text.to_owned())).collect())
}
