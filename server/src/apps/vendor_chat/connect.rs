//! Who comes and goes: presence first, then the chats and what was missed.

use std::{sync::Arc, time::Duration};

use crier_domain::{
    Refusal,
    dialect::vendor_chat::Speaker,
    event::{system::RefreshToken, vendor_chat::AppError},
};

use crier_protocol::socket::Args;

use super::{
    super::{Context, reply as answer},
    speaker,
};
use crate::{
    auth::refresh,
    namespace::{
        Namespace,
        handler::{Ack, Payload},
        socket::Socket,
    },
};

/// How long `/chat` waits for the person to be on `/presence` (contract, section 7).
const PRESENCE_WAIT: Duration = Duration::from_secs(5);

pub(super) fn install(presence: &Namespace, chat: &Namespace, context: &Arc<Context>) {
    let shared = Arc::clone(context);
    presence.on_connect(move |socket| {
        if let Some(me) = speaker(&socket) {
            shared.presence.vendor_chat.join(&me.person.to_string(), socket.id());
        }
        std::future::ready(())
    });
    let shared = Arc::clone(context);
    presence.on_disconnect(move |socket, _reason| {
        // Also where another connection goes on as this socket: it has joined by itself.
        if let Some(me) = speaker(&socket) {
            shared.presence.vendor_chat.leave(&me.person.to_string(), &socket.id());
        }
        std::future::ready(())
    });
    let shared = Arc::clone(context);
    // As everywhere, but for the name of the event that says why not.
    presence.on(
        "token_refresh",
        move |socket: Socket, Payload(new): Payload<RefreshToken>, ack: Ack| {
            let context = Arc::clone(&shared);
            async move {
                match refresh(&context, &socket, &new.token).await {
                    Err(refusal) if !ack.is_wanted() => {
                        let _ = socket.emit("appError", &AppError::from(&refusal));
                    }
                    refreshed => answer(&socket, ack, refreshed),
                }
            }
        },
    );
    let shared = Arc::clone(context);
    chat.on_connect(move |socket| {
        let context = Arc::clone(&shared);
        async move {
            if let Some(me) = speaker(&socket) {
                enter(&context, &socket, &me).await;
            }
        }
    });
}

/// A socket of `/chat` that was just let in.
async fn enter(context: &Context, socket: &Socket, me: &Speaker) {
    let presence = &context.presence.vendor_chat;
    if !presence.wait_online(&me.person.to_string(), PRESENCE_WAIT).await {
        let _ = socket.emit("appError", &AppError::new(400, "connect to /presence first"));
        return socket.disconnect(false);
    }
    // Before the chats are read, so that nothing falls between them and what comes after.
    if let Err(error) = socket.join(me.person.room()) {
        return tracing::debug!(%error, "a socket of vendor-chat has gone");
    }
    // Its client has the chats, and has got everything that it missed. Not so where it was lost before it
    // was greeted.
    if socket.is_greeted() {
        return;
    }
    if let Err(refusal) = greet(context, socket, me).await {
        let _ = socket.emit("appError", &AppError::from(&refusal));
    }
}

/// The chats, then what was sent while the person was away.
async fn greet(context: &Context, socket: &Socket, me: &Speaker) -> Result<(), Refusal> {
    let chats = &context.services.vendor_chats;
    let (greeting, offline) = (chats.greeting(me).await?, chats.offline(me).await?);
    let (Ok(greeting), Ok(offline)) = (Args::one(&greeting), Args::one(&offline)) else {
        // Both are plain data.
        tracing::error!("the greeting of vendor-chat cannot be written");
        return Ok(());
    };
    // A client that has gone is told when it comes back; one that is too slow is not.
    let _ = socket.greet([("userChats", greeting), ("offlineMessages", offline)]);
    Ok(())
}
