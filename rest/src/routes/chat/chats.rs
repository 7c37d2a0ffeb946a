//! Making chats, and reading about them.

use crier_domain::{
    UserId,
    dialect::marketplace::{ChatInfo, Marketplace},
    event::{Id, List, Object, Pagination, Text, chat, chat::ChatKind},
    service::{
        ObjectId,
        chat::{Dialect, Draft, NewChat, Shelf},
        once::Outcome,
        page::{LIMIT_MAX, NUMBER_MAX, Page},
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

/// Ids that one call may name; groups have fewer members.
const IDS_MAX: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    let (get, post) = ([Method::GET], [Method::POST]);
    let made = |operation: Operation, found: bool| {
        let made = operation.answers::<OneChat>(StatusCode::CREATED, "The new chat");
        let made = match found {
            true => made.answers::<OneChat>(StatusCode::OK, "The chat that there is"),
            false => made,
        };
        made.link("info", "getChatInfo", &[("id", "$response.body#/data/chat/_id")]).link(
            "send",
            "sendMessage",
            &[("id", "$response.body#/data/chat/_id")],
        )
    };
    vec![
        made(
            Operation::new(
                &post,
                "/api/chat",
                "createChat",
                "Makes a chat of the caller and others. Two have one direct chat, which is found again.",
                Access::User,
                create,
            )
            .body::<CreateChat>()
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
            true,
        ),
        made(
            Operation::new(
                &post,
                "/api/chat/purchase-request",
                "openPurchaseRequestChat",
                "The chat of the caller, as buyer, with a seller about a purchase request.",
                Access::User,
                of_request,
            )
            .body::<RequestChat>()
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
            true,
        ),
        made(
            Operation::new(
                &post,
                "/api/chat/support",
                "openSupportChat",
                "A new chat of the caller with the support pool.",
                Access::User,
                of_support,
            )
            .optional_body::<SupportChat>(),
            false,
        ),
        Operation::new(
            &get,
            "/api/chat",
            "listChats",
            "The caller's chats, the latest message first.",
            Access::User,
            list,
        )
        .query::<ListQuery>()
        .answers::<Chats>(StatusCode::OK, "A page of them"),
        Operation::new(
            &get,
            "/api/chat/stats",
            "getChatStats",
            "The figures of the caller's chats.",
            Access::User,
            stats,
        )
        .answers::<Figures>(StatusCode::OK, "The figures"),
        Operation::new(
            &get,
            "/api/chat/{id}/info",
            "getChatInfo",
            "Everything about a chat.",
            Access::User,
            info,
        )
        .param::<ObjectId>("id")
        .answers::<ChatInfo>(StatusCode::OK, "The chat, its participants with names")
        .refuses(&[StatusCode::NOT_FOUND]),
    ]
}

/// The body of `POST /api/chat`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateChat {
    /// Who is to be in it; the caller is added, and doubles are removed.
    participant_ids: List<UserId, IDS_MAX>,
    /// Of two, or of several.
    #[serde(rename = "type", default)]
    kind: NewKind,
    /// A group's name.
    title: Option<Text>,
    /// Anything to be kept with it; at most 4 KiB.
    metadata: Option<Object>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum NewKind {
    #[default]
    Direct,
    Group,
}

/// The body of `POST /api/chat/purchase-request`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestChat {
    /// The purchase request.
    purchase_request_id: Id,
    /// Its seller.
    seller_id: UserId,
}

/// The body of `POST /api/chat/support`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SupportChat {
    /// What it is about.
    #[schemars(extend("minLength" = 1, "maxLength" = 200))]
    subject: Option<Text>,
    /// The first message.
    #[schemars(extend("minLength" = 1))]
    initial_message: Option<Text>,
}

/// The query of `GET /api/chat`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Which page; default the first.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    page: Option<u64>,
    /// How many a page; default 20.
    #[schemars(range(min = 1, max = LIMIT_MAX))]
    limit: Option<u64>,
    /// Only chats of this kind.
    r#type: Option<ChatKind>,
}

/// `{ chats, pagination }`.
#[derive(Serialize, JsonSchema)]
struct Chats {
    /// The latest message first.
    chats: Vec<chat::Chat>,
    /// Where the page stands.
    pagination: Pagination,
}

/// `GET /api/chat/stats`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatStats")]
struct Figures {
    /// The caller's chats.
    total_chats: u64,
    /// Messages in them.
    total_messages: u64,
    /// Messages in them that the caller has not read.
    total_unread: u64,
}

const SHELVES: [Shelf; 3] = [Shelf::Direct, Shelf::Group, Shelf::Support];

async fn create(mut call: Call) -> Result<Answer, ApiError> {
    let asked: CreateChat = call.json().await?;
    let new = Marketplace::of_users(
        &call.actor()?,
        asked.participant_ids.as_slice().iter().cloned(),
        asked.kind == NewKind::Group,
        asked.title.map(String::from),
        asked.metadata.map(|metadata| metadata.fields().clone()),
    )?;
    open(&call, new, None).await
}

async fn of_request(mut call: Call) -> Result<Answer, ApiError> {
    let asked: RequestChat = call.json().await?;
    let (request, seller) = (asked.purchase_request_id, asked.seller_id);
    let new = Marketplace::of_request(&call.actor()?, &request, seller)?;
    open(&call, new, None).await
}

async fn of_support(mut call: Call) -> Result<Answer, ApiError> {
    let asked: SupportChat = call.json().await?;
    let new = Marketplace::of_support(&call.actor()?, asked.subject.map(String::from));
    let first =
        asked.initial_message.map(|text| Draft { content: Some(text.into()), ..Draft::default() });
    open(&call, new, first).await
}

async fn open(call: &Call, new: NewChat, first: Option<Draft>) -> Result<Answer, ApiError> {
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let Outcome::Done(opened) = chats.open(&voice, &actor, new, first, None).await? else {
        // Only what has a claim is repeated.
        return Err(ApiError::Conflict { message: "the id was used before".to_owned() });
    };
    let last = match opened.message {
        Some(message) => Some(message),
        None => chats.last_message(&opened.chat).await?,
    };
    let status = if opened.created { StatusCode::CREATED } else { StatusCode::OK };
    Answer::json(status, &shown(&voice, &actor, &opened.chat, last.as_ref()))
}

async fn list(call: Call) -> Result<Answer, ApiError> {
    let asked: ListQuery = call.query()?;
    let page = Page::of(asked.page, asked.limit)?;
    let shelves: &[Shelf] = match asked.r#type {
        None => &SHELVES,
        Some(ChatKind::Direct) => &[Shelf::Direct],
        Some(ChatKind::Group) => &[Shelf::Group],
        Some(ChatKind::Support) => &[Shelf::Support],
    };
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let list = chats.list(Dialect::Marketplace, &actor, shelves, page).await?;
    let mut items = Vec::with_capacity(list.items.len());
    for chat in &list.items {
        let last = chats.last_message(chat).await?;
        items.push(shown(&voice, &actor, chat, last.as_ref()).chat);
    }
    Answer::ok(&Chats { chats: items, pagination: list.pagination })
}

async fn stats(call: Call) -> Result<Answer, ApiError> {
    let chats = &call.services().chat;
    let stats = chats.stats(Dialect::Marketplace, &call.actor()?, &SHELVES).await?;
    Answer::ok(&Figures {
        total_chats: stats.chats,
        total_messages: stats.messages,
        total_unread: stats.unread,
    })
}

async fn info(call: Call) -> Result<Answer, ApiError> {
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let chats = &call.services().chat;
    let chat = chats.get(Dialect::Marketplace, &actor, call.chat_id()?).await?;
    let mut known = Vec::with_capacity(chat.members.len());
    for member in &chat.members {
        known.push(chats.known(member).await?);
    }
    let last = chats.last_message(&chat).await?;
    let part = chat.part_of(&actor).unwrap_or_else(|| actor.party.clone());
    Answer::ok(&voice.info(&chat, &part, known, last.as_ref()))
}
