//! Section 3 of the contract: what every connection on `/` can do, whatever apps are on.

use std::sync::Arc;

use crier_domain::{
    App, Refusal, Role, RoomName, Timestamp, channel,
    event::system::{Connected, Disconnected, Heartbeat, Subscribe, Subscribed},
    time::unix_ms,
};

use crier_protocol::socket::Args;
use serde_json::json;

use super::{Context, presence, reply};
use crate::{
    auth::{UnderPolicy, apps_of, identity, recheck},
    namespace::{
        Namespace,
        handler::{Ack, Arrival, Payload},
        socket::Socket,
    },
    recovery::Recovery,
};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    let shared = Arc::clone(context);
    main.use_middleware(move |socket| {
        let context = Arc::clone(&shared);
        async move {
            prepare(&context, &socket).await;
            Ok(())
        }
    });
    main.handlers().first_words(|socket, arrival| Some(("connected", connected(socket, arrival)?)));
    let shared = Arc::clone(context);
    main.on_connect(move |socket| {
        let context = Arc::clone(&shared);
        async move {
            presence::come(&context, &socket);
            let before = socket.get::<Prepared>().map(|prepared| prepared.leavings);
            if before != Some(context.roster.leavings()) {
                recheck(&context, &socket).await;
            }
        }
    });
    let shared = Arc::clone(context);
    main.on_disconnect(move |socket, _reason| {
        // Also of one whose client goes on over another connection: that socket was counted as well.
        presence::go(&shared, &socket);
        std::future::ready(())
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
        let _ = socket.emit_direct("heartbeat_ack", &json!({ "timestamp": unix_ms() }));
        ack.send(&json!({ "ok": true }));
    });
}

/// What a socket was let into its rooms by.
#[derive(Clone, Copy)]
struct Prepared {
    /// How often sockets had been ordered out of rooms. A socket on its way in is not found by such
    /// an order, and looks at its rooms again where there was one meanwhile.
    leavings: u64,
}

/// A user's own rooms and channels, before the client is let in: when it hears that it is, it is in them.
async fn prepare(context: &Context, socket: &Socket) {
    socket.insert(UnderPolicy);
    socket.insert(Prepared { leavings: context.roster.leavings() });
    if let Some(identity) = identity(socket) {
        enter_own_rooms(socket);
        resubscribe(context, socket, &identity.user).await;
    }
}

/// The first event that a client gets, behind what it missed.
fn connected(socket: &Socket, arrival: &Arrival) -> Option<Args> {
    let connected = Connected {
        user_id: identity(socket).map(|identity| identity.user.clone()),
        socket_id: arrival.id.as_str().to_owned(),
        timestamp: Timestamp::now(),
        recovered: arrival.recovery == Recovery::Recovered,
        reason: match arrival.recovery {
            Recovery::NotRecovered(reason) => Some(reason),
            Recovery::Fresh | Recovery::Recovered => None,
        },
    };
    Args::one(&connected).ok()
}

/// A socket that was nobody's is a user's from now on.
pub(super) fn signed_in(context: &Context, socket: &Socket) {
    enter_own_rooms(socket);
    presence::own(context, socket);
    presence::come(context, socket);
}

/// Makes a user's socket join the rooms that are the user's own.
pub(crate) fn enter_own_rooms(socket: &Socket) {
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
    context.left(socket).await?;
    Ok(Subscribed { ok: true, channel: asked.channel })
}

/// What a client hears before the server ends its connection.
pub(crate) fn say_goodbye(socket: &Socket, reason: &str) {
    let goodbye = Disconnected { reason: reason.to_owned(), timestamp: Timestamp::now() };
    let _ = socket.emit_direct("disconnected", &goodbye);
}
