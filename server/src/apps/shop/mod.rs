//! Section 6 of the contract: rooms, messages, who am I, notifications, orders.

mod orders;
mod rooms;

use std::sync::Arc;

use crier_domain::{
    App, Refusal, Timestamp,
    event::{
        Done, publish_of,
        shop::{SendNotification, Sent, Typing, TypingName, UserTyping, Whoami},
    },
    service::{
        notifications,
        once::{Once, Outcome},
    },
};

use super::{Context, on::on, others::room_of};
use crate::namespace::{Namespace, handler::Ack, socket::Socket};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    debug_assert!(context.is_on(App::Shop), "an app that is off is not installed");
    rooms::install(main, context);
    orders::install(main, context);
    let shared = Arc::clone(context);
    // Takes `null`, nothing, and whatever else: there is nothing to be read of it.
    main.on("whoami", move |socket: Socket, (): (), ack: Ack| {
        let answer = whoami(&shared, &socket);
        async move { super::reply(&socket, ack, answer) }
    });
    on(main, context, "notification:send", |context, socket, asked| async move {
        notify(&context, &socket, asked).await
    });
    on(main, context, "typing", |context, socket, asked| async move {
        typing(&context, &socket, asked).await
    });
}

fn whoami(context: &Context, socket: &Socket) -> Result<Whoami, Refusal> {
    let who = context.user(socket)?;
    Ok(Whoami {
        user_id: who.user.clone(),
        role: who.role,
        email: who.email.clone(),
        is_verified: who.is_verified,
    })
}

async fn notify(
    context: &Context,
    socket: &Socket,
    asked: SendNotification,
) -> Result<Sent, Refusal> {
    let who = context.user(socket)?;
    let once = asked.client_id.as_ref().map(|id| {
        let person = who.user.as_str();
        Once::of_client("/", person, "notification:send", id.as_str(), &asked)
    });
    let once = once.transpose()?;
    let sent = context.services.notifications.send(&who, asked, once).await?;
    let sent = match sent {
        Outcome::Done(sent) => sent,
        Outcome::Repeated(answer) => serde_json::from_slice(&answer)
            .unwrap_or(notifications::Sent { queued: false, saved: true }),
    };
    Ok(Sent { ok: true, queued: sent.queued, saved: sent.saved })
}

async fn typing(context: &Context, socket: &Socket, asked: Typing) -> Result<Done, Refusal> {
    let who = context.user(socket)?;
    let room = room_of("toUserId", "user:", asked.to_user_id.as_str())?;
    let payload =
        UserTyping { event: TypingName::It, from: who.user.clone(), at: Timestamp::now() };
    context.bus.publish(publish_of("typing", &payload, vec![room.into()])).await?;
    Ok(Done { ok: true })
}
