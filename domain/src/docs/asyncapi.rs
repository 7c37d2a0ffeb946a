//! The AsyncAPI document.

use serde_json::{Map, Value, json};

use super::{
    markdown::{receivers, rooms},
    model::{Event, Model},
};
use crate::{
    event::{Catalogue, Class, Direction, RateClass, Row, Sender},
    service::limits::{Counted, PerMinute},
};

const ABOUT: &str = "Events of Crier's sockets. Every client speaks Socket.IO v5 over Engine.IO v4 \
    (`socket.io-client` 4); a channel is a namespace, a message one event with its one argument, a \
    reply the acknowledgement. `receive` is what clients send, `send` what they get. Backends publish \
    what has `x-sender: backend` by `POST /api/events/{event}`, see `/openapi.json`.";

/// The AsyncAPI 3.0 document of the events that are on.
///
/// A channel is a namespace. What JSON Schema has no words for is in fields of its own at each
/// operation: `x-app`, `x-sender`, `x-audience` (in words), `x-rooms` (`{x}` filled from parameters
/// or payload), `x-class` (`ephemeral`, `recoverable`, `durable`), `x-latest-of`, `x-rate`.
pub fn asyncapi(catalogue: &Catalogue) -> Value {
    let model = Model::of(catalogue);
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    for namespace in model.namespaces() {
        let channel = namespace.channel;
        let mut of_channel = Map::new();
        for direction in [Direction::ToServer, Direction::ToClient] {
            for event in model.events(namespace.name, direction) {
                let row = event.row;
                let key = key_of(row);
                messages.insert(key.clone(), message(row.name, &event.payload));
                of_channel.insert(key.clone(), reference("components/messages", &key));
                let reply = event.ack.as_ref().map(|ack| {
                    let ack_key = format!("ack.{key}");
                    let answers = json!({ "anyOf": [ack, refused(row)] });
                    let name = format!("ack of {}", row.name);
                    messages.insert(ack_key.clone(), message(&name, &answers));
                    of_channel.insert(ack_key.clone(), reference("components/messages", &ack_key));
                    json!({
                        "channel": reference("channels", channel),
                        "messages": [reference(&format!("channels/{channel}/messages"), &ack_key)],
                    })
                });
                let operation = operation(channel, event, &key, reply);
                operations.insert(format!("{channel}.{key}"), operation);
            }
        }
        let channel_of = json!({
            "address": namespace.name,
            "title": format!("Namespace {}", namespace.name),
            "messages": of_channel,
        });
        channels.insert(channel.to_owned(), channel_of);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Crier",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "crier": {
            "host": "localhost:3000",
            "pathname": "/socket.io/",
            "protocol": "ws",
            "description": "Socket.IO over websockets and long-polling.",
            "security": [{ "$ref": "#/components/securitySchemes/token" }],
        } },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": model.definitions,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The handshake's `auth.token`.",
            } },
        },
    })
}

/// How many a minute one user may send; the default, which operators may change.
pub(super) fn per_minute(what: Counted) -> u32 {
    PerMinute::default().of(what).get()
}

/// The event's name in the alphabet of component keys, with its direction: `typing` goes both ways,
/// and from clients on two namespaces.
fn key_of(row: &Row) -> String {
    let way = match row.direction {
        Direction::ToServer => "receive",
        Direction::ToClient => "send",
    };
    let namespace = row.namespace.trim_start_matches('/');
    let name = row.name.replace(':', ".");
    let parts = [way, namespace, &name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn reference(folder: &str, key: &str) -> Value {
    json!({ "$ref": format!("#/{folder}/{key}") })
}

fn message(name: &str, payload: &Value) -> Value {
    json!({ "name": name, "title": name, "payload": payload })
}

fn operation(channel: &str, event: &Event, key: &str, reply: Option<Value>) -> Value {
    let row = event.row;
    let mut operation = json!({
        "action": match row.direction {
            Direction::ToServer => "receive",
            Direction::ToClient => "send",
        },
        "channel": reference("channels", channel),
        "summary": row.name,
        "messages": [reference(&format!("channels/{channel}/messages"), key)],
        "x-sender": match row.sender {
            Sender::Anyone => "anyone",
            Sender::User => "user",
            Sender::Backend => "backend",
            Sender::Crier => "crier",
        },
    });
    let mut put = |name: &str, value: Value| {
        if let Some(fields) = operation.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if let Some(reply) = reply {
        put("reply", reply);
    }
    if let Some(app) = row.app {
        put("x-app", app.as_str().into());
    }
    match row.rate {
        RateClass::User(what) => put("x-rate", json!({ "perUserAndMinute": per_minute(what) })),
        RateClass::Socket => put("x-rate", "socket".into()),
        RateClass::Backend => put("x-rate", "backend".into()),
        RateClass::Uncounted => {}
    }
    if row.direction == Direction::ToClient {
        put("x-audience", receivers(row).into());
        if !rooms(row).is_empty() {
            put("x-rooms", rooms(row).into());
        }
        put(
            "x-class",
            match row.class {
                Class::Ephemeral => "ephemeral",
                Class::Recoverable => "recoverable",
                Class::Durable => "durable",
            }
            .into(),
        );
    }
    if let Some(about) = row.latest_of {
        put("x-latest-of", about.into());
    }
    operation
}

/// What an event is answered with where it is refused; vendor-chat has an envelope of its own.
fn refused(row: &Row) -> Value {
    if row.namespace == "/chat" {
        return reference("components/schemas", "AppError");
    }
    json!({
        "type": "object",
        "properties": { "error": { "type": "string" }, "retryAfter": { "type": "number" } },
        "required": ["error"],
    })
}
