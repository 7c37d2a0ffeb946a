//! `PUT`/`DELETE /api/rooms/{room}/members/{userId}` and `POST /api/users/{id}/revoke`: what a backend
//! decides about users.

use crier_domain::{RoomName, Timestamp, UserId, cluster::Reached, service::grants::Grant};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Content, Operation},
};

const MEMBER: &str = "/api/rooms/{room}/members/{userId}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            &[Method::PUT],
            MEMBER,
            "grantRoom",
            "Lets a user join a room; a `/` in its name as `%2F`. 422 for a room that the policy lets \
             nobody into by a grant.",
            Access::Backend,
            grant,
        )
        .param::<RoomName>("room")
        .param::<UserId>("userId")
        .optional_body::<GrantRoom>()
        .answers::<Grant>(StatusCode::OK, "The grant"),
        Operation::new(
            &[Method::DELETE],
            MEMBER,
            "withdrawRoom",
            "Takes a grant back; the user's sockets leave the room. Nothing happens where there is none.",
            Access::Backend,
            withdraw,
        )
        .param::<RoomName>("room")
        .param::<UserId>("userId")
        .success(StatusCode::NO_CONTENT, "There is no such grant now", Content::Empty),
        Operation::new(
            &[Method::POST],
            "/api/users/{id}/revoke",
            "revokeUser",
            "Ends a user's sessions, and refuses the user's tokens that were made up to now.",
            Access::Backend,
            revoke,
        )
        .param::<UserId>("id")
        .answers::<Reached>(StatusCode::ACCEPTED, "Whom it reached"),
    ]
}

/// What a grant says besides who and where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GrantRoom {
    /// When it ends, a time to come; default in 30 days.
    expires_at: Option<Timestamp>,
}

async fn grant(mut call: Call) -> Result<Answer, ApiError> {
    let (room, user): (RoomName, UserId) = (call.param("room")?, call.param("userId")?);
    let GrantRoom { expires_at } = call.json().await?;
    let until = expires_at.as_ref().map(Timestamp::to_unix_ms);
    Answer::ok(&call.state.parts.services.grants.put(&room, &user, until).await?)
}

async fn withdraw(call: Call) -> Result<Answer, ApiError> {
    let (room, user): (RoomName, UserId) = (call.param("room")?, call.param("userId")?);
    call.state.parts.services.grants.delete(&room, &user).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn revoke(call: Call) -> Result<Answer, ApiError> {
    let user: UserId = call.param("id")?;
    let reached = call.state.parts.services.revocations.revoke(&user).await?;
    Answer::json(StatusCode::ACCEPTED, &reached)
}
