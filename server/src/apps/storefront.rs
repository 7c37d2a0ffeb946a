//! Section 5 of the contract, what clients send: support tickets.

use std::sync::Arc;

use crier_domain::{
    App, Identity, Refusal, Role, RoomName, Timestamp,
    event::{
        Done, Joined, publish_of,
        storefront::support::{
            AgentStoppedTyping, AgentTyping, MessageRead, SupportMessageRead, Ticket, UserTyping,
        },
    },
};

use super::{
    Context,
    on::on,
    others::{inside, room_of, tell_others},
    same_user,
};
use crate::namespace::{Namespace, socket::Socket};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    debug_assert!(context.is_on(App::Storefront), "an app that is off is not installed");
    on(main, context, "join_ticket", |context, socket, asked| async move {
        let (_, room) = of_ticket(&context, &socket, &asked)?;
        context.join(&socket, &room).await?;
        Ok(joined(&room))
    });
    on(main, context, "leave_ticket", |context, socket, asked| async move {
        let (_, room) = of_ticket(&context, &socket, &asked)?;
        context.leave(&socket, &room);
        context.left(&socket).await?;
        Ok(joined(&room))
    });
    on(main, context, "user_typing_start", |context, socket, asked| async move {
        typing_start(&context, &socket, asked).await
    });
    on(main, context, "user_typing_stop", |context, socket, asked| async move {
        typing_stop(&context, &socket, asked).await
    });
    on(main, context, "message_read", |context, socket, asked| async move {
        message_read(&context, &socket, asked).await
    });
}

/// The user of a socket, whom the payload has to name, and the ticket's room.
fn of_ticket(
    context: &Context,
    socket: &Socket,
    asked: &Ticket,
) -> Result<(Arc<Identity>, RoomName), Refusal> {
    let who = context.user(socket)?;
    same_user(&who, &asked.user_id)?;
    Ok((who, ticket_room(asked.ticket_id.as_str())?))
}

fn ticket_room(ticket: &str) -> Result<RoomName, Refusal> {
    room_of("ticketId", "support_ticket:", ticket)
}

async fn typing_start(context: &Context, socket: &Socket, asked: Ticket) -> Result<Done, Refusal> {
    let (who, room) = of_ticket(context, socket, &asked)?;
    inside(socket, &room)?;
    let ticket_id = asked.ticket_id;
    if who.role == Role::Agent {
        // The field is not optional: an agent without a name is called by the id.
        let agent_name = who.name.clone().unwrap_or_else(|| who.user.to_string());
        let typing = AgentTyping { ticket_id, agent_id: who.user.clone(), agent_name };
        tell_others(context, socket, "support_agent_typing_start", &typing, &room).await;
    } else {
        let typing =
            UserTyping { ticket_id, user_id: who.user.clone(), user_name: who.name.clone() };
        tell_others(context, socket, "user_typing_start", &typing, &room).await;
    }
    Ok(Done { ok: true })
}

async fn typing_stop(context: &Context, socket: &Socket, asked: Ticket) -> Result<Done, Refusal> {
    let (who, room) = of_ticket(context, socket, &asked)?;
    inside(socket, &room)?;
    let ticket_id = asked.ticket_id;
    if who.role == Role::Agent {
        let stopped = AgentStoppedTyping { ticket_id, agent_id: who.user.clone() };
        tell_others(context, socket, "support_agent_typing_stop", &stopped, &room).await;
    } else {
        let stopped =
            UserTyping { ticket_id, user_id: who.user.clone(), user_name: who.name.clone() };
        tell_others(context, socket, "user_typing_stop", &stopped, &room).await;
    }
    Ok(Done { ok: true })
}

async fn message_read(
    context: &Context,
    socket: &Socket,
    asked: MessageRead,
) -> Result<Done, Refusal> {
    let who = context.user(socket)?;
    same_user(&who, &asked.user_id)?;
    let room = ticket_room(asked.ticket_id.as_str())?;
    inside(socket, &room)?;
    let read = SupportMessageRead {
        message_id: asked.message_id,
        read_by: who.user.clone(),
        read_at: Timestamp::now(),
    };
    // To the reader too: other tabs of one user learn of it as well.
    let event = publish_of("support_message_read", &read, vec![room.into()]);
    context.bus.publish(event).await?;
    Ok(Done { ok: true })
}

fn joined(room: &RoomName) -> Joined {
    Joined { ok: true, room: room.as_str().to_owned() }
}
