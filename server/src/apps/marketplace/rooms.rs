//! `join-*`, `leave-*` and `user-online`: the payload is a bare id.

use std::sync::Arc;

use crier_domain::{
    Refusal, RoomName, UserId,
    event::{Id, Joined},
};

use super::typing::Typing;
use crate::{
    apps::{Context, on::on_bare, others::room_of, same_user},
    auth::identity,
    namespace::{Namespace, socket::Socket},
};

/// Rooms of one thing: its word in the events, what names it, and its room.
const THINGS: [(&str, &str, &str); 2] =
    [("request", "requestId", "request-"), ("chat", "chatId", "chat-")];

/// Rooms of one side of the market, which go along with everybody's on that side: the word, what names
/// the user, the user's room.
const SIDES: [(&str, &str, &str); 2] =
    [("seller", "sellerId", "seller-"), ("buyer", "buyerId", "buyer-")];

pub(super) fn install(main: &Namespace, context: &Arc<Context>, typing: &Arc<Typing>) {
    on_bare(main, context, "join-user-room", "userId", |context, socket, id: UserId| async move {
        enter(&context, &socket, &id, room_of("userId", "user-", id.as_str())?).await
    });
    on_bare(main, context, "user-online", "userId", |context, socket, id: UserId| async move {
        // Saying so for another is no way in, not for an admin either: presence is one's own.
        let who = context.claim(&socket, &id)?;
        let room = room_of("userId", "user-", who.user.as_str())?;
        enter(&context, &socket, &id, room).await
    });
    for (word, name, prefix) in THINGS {
        on_bare(main, context, &format!("join-{word}-room"), name, {
            move |context, socket, id: Id| async move {
                let room = room_of(name, prefix, id.as_str())?;
                context.join(&socket, &room).await?;
                Ok(joined(&room))
            }
        });
        let typing = Arc::clone(typing);
        on_bare(main, context, &format!("leave-{word}-room"), name, {
            move |context, socket, id: Id| {
                let typing = Arc::clone(&typing);
                async move {
                    let room = room_of(name, prefix, id.as_str())?;
                    // Before it leaves: who has gone cannot be seen to stop.
                    typing.leaves(&context, &socket, &room).await;
                    context.leave(&socket, &room);
                    context.left(&socket).await?;
                    Ok(joined(&room))
                }
            }
        });
    }
    for (word, name, prefix) in SIDES {
        on_bare(main, context, &format!("join-{word}-room"), name, {
            move |context, socket, id: UserId| async move {
                let room = room_of(name, prefix, id.as_str())?;
                enter(&context, &socket, &id, room).await
            }
        });
        on_bare(main, context, &format!("leave-{word}-room"), name, {
            move |context, socket, id: UserId| async move {
                let room = room_of(name, prefix, id.as_str())?;
                let was_in = context.leave(&socket, &room);
                if !was_in {
                    // Nothing is left by it; whose room it is has to be true all the same.
                    same_user(&*context.user(&socket)?, &id)?;
                }
                context.left(&socket).await?;
                Ok(joined(&room))
            }
        });
    }
}

/// Enters a user's room. Whether it may is the policy's to say; in mode `off` a socket that nobody is yet becomes this user first.
async fn enter(
    context: &Context,
    socket: &Socket,
    id: &UserId,
    room: RoomName,
) -> Result<Joined, Refusal> {
    if identity(socket).is_none() {
        context.claim(socket, id)?;
    }
    context.join(socket, &room).await?;
    Ok(joined(&room))
}

fn joined(room: &RoomName) -> Joined {
    Joined { ok: true, room: room.as_str().to_owned() }
}
