//! What one socket tells the others of a room.

use crier_domain::{Publish, Refusal, RoomName, event::publish_of};
use crier_protocol::{Room, SocketId};
use serde::Serialize;

use super::Context;
use crate::namespace::socket::Socket;

/// An event to everybody in a room but one socket.
pub(super) fn to_others(
    name: &'static str,
    payload: &impl Serialize,
    room: &RoomName,
    but: &SocketId,
) -> Publish {
    let except = vec![Room::from(but.as_str())];
    Publish { except, ..publish_of(name, payload, vec![room.clone().into()]) }
}

/// Tells the others in a room something that is over as soon as it is said: nobody is answered for
/// it, and a bus that is away loses it.
pub(super) async fn tell_others(
    context: &Context,
    socket: &Socket,
    name: &'static str,
    payload: &impl Serialize,
    room: &RoomName,
) {
    let event = to_others(name, payload, room, &socket.id());
    if let Err(error) = context.bus.publish(event).await {
        tracing::debug!(%error, event = name, "the others in a room are not told");
    }
}

/// Typing and read events, and messages, need the room joined (contract, section 1).
///
/// # Errors
/// [`Refusal::AccessDenied`] where the socket is not in the room.
pub(super) fn inside(socket: &Socket, room: &RoomName) -> Result<(), Refusal> {
    if socket.is_in(room.as_str()) {
        Ok(())
    } else {
        Err(Refusal::AccessDenied { room: room.clone() })
    }
}

/// The room of one thing that a client named in a field.
///
/// # Errors
/// [`Refusal::Invalid`] at that field where the id is too long for the name of a room.
pub(super) fn room_of(path: &str, prefix: &str, id: &str) -> Result<RoomName, Refusal> {
    RoomName::of(prefix, id).map_err(|_| Refusal::Invalid {
        path: path.to_owned(),
        message: "is too long for the name of a room".to_owned(),
    })
}
