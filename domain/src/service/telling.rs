//! From what was done to the events that tell clients of it.

use crier_protocol::{Limits, Namespace, Room};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::{
    event::{App, Class},
    publish::{Args, Filter, Publish},
    room::RoomName,
};

/// An event of a durable command, for the namespace `/`; `None` where no room is left or it cannot be
/// written, which is logged: what is done is not undone for it.
pub(crate) fn event(
    app: App,
    name: &'static str,
    payload: &impl Serialize,
    rooms: impl IntoIterator<Item = Room>,
) -> Option<Publish> {
    let rooms: Vec<Room> = rooms.into_iter().collect();
    if rooms.is_empty() {
        return None;
    }
    let args = to_raw_value(payload)
        .map_err(|error| error.to_string())
        .and_then(|raw| Args::payload(&raw, &Limits::default()).map_err(|e| e.to_string()));
    let args = match args {
        Ok(args) => args,
        Err(error) => {
            tracing::error!(event = name, error, "an event of ours cannot be written");
            return None;
        }
    };
    Some(Publish {
        namespace: Namespace::MAIN,
        event: name.to_owned(),
        args,
        rooms,
        except: Vec::new(),
        class: Class::Durable,
        key: None,
        volatile: false,
        filter: Filter { app: Some(app), ..Filter::default() },
        everyone_up_to: None,
        settle: None,
        idempotency: None,
    })
}

/// The room of one thing; `None` where its id is too long for a name, so that nobody can be in it.
pub(crate) fn room(prefix: &str, id: &str) -> Option<Room> {
    RoomName::of(prefix, id).ok().map(Room::from)
}

/// The same, of the marketplace.
pub(crate) fn marketplace(
    name: &'static str,
    payload: &impl Serialize,
    rooms: impl IntoIterator<Item = Room>,
) -> Option<Publish> {
    event(App::Marketplace, name, payload, rooms)
}
