//! `joinRoom`, `leaveRoom` and `message`.

use std::sync::Arc;

use crier_domain::{
    Policy, Refusal, Timestamp,
    event::{
        Joined,
        shop::{
            Author, JoinedName, LeftName, RoomJoined, RoomLeft, RoomMessage, SendRoomMessage,
            SentTo,
        },
    },
    service::{once::Once, text},
};

use crate::{
    apps::{
        Context, named_room,
        on::{on, on_bare},
        others::{inside, tell_others, to_others},
    },
    auth::identity,
    namespace::{Namespace, socket::Socket},
};

/// Members of a room up to which they hear who comes and goes (contract, section 6). In a larger room
/// every coming would be that many packets.
const ANNOUNCED_UP_TO: usize = 1_000;

/// UTF-16 units of a message: as of a chat's (contract, section 4).
const TEXT_MAX: usize = 5_000;

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    on_bare(main, context, "joinRoom", "room", |context, socket, room: String| async move {
        join(&context, &socket, room).await
    });
    on_bare(main, context, "leaveRoom", "room", |context, socket, room: String| async move {
        leave(&context, &socket, room).await
    });
    on(main, context, "message", |context, socket, asked| async move {
        send(&context, &socket, asked).await
    });
}

async fn join(context: &Context, socket: &Socket, name: String) -> Result<Joined, Refusal> {
    let room = named_room("room", &name)?;
    if context.join(socket, &room).await? && is_announced(socket, room.as_str()) {
        let by = socket.id().as_str().to_owned();
        let joined = RoomJoined { event: JoinedName::It, room: room.clone(), by };
        tell_others(context, socket, "joined", &joined, &room).await;
    }
    Ok(Joined { ok: true, room: name })
}

async fn leave(context: &Context, socket: &Socket, name: String) -> Result<Joined, Refusal> {
    let room = named_room("room", &name)?;
    // Counted with the one who leaves, as on joining.
    let is_announced = is_announced(socket, room.as_str());
    if context.leave(socket, &room) && is_announced {
        let by = socket.id().as_str().to_owned();
        let left = RoomLeft { event: LeftName::It, room: room.clone(), by };
        tell_others(context, socket, "left", &left, &room).await;
    }
    context.left(socket).await?;
    Ok(Joined { ok: true, room: name })
}

fn is_announced(socket: &Socket, room: &str) -> bool {
    socket.namespace().room_len(room) <= ANNOUNCED_UP_TO
}

async fn send(
    context: &Context,
    socket: &Socket,
    asked: SendRoomMessage,
) -> Result<SentTo, Refusal> {
    let room = &asked.room;
    let who = identity(socket);
    let id = socket.id();
    // An anonymous socket is a person of its own; no user can be named so, for its scope differs.
    let (scope, person) =
        who.as_ref().map_or(("/#anonymous", id.as_str()), |who| ("/", who.user.as_str()));
    let once = asked
        .client_id
        .as_ref()
        .map(|id| Once::of_client(scope, person, "message", id.as_str(), &asked))
        .transpose()?;
    let message = || {
        // Rooms of the table belong to their apps: what users write there would look like theirs.
        if !Policy::is_anything_else(room) {
            return Err(Refusal::AccessDenied { room: room.clone() });
        }
        inside(socket, room)?;
        text::check("text", asked.text.as_str(), 1, TEXT_MAX)?;
        let message = RoomMessage {
            room: room.clone(),
            text: asked.text.clone(),
            from: who.as_ref().map(|who| Author { id: who.user.clone(), name: who.name.clone() }),
            meta: asked.meta.clone(),
            ts: Timestamp::now(),
        };
        Ok(to_others("message", &message, room, &id))
    };
    context.services.posts.send(&*context.bus, person, once, message).await?;
    Ok(SentTo { ok: true, sent_to: format!("room:{room}") })
}
