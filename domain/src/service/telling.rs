//! From what was done to the events that tell clients of it.

use crier_protocol::Room;
use serde::Serialize;

use crate::{event::publish_of, publish::Publish, room::RoomName};

/// An event to these rooms; `None` where none is left.
pub(crate) fn event(
    name: &'static str,
    payload: &impl Serialize,
    rooms: impl IntoIterator<Item = Room>,
) -> Option<Publish> {
    let rooms: Vec<Room> = rooms.into_iter().collect();
    (!rooms.is_empty()).then(|| publish_of(name, payload, rooms))
}

/// The room of one thing; `None` where its id is too long for a name, so that nobody can be in it.
pub(crate) fn room(prefix: &str, id: &str) -> Option<Room> {
    RoomName::of(prefix, id).ok().map(Room::from)
}
