//! README's table of events.

use serde_json::Value;

use super::model::{Model, name_of};
use crate::event::{Audience, Catalogue, Class, Direction, PRODUCT_ROOM, RateClass, Row, Sender};

/// README's table, between its `<!-- events -->` markers: one line an event, in the contract's order.
pub fn events_markdown(catalogue: &Catalogue) -> String {
    let model = Model::of(catalogue);
    let mut table = String::from(
        "| event | app | sent by | to | payload | kept |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for event in &model.events {
        let row = event.row;
        let app = row.app.map_or("all", |app| app.as_str());
        let name = match row.namespace {
            "/" => format!("`{}`", row.name),
            namespace => format!("`{}` on `{namespace}`", row.name),
        };
        let payload = shape(&event.payload, &model);
        let cells = [&name, app, sender(row), &receivers(row), &payload, &kept(row)];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// Who sends it.
fn sender(row: &Row) -> &'static str {
    match row.sender {
        Sender::Anyone => "clients",
        Sender::User => "users",
        Sender::Backend => "backends",
        Sender::Crier => "Crier",
    }
}

/// Who receives it, in words and names of rooms.
pub(super) fn receivers(row: &Row) -> String {
    let list = |rooms: &[&str], and: &str| {
        rooms.iter().map(|room| format!("`{room}`")).collect::<Vec<_>>().join(and)
    };
    match row.audience {
        Audience::Rooms(rooms) => list(rooms, " ∪ "),
        Audience::AllRooms(rooms) => format!("{}, all needed", list(rooms, " ∪ ")),
        Audience::RoomsElseGlobal(rooms) => {
            format!("{} if given, else everyone signed in", list(rooms, " ∪ "))
        }
        Audience::Payment([]) => "parties of the payment".to_owned(),
        Audience::Payment(rooms) => format!("parties of the payment ∪ {}", list(rooms, " ∪ ")),
        Audience::PaymentWhere { room, field, is } => {
            format!("`{room}`; ∪ parties of the payment where `{field}` is `{is}`")
        }
        Audience::Product => format!("`{PRODUCT_ROOM}`, or everyone"),
        Audience::Within { room, user, .. } => {
            format!("user `{user}` in `{room}`; without it, sellers and admins in there")
        }
        Audience::Settled { after, .. } => {
            format!("rooms named, else everyone, after {} s", after.as_secs())
        }
        Audience::Presence => "those who may see presence".to_owned(),
        Audience::Chosen(whom) => whom.to_owned(),
        Audience::Global => "everyone".to_owned(),
        Audience::Direct if row.direction == Direction::ToServer => "the server".to_owned(),
        Audience::Direct => "the socket".to_owned(),
    }
}

/// The names of the rooms that the row says.
pub(super) fn rooms(row: &Row) -> Vec<&'static str> {
    match row.audience {
        Audience::Rooms(rooms)
        | Audience::AllRooms(rooms)
        | Audience::RoomsElseGlobal(rooms)
        | Audience::Payment(rooms) => rooms.to_vec(),
        Audience::PaymentWhere { room, .. } | Audience::Within { room, .. } => vec![room],
        Audience::Product => vec![PRODUCT_ROOM],
        Audience::Settled { .. }
        | Audience::Presence
        | Audience::Chosen(_)
        | Audience::Global
        | Audience::Direct => Vec::new(),
    }
}

/// How it is kept, or counted.
fn kept(row: &Row) -> String {
    if row.direction == Direction::ToServer {
        return match row.rate {
            RateClass::User(what) => format!("{} a minute", super::asyncapi::per_minute(what)),
            RateClass::Socket | RateClass::Backend | RateClass::Uncounted => String::new(),
        };
    }
    let class = match row.class {
        Class::Ephemeral => "no",
        Class::Recoverable => "yes",
        Class::Durable => "stored",
    };
    match row.latest_of {
        Some(about) => format!("{class}, the newest of `{about}`"),
        None => class.to_owned(),
    }
}

/// The fields of a payload by name, `?` for those that may be left out.
fn shape(schema: &Value, model: &Model) -> String {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(name_of);
    if let Some(definition) = name.and_then(|name| model.definitions.get(name)) {
        return shape(definition, model);
    }
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        let shapes: Vec<String> = branches.iter().map(|branch| shape(branch, model)).collect();
        return shapes.join(" or ");
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return match schema.get("type") {
            Some(Value::String(kind)) if kind == "null" => "none".to_owned(),
            Some(Value::String(kind)) if kind == "object" => "any object".to_owned(),
            Some(Value::String(_)) => "text".to_owned(),
            _ => "an id".to_owned(),
        };
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
    let (mut names, optional): (Vec<String>, Vec<String>) =
        properties.keys().cloned().partition(|name| is_required(name));
    names.extend(optional.iter().map(|name| format!("{name}?")));
    if schema.get("additionalProperties").is_some_and(|more| more == &Value::Bool(true)) {
        names.push("…".to_owned());
    }
    format!("`{{ {} }}`", names.join(", "))
}
