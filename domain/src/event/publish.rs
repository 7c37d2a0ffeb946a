//! Events that Crier's own services send.

use std::{collections::HashMap, sync::LazyLock};

use crier_protocol::{Limits, Namespace, Room};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Direction, Params, ProductAudience, all_rows, catalogue::Entry, template::Values};
use crate::publish::{Args, Filter, Publish};

/// A room that nobody can be in: its name is no legal one.
const NOBODY: &str = "\0nobody";

/// An event of the catalogue to these rooms; for an event that may go to everyone, none = everyone.
///
/// Namespace, class, filter and key come from the row, whatever apps are on: the filter leaves out
/// sockets that do not have the row's app. An event about a product goes to everyone up to 1,000
/// sockets, unless [`ProductAudience::aim`] says otherwise.
///
/// # Panics
///
/// In debug builds, where the catalogue has no such event to clients, the payload does not fit its
/// type, or it would go to everyone and must not: faults of the caller, which tests find. In release
/// builds they are logged, and what must not go to everyone goes to nobody.
pub fn publish_of(name: &'static str, payload: &impl Serialize, mut rooms: Vec<Room>) -> Publish {
    let entry = ENTRIES.get(name);
    let data = to_raw_value(payload).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let fault = match entry {
        None => Some("the catalogue has no such event to clients".to_owned()),
        Some(entry) => fault_of(entry, &data, &rooms),
    };
    if let Some(fault) = fault {
        tracing::error!(event = name, fault, "an event of ours is not as the catalogue says");
        debug_assert!(false, "{name}: {fault}");
    }
    let args = Args::payload(&data, &Limits::default()).unwrap_or_else(|error| {
        tracing::error!(event = name, %error, "an event of ours cannot be sent");
        debug_assert!(false, "{name}: {error}");
        Args::default()
    });
    let everyone = entry.and_then(|entry| entry.plan.everyone());
    let global = rooms.is_empty();
    if global && everyone.is_none() {
        rooms.push(Room::from(NOBODY));
    }
    let is_product = entry.is_some_and(Entry::is_about_product);
    let audience = if is_product { ProductAudience::default() } else { ProductAudience::Room };
    Publish {
        namespace: entry.map_or(Namespace::MAIN, |entry| entry.namespace.clone()),
        event: name.to_owned(),
        args,
        class: entry.map_or(super::Class::Recoverable, |entry| entry.row.class),
        key: entry.and_then(|entry| key(entry, &data, &rooms)),
        rooms,
        except: Vec::new(),
        volatile: false,
        filter: Filter {
            app: entry.and_then(|entry| entry.row.app),
            signed_in: global && everyone.is_some_and(|signed_in| signed_in.0),
            ..Filter::default()
        },
        everyone_up_to: audience.everyone_up_to(),
        settle: None,
        idempotency: None,
    }
}

/// What is wrong with an event, as far as this build looks.
fn fault_of(entry: &Entry, data: &RawValue, rooms: &[Room]) -> Option<String> {
    if rooms.is_empty() && entry.plan.everyone().is_none() {
        return Some("needs rooms".to_owned());
    }
    // Reading each event back costs as much as making it.
    let checked = cfg!(debug_assertions).then(|| entry.row.payload.normalise(data));
    checked.and_then(Result::err).map(|error| error.to_string())
}

/// What the event is the newest of: by the payload, else by the rooms' names.
fn key(entry: &Entry, data: &RawValue, rooms: &[Room]) -> Option<String> {
    let about = entry.latest_of.as_ref()?;
    let params = Params::default();
    if let Ok(value) = about.fill(&Values::new(&params, data)) {
        return Some(entry.key_of(&value));
    }
    let wanted = about.fields().next()?;
    let read = |room: &Room| {
        let templates = entry.plan.templates().iter();
        let mut found = templates.filter_map(|template| template.read(room.as_str()));
        found.find(|(field, _)| *field == wanted).map(|(_, value)| entry.key_of(value))
    };
    rooms.iter().find_map(read)
}

/// Every event to clients, whatever apps are on.
static ENTRIES: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(|| {
    let rows = all_rows().filter(|row| row.direction == Direction::ToClient);
    rows.map(|row| (row.name, Entry::new(row))).collect()
});
