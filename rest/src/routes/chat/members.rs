//! Who is in a group, and which chats are put away.

use crier_domain::{
    UserId,
    dialect::marketplace::Marketplace,
    service::{
        ObjectId,
        chat::{Dialect, Party},
    },
};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OneChat, shown};
use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            &[Method::PUT, Method::PATCH],
            "/api/chat/{id}/archive",
            "toggleChatArchive",
            "Puts a chat away for the caller alone, or gets it out again.",
            Access::User,
            archive,
        )
        .param::<ObjectId>("id")
        .answers::<Archived>(StatusCode::OK, "Whether it is put away now")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::POST],
            "/api/chat/{id}/participants",
            "addParticipant",
            "Adds a user to a group: for its creator and admins.",
            Access::User,
            add,
        )
        .param::<ObjectId>("id")
        .body::<NewParticipant>()
        .answers::<OneChat>(StatusCode::OK, "The chat with the user")
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::DELETE],
            "/api/chat/{id}/participants/{participantId}",
            "removeParticipant",
            "Removes a user from a group: for its creator, admins, and users themselves.",
            Access::User,
            remove,
        )
        .param::<ObjectId>("id")
        .param::<UserId>("participantId")
        .answers::<OneChat>(StatusCode::OK, "The chat without the user")
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
    ]
}

/// `{ archived }`.
#[derive(Serialize, JsonSchema)]
struct Archived {
    /// Whether.
    archived: bool,
}

/// The body of `POST /api/chat/{id}/participants`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewParticipant {
    /// Who.
    user_id: UserId,
}

async fn archive(call: Call) -> Result<Answer, ApiError> {
    let chats = &call.services().chat;
    let chat = call.chat_id()?;
    let archived = chats.archive(Dialect::Marketplace, &call.actor()?, chat).await?;
    Answer::ok(&Archived { archived })
}

async fn add(mut call: Call) -> Result<Answer, ApiError> {
    let chat = call.chat_id()?;
    let new: NewParticipant = call.json().await?;
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let party = Marketplace::user("userId", new.user_id)?;
    let chat = chats.add(&voice, &actor, chat, party).await?;
    let last = chats.last_message(&chat).await?;
    Answer::ok(&shown(&voice, &actor, &chat, last.as_ref()))
}

async fn remove(call: Call) -> Result<Answer, ApiError> {
    let chat = call.chat_id()?;
    let whom: UserId = call.param("participantId")?;
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let chat = chats.remove(&voice, &actor, chat, &Party::User(whom)).await?;
    // Whoever has gone is shown no more of what is said there.
    let last = match chat.part_of(&actor) {
        Some(_) => chats.last_message(&chat).await?,
        None => None,
    };
    Answer::ok(&shown(&voice, &actor, &chat, last.as_ref()))
}
