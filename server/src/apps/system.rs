//! Section 3 of the contract: what every connection on `/` can do, whatever apps are on.

use std::sync::Arc;

use crier_domain::{
    App, Refusal, Role, RoomName, Timestamp, channel,
    event::system::{Connected, Disconnected, Heartbeat, Subscribe, Subscribed},
    time::unix_ms,
};

use serde_json::json;

use super::{Context, reply};
use crate::{
    auth::{apps_of, identity},
    namespace::{
        Namespace,
        handler::{Ack, Payload},
        socket::Socket,
    },
};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    let shared = Arc::clone(context);
    main.on_connect(move |socket| {
        let context = Arc::clone(&shared);
        async move { greet(&context, &socket).await }
    });
    let shared = Arc::clone(context);
    main.on("subscribe", move |socket: Socket, Payload(asked): Payload<Subscribe>, ack: Ack| {
        let context = Arc::clone(&shared);
        async move { reply(&socket, ack, subscribe(&context, &socket, asked).await) }
    });
    let shared = Arc::clone(context);
    main.on("unsubscribe", move |socket: Socket, Payload(asked): Payload<Subscribe>, ack: Ack| {
        let context = Arc::clone(&shared);
        async move { reply(&socket, ack, unsubscribe(&context, &socket, asked).await) }
    });
    main.on("heartbeat", |socket: Socket, Payload(_): Payload<Heartbeat>, ack: Ack| async move {
        let _ = socket.emit("heartbeat_ack", &json!({ "timestamp": unix_ms() }));
        ack.send(&json!({ "ok": true }));
    });
}

/// A user's own rooms and channels, then the first event that a client gets.
async fn greet(context: &Context, socket: &Socket) {
    let who = identity(socket);
    if let Some(identity) = &who {
        signed_in(context, socket);
        resubscribe(context, socket, &identity.user).await;
    }
    let connected = Connected {
        user_id: who.map(|identity| identity.user.clone()),
        socket_id: socket.id().as_str().to_owned(),
        timestamp: Timestamp::now(),
        recovered: false,
        reason: None,
    };
    // A client that has gone by now is not told.
    let _ = socket.emit("connected", &connected);
}

/// A socket is a user's from now on: it is in the rooms that are the user's own.
pub(super) fn signed_in(_context: &Context, socket: &Socket) {
    let Some(identity) = identity(socket) else { return };
    let apps = apps_of(socket);
    // The system's own events to a user go to `user:` whatever apps are on.
    let own = RoomName::of("user:", identity.user.as_str()).ok();
    let marketplace = RoomName::of("user-", identity.user.as_str()).ok();
    let marketplace = marketplace.filter(|_| apps.contains(App::Marketplace));
    let admin = identity.role == Role::Admin && apps.contains(App::Shop);
    let admin = ["admin", "admins"].into_iter().filter(|_| admin);
    let admin = admin.filter_map(|room| RoomName::parse(room).ok());
    for room in own.into_iter().chain(marketplace).chain(admin) {
        // One that has gone needs no room, and these are its first.
        let _ = socket.join(room.as_str());
    }
}

/// The channels of former connections, as far as the user may still have them.
async fn resubscribe(context: &Context, socket: &Socket, user: &crier_domain::UserId) {
    let channels = match context.services.subscriptions.list(user).await {
        Ok(channels) => channels,
        Err(error) => {
            // The client subscribes anew itself where it cares.
            tracing::warn!(%error, "the channels of a user cannot be restored");
            return;
        }
    };
    for name in channels {
        let Ok(room) = channel(&name, Some(user)) else { continue };
        // One that is denied now stays remembered: a grant may come back.
        let _ = context.join(socket, &room).await;
    }
}

async fn subscribe(
    context: &Context,
    socket: &Socket,
    asked: Subscribe,
) -> Result<Subscribed, Refusal> {
    let who = identity(socket);
    let user = who.as_deref().map(|identity| &identity.user);
    let room = channel(&asked.channel, user)?;
    let is_new = context.join(socket, &room).await?;
    if let Some(user) = user
        && let Err(refusal) = context.services.subscriptions.add(user, &asked.channel).await
    {
        if is_new {
            context.leave(socket, &room);
        }
        return Err(refusal);
    }
    Ok(Subscribed { ok: true, channel: asked.channel })
}

async fn unsubscribe(
    context: &Context,
    socket: &Socket,
    asked: Subscribe,
) -> Result<Subscribed, Refusal> {
    let who = identity(socket);
    let user = who.as_deref().map(|identity| &identity.user);
    let room = channel(&asked.channel, user)?;
    if let Some(user) = user {
        context.services.subscriptions.remove(user, &asked.channel).await?;
    }
    context.leave(socket, &room);
    Ok(Subscribed { ok: true, channel: asked.channel })
}

/// What a client hears before the server ends its connection.
pub(crate) fn say_goodbye(socket: &Socket, reason: &str) {
    let goodbye = Disconnected { reason: reason.to_owned(), timestamp: Timestamp::now() };
    let _ = socket.emit("disconnected", &goodbye);
}
