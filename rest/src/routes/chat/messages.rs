//! Reading, changing and deleting messages.

use crier_domain::{
    Timestamp,
    event::{List, Pagination, Text, chat},
    service::{
        ObjectId,
        chat::{Before, Dialect},
        page::{LIMIT_MAX, NUMBER_MAX, Page},
    },
};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OneMessage;
use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

/// Ids that one call may name.
const IDS_MAX: usize = 500;

pub(super) fn operations() -> Vec<Operation> {
    let of_message = "/api/chat/{id}/messages/{messageId}";
    vec![
        Operation::new(
            &[Method::GET],
            "/api/chat/{id}/messages",
            "listMessages",
            "A chat's messages, the newest first.",
            Access::User,
            list,
        )
        .param::<ObjectId>("id")
        .query::<ListQuery>()
        .answers::<Messages>(StatusCode::OK, "A page of them")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::PATCH],
            "/api/chat/{id}/messages/read",
            "readMessages",
            "Marks messages as read for the caller: these, or all.",
            Access::User,
            read,
        )
        .param::<ObjectId>("id")
        .optional_body::<ReadBody>()
        .answers::<Modified>(StatusCode::OK, "How many were not read before")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::PUT, Method::PATCH],
            of_message,
            "editMessage",
            "Gives a message another text: for its author, within 15 minutes.",
            Access::User,
            edit,
        )
        .param::<ObjectId>("id")
        .param::<ObjectId>("messageId")
        .body::<EditBody>()
        .answers::<OneMessage>(StatusCode::OK, "The message as it is now")
        .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        Operation::new(
            &[Method::DELETE],
            of_message,
            "deleteMessage",
            "Empties a message and marks it as deleted: for its author and admins.",
            Access::User,
            delete,
        )
        .param::<ObjectId>("id")
        .param::<ObjectId>("messageId")
        .answers::<OneMessage>(StatusCode::OK, "What is left of the message")
        .refuses(&[StatusCode::NOT_FOUND]),
    ]
}

/// The query of `GET /api/chat/{id}/messages`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Which page; default the first.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    page: Option<u64>,
    /// How many a page; default 20.
    #[schemars(range(min = 1, max = LIMIT_MAX))]
    limit: Option<u64>,
    /// Only messages before this one, or before this time: a message's `_id` or `createdAt`.
    before: Option<String>,
}

/// `{ messages, pagination }`.
#[derive(Serialize, JsonSchema)]
struct Messages {
    /// The newest first.
    messages: Vec<chat::Message>,
    /// Where the page stands.
    pagination: Pagination,
}

/// The body of `PATCH /api/chat/{id}/messages/read`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadBody {
    /// Which; none or an empty list = all.
    message_ids: Option<List<ObjectId, IDS_MAX>>,
}

/// `{ modifiedCount }`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Modified {
    /// How many.
    modified_count: u64,
}

/// The body of `PUT /api/chat/{id}/messages/{messageId}`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EditBody {
    /// The text; at most 5,000 characters.
    #[schemars(extend("minLength" = 1))]
    content: Text,
}

async fn list(call: Call) -> Result<Answer, ApiError> {
    let asked: ListQuery = call.query()?;
    let page = Page::of(asked.page, asked.limit)?;
    let before = asked.before.as_deref().map(before).transpose()?;
    let (actor, voice, chat) = (call.actor()?, call.voice().await?, call.chat_id()?);
    let chats = &call.services().chat;
    let (_, list) = chats.messages(Dialect::Marketplace, &actor, chat, before, page).await?;
    let messages = list.items.iter().map(|message| voice.message(message)).collect();
    Answer::ok(&Messages { messages, pagination: list.pagination })
}

fn before(text: &str) -> Result<Before, ApiError> {
    if let Ok(id) = ObjectId::parse(text) {
        return Ok(Before::Message(id));
    }
    let time = Timestamp::parse(text).map(|time| time.to_unix_ms());
    time.map(Before::Time)
        .ok_or_else(|| ApiError::invalid("before", "expected the id of a message or its createdAt"))
}

async fn read(mut call: Call) -> Result<Answer, ApiError> {
    let chat = call.chat_id()?;
    let asked: ReadBody = call.json().await?;
    let ids = asked.message_ids.as_ref().map(List::as_slice).unwrap_or_default();
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let read = call.services().chat.read(&voice, &actor, chat, ids).await?;
    Answer::ok(&Modified { modified_count: read.count })
}

async fn edit(mut call: Call) -> Result<Answer, ApiError> {
    let (chat, message) = (call.chat_id()?, call.message_id()?);
    let asked: EditBody = call.json().await?;
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let edited = chats.edit(&voice, &actor, chat, message, asked.content.as_str()).await?;
    Answer::ok(&OneMessage { message: voice.message(&edited.message) })
}

async fn delete(call: Call) -> Result<Answer, ApiError> {
    let (chat, message) = (call.chat_id()?, call.message_id()?);
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let services = call.services();
    let (left, files) = services.chat.delete(&voice, &actor, chat, message).await?;
    // The message is deleted; a file that cannot be removed now is a matter for the log.
    let files: Vec<ObjectId> = files.into_iter().map(|file| file.id).collect();
    if let Err(error) = services.attachments.remove(files).await {
        tracing::warn!(%error, "the files of a deleted message are not removed");
    }
    Answer::ok(&OneMessage { message: voice.message(&left.message) })
}
