//! `token_refresh`: a new token for a connection, without reconnecting.

use std::sync::Arc;

use crier_domain::{Identity, Refusal, RoomName, event::system::Refreshed, room::entered_with};
use crier_protocol::Room;

use super::{Rejected, identity, set_identity};
use crate::{
    apps::{Context, same_user},
    namespace::socket::Socket,
};

/// Rooms of a socket that its client asked for: those that the policy is about. Only sockets of `/`
/// have them; rooms elsewhere are an app's own.
#[derive(Clone, Copy)]
pub(crate) struct UnderPolicy;

/// Swaps the identity of a socket, and of the others that the user has over the same connection. The
/// rooms that the new one may not be in are left.
///
/// # Errors
/// The token is not taken, or of somebody else; the policy cannot tell. Nothing has changed then.
///
/// # Cancel safety
/// Dropped before the swap nothing has changed; the swap itself waits for rooms that were joined in
/// the meantime only.
pub(crate) async fn refresh(
    context: &Context,
    socket: &Socket,
    token: &str,
) -> Result<Refreshed, Refusal> {
    let former = context.user(socket)?;
    let new = context.gate.verify(token).await.map_err(refusal)?;
    same_user(&former, &new.user)?;
    let of_connection = |other: &Socket| other.shares_connection(socket);
    let all: Vec<Socket> = context.roster.of(&new.user).into_iter().filter(of_connection).collect();
    for one in &all {
        // In vendor-chat the side is part of who one is.
        let side = identity(one).and_then(|identity| identity.user_type);
        if side.is_some() && side != new.user_type {
            return Err(Refusal::Forbidden { code: "ACCESS_DENIED", message: "Access denied" });
        }
    }
    let mut denied = Vec::new();
    for one in all.iter().filter(|one| one.get::<UnderPolicy>().is_some()) {
        let rooms = one.rooms_asked_for();
        denied.push((one, denied_of(context, Some(&new), &rooms).await?, rooms));
    }
    let new = Arc::new(new);
    for one in &all {
        set_identity(one, Arc::clone(&new));
        context.expiry.watch(one);
    }
    for (one, rooms, seen) in denied {
        rooms.iter().for_each(|room| one.leave(room.as_str()));
        // What was joined by the former identity while the policy was asked.
        let late = one.rooms_asked_for().into_iter().filter(|room| !seen.contains(room));
        let late: Vec<Room> = late.collect();
        let late = denied_of(context, Some(&new), &late).await.unwrap_or(late);
        late.iter().for_each(|room| one.leave(room.as_str()));
        crate::apps::enter_own_rooms(one);
    }
    let now = context.clock.unix_ms() / 1_000;
    Ok(Refreshed { ok: true, expires_in: new.expires_at.map(|at| at.saturating_sub(now)) })
}

/// Those of these rooms that somebody may not be in.
///
/// # Errors
/// The policy cannot tell.
async fn denied_of(
    context: &Context,
    who: Option<&Identity>,
    rooms: &[Room],
) -> Result<Vec<Room>, Refusal> {
    let mut denied = Vec::new();
    let mut kept: Vec<&Room> = Vec::new();
    // Rooms that go with another one come last, when it is known which of those are kept.
    let (with_another, others): (Vec<&Room>, Vec<&Room>) =
        rooms.iter().partition(|room| entered_with(room.as_str()).is_some());
    for room in others {
        // What only a backend can have ordered.
        let Ok(name) = RoomName::parse(room.as_str()) else { continue };
        match context.policy.may_join(who, &name).await {
            Ok(()) => kept.push(room),
            Err(Refusal::AccessDenied { .. } | Refusal::Unauthorized) => denied.push(room.clone()),
            Err(refusal) => return Err(refusal),
        }
    }
    for room in with_another {
        let starts = entered_with(room.as_str()).unwrap_or_default();
        if !kept.iter().any(|kept| kept.as_str().starts_with(starts)) {
            denied.push(room.clone());
        }
    }
    Ok(denied)
}

/// The rooms of a former socket of this client that it may have again.
pub(crate) async fn restored(context: &Context, socket: &Socket, rooms: Vec<Room>) -> Vec<Room> {
    match denied_of(context, identity(socket).as_deref(), &rooms).await {
        Ok(denied) => rooms.into_iter().filter(|room| !denied.contains(room)).collect(),
        Err(refusal) => {
            // Nobody can tell. Without its rooms it would be told that nothing is missing; it comes back.
            tracing::warn!(%refusal, "the rooms of a session cannot be looked at");
            socket.close_transport();
            std::future::pending().await
        }
    }
}

/// Makes a socket leave those of its rooms that it may not be in any more.
pub(crate) async fn recheck(context: &Context, socket: &Socket) {
    match denied_of(context, identity(socket).as_deref(), &socket.rooms_asked_for()).await {
        Ok(denied) => denied.iter().for_each(|room| socket.leave(room.as_str())),
        Err(refusal) => {
            // Nobody can tell; it comes back and is asked again.
            tracing::warn!(%refusal, "the rooms of a socket cannot be looked at");
            socket.close_transport();
        }
    }
}

fn refusal(rejected: Rejected) -> Refusal {
    match rejected {
        Rejected::Token(_) => {
            Refusal::Forbidden { code: "INVALID_TOKEN", message: "Invalid token" }
        }
        Rejected::Revoked => Refusal::Forbidden { code: "REVOKED", message: "Invalid token" },
        Rejected::Unknown(refusal) => refusal,
    }
}
