//! Section 3 of the contract: what every connection on `/` can do, whatever apps are on.

use std::sync::Arc;

use crier_domain::{
    Refusal, RoomName, Timestamp, channel,
    event::system::{Connected, Disconnected, Heartbeat, Subscribe, Subscribed},
    time::unix_ms,
};

use serde_json::json;

use super::{Context, answer};
use crate::{
    auth::identity,
    namespace::{
        Namespace,
        handler::{Ack, Payload},
        socket::{JoinError, Socket},
    },
    recovery::Recovery,
};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    main.on_connect(|socket| async move { greet(&socket) });
    let shared = Arc::clone(context);
    main.on("subscribe", move |socket: Socket, Payload(asked): Payload<Subscribe>, ack: Ack| {
        done(&asked, subscribe(&socket, &shared, &asked), &socket, ack)
    });
    main.on("unsubscribe", |socket: Socket, Payload(asked): Payload<Subscribe>, ack: Ack| {
        done(&asked, unsubscribe(&socket, &asked), &socket, ack)
    });
    main.on("heartbeat", |socket: Socket, Payload(_): Payload<Heartbeat>, ack: Ack| async move {
        let _ = socket.emit_direct("heartbeat_ack", &json!({ "timestamp": unix_ms() }));
        ack.send(&json!({ "ok": true }));
    });
}

/// A user's own rooms, then the first event that a client gets.
fn greet(socket: &Socket) {
    let who = identity(socket);
    if let Some(identity) = &who {
        for prefix in ["user:", "user-"] {
            let room = RoomName::of(prefix, identity.user.as_str());
            let joined = room.map(|room| socket.join(room.as_str()));
            if !matches!(joined, Ok(Ok(()))) {
                tracing::warn!("a user's own room cannot be joined");
            }
        }
    }
    let connected = Connected {
        user_id: who.map(|identity| identity.user.clone()),
        socket_id: socket.id().as_str().to_owned(),
        timestamp: Timestamp::now(),
        recovered: socket.recovery() == Recovery::Recovered,
        reason: match socket.recovery() {
            Recovery::NotRecovered(reason) => Some(reason),
            Recovery::Fresh | Recovery::Recovered => None,
        },
    };
    // A client that has gone by now is not told.
    let _ = socket.emit_direct("connected", &connected);
}

fn subscribe(socket: &Socket, context: &Context, asked: &Subscribe) -> Result<(), Refusal> {
    let who = identity(socket);
    let room = channel(&asked.channel, who.as_deref().map(|identity| &identity.user))?;
    context.policy.may_join(who.as_deref(), &room)?;
    match socket.join(room.as_str()) {
        // One that has gone hears no answer anyway.
        Ok(()) | Err(JoinError::Disconnected) => Ok(()),
        Err(error @ JoinError::TooManyRooms { .. }) => {
            Err(Refusal::Invalid { path: "channel".to_owned(), message: error.to_string() })
        }
    }
}

fn unsubscribe(socket: &Socket, asked: &Subscribe) -> Result<(), Refusal> {
    let who = identity(socket);
    let room = channel(&asked.channel, who.as_deref().map(|identity| &identity.user))?;
    socket.leave(room.as_str());
    Ok(())
}

/// Answers a client about its channel.
fn done(
    asked: &Subscribe,
    result: Result<(), Refusal>,
    socket: &Socket,
    ack: Ack,
) -> std::future::Ready<()> {
    match result {
        Ok(()) => ack.send(&Subscribed { ok: true, channel: asked.channel.clone() }),
        Err(refusal) => answer(socket, &refusal, ack),
    }
    std::future::ready(())
}

/// What a client hears before the server ends its connection.
pub(crate) fn say_goodbye(socket: &Socket, reason: &str) {
    let goodbye = Disconnected { reason: reason.to_owned(), timestamp: Timestamp::now() };
    let _ = socket.emit_direct("disconnected", &goodbye);
}
