//! `events.d.ts`: the events as `socket.io-client`'s generic types expect them.

use serde_json::Value;

use super::{
    model::{Event, Model},
    types::{comment, fields_of, say, type_of},
};
use crate::event::{Catalogue, Direction};

const HEAD: &str = "\
// The events of Crier, made from the catalogue that the server checks them by. Do not edit.
//
//   import { io, type Socket } from \"socket.io-client\";
//   import type { ServerToClientEvents, ClientToServerEvents } from \"./events\";
//   const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(\"https://shop.example\");
//
// An acknowledgement may be asked for with every event. Where it is the point of the event it has to
// be: `emitWithAck` knows its type there, and calls it `any` elsewhere.

/** What an event is answered with where it is refused. */
export interface Refused {
  /** What is wrong: `Unauthorized`, `Access denied`, `items.0.price: …`. */
  error: string;
  /** Seconds until a next try makes sense. */
  retryAfter?: number;
  ok?: undefined;
}

/** What an event is answered with: `error` tells the two apart. */
export type Answer<T> = (T & { error?: undefined }) | Refused;
";

/// Types of TypeScript for the events that are on: `ServerToClientEvents` and
/// `ClientToServerEvents` of `/`, those of `/chat` and `/presence` with these words in front, and
/// the shapes of all payloads and acks.
pub fn events_d_ts(catalogue: &Catalogue) -> String {
    let model = Model::of(catalogue);
    let mut text = HEAD.to_owned();
    for (name, schema) in &model.definitions {
        text.push('\n');
        text.push_str(&declaration(name, schema));
    }
    for namespace in model.namespaces() {
        let (name, prefix) = (namespace.name, namespace.prefix);
        for (direction, way) in
            [(Direction::ToClient, "ServerToClient"), (Direction::ToServer, "ClientToServer")]
        {
            let from = if direction == Direction::ToClient { "to clients" } else { "from clients" };
            text.push_str(&format!("\n/** Events {from}, on `{name}`. */\n"));
            text.push_str(&format!("export interface {prefix}{way}Events {{\n"));
            for event in model.events(name, direction) {
                text.push_str(&listener(event, name));
            }
            text.push_str("}\n");
        }
    }
    text
}

/// A shared schema as a type.
fn declaration(name: &str, schema: &Value) -> String {
    let fields = schema.as_object().filter(|s| s.get("type").is_some_and(|t| t == "object"));
    let said = comment(schema, 0);
    match fields.and_then(|schema| fields_of(schema, 2)) {
        Some(fields) => format!("{said}export interface {name} {{\n{fields}}}\n"),
        None => format!("{said}export type {name} = {};\n", type_of(schema, 0)),
    }
}

/// One event as a function: its arguments, and the acknowledgement.
fn listener(event: &Event, namespace: &str) -> String {
    let row = event.row;
    let payload = type_of(&event.payload, 2);
    let said = say(&super::markdown::receivers(row), 2);
    let Some(ack) = &event.ack else {
        return format!("{said}  {}: (payload: {payload}) => void;\n", quoted(row.name));
    };
    let answer = type_of(ack, 2);
    // The envelope of vendor-chat says itself whether it is an error.
    let answer = if namespace == "/chat" && row.app.is_some() {
        format!("{answer} | AppError")
    } else {
        format!("Answer<{answer}>")
    };
    let mark = if row.ack_wanted { "" } else { "?" };
    let ack = format!("ack{mark}: (answer: {answer}) => void");
    let args = match may_be_null(&event.payload) {
        // Clients send nothing then, or null.
        true => format!("...args: [{ack}] | [payload: {}, {ack}]", or_null(&payload)),
        false => format!("payload: {payload}, {ack}"),
    };
    format!("  {}: ({args}) => void;\n", quoted(row.name))
}

fn may_be_null(schema: &Value) -> bool {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    let branches = schema.get("anyOf").and_then(Value::as_array);
    is_null(schema) || branches.is_some_and(|branches| branches.iter().any(is_null))
}

fn or_null(payload: &str) -> String {
    if payload.ends_with("null") { payload.to_owned() } else { format!("{payload} | null") }
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}
