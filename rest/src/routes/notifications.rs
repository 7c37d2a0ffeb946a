//! `/api/notifications`: the caller's own (contract, section 4).

use crier_domain::{
    event::{Pagination, chat::Notification},
    service::ObjectId,
};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    paging::PageQuery,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let every = [Method::PATCH, Method::PUT, Method::POST];
    let all = |path: &'static str, id: &'static str| {
        Operation::new(&every, path, id, "Marks all as read.", Access::User, read_all)
            .answers::<Modified>(StatusCode::OK, "How many were not read before")
    };
    let get = [Method::GET];
    vec![
        Operation::new(
            &get,
            "/api/notifications",
            "listNotifications",
            "The caller's notifications, the newest first.",
            Access::User,
            list,
        )
        .query::<PageQuery>()
        .answers::<Notifications>(StatusCode::OK, "A page of them")
        .link(
            "get",
            "getNotification",
            &[("id", "$response.body#/data/notifications/0/_id")],
        ),
        Operation::new(
            &get,
            "/api/notifications/unread-count",
            "countUnreadNotifications",
            "How many notifications the caller has not read.",
            Access::User,
            unread,
        )
        .answers::<Unread>(StatusCode::OK, "How many"),
        all("/api/notifications/read-all", "readAllNotifications"),
        all("/api/notifications/mark-all-read", "markAllNotificationsRead"),
        Operation::new(
            &get,
            "/api/notifications/{id}",
            "getNotification",
            "One of the caller's notifications.",
            Access::User,
            get_one,
        )
        .param::<ObjectId>("id")
        .answers::<One>(StatusCode::OK, "The notification")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::PATCH],
            "/api/notifications/{id}/read",
            "readNotification",
            "Marks one as read.",
            Access::User,
            read,
        )
        .param::<ObjectId>("id")
        .answers::<One>(StatusCode::OK, "The notification, which is read")
        .refuses(&[StatusCode::NOT_FOUND]),
    ]
}

/// `{ notifications, pagination }`.
#[derive(Serialize, JsonSchema)]
struct Notifications {
    /// The newest first.
    notifications: Vec<Notification>,
    /// Where the page stands.
    pagination: Pagination,
}

/// `{ notification }`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NotificationAnswer")]
struct One {
    /// The notification.
    notification: Notification,
}

/// `{ unreadCount }`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UnreadCount")]
struct Unread {
    /// How many.
    unread_count: u64,
}

/// `{ modifiedCount }`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Modified {
    /// How many.
    modified_count: u64,
}

async fn list(call: Call) -> Result<Answer, ApiError> {
    let page = call.query::<PageQuery>()?.page()?;
    let user = &call.user()?.user;
    let list = call.state.parts.services.notifications.list(user, page).await?;
    Answer::ok(&Notifications { notifications: list.items, pagination: list.pagination })
}

async fn unread(call: Call) -> Result<Answer, ApiError> {
    let user = &call.user()?.user;
    let unread_count = call.state.parts.services.notifications.unread_count(user).await?;
    Answer::ok(&Unread { unread_count })
}

async fn get_one(call: Call) -> Result<Answer, ApiError> {
    let (user, id) = (&call.user()?.user, call.id("id", "Notification")?);
    let notification = call.state.parts.services.notifications.get(user, id).await?;
    Answer::ok(&One { notification })
}

async fn read(call: Call) -> Result<Answer, ApiError> {
    let (user, id) = (&call.user()?.user, call.id("id", "Notification")?);
    let notification = call.state.parts.services.notifications.read(user, id).await?;
    Answer::ok(&One { notification })
}

async fn read_all(call: Call) -> Result<Answer, ApiError> {
    let user = &call.user()?.user;
    let modified_count = call.state.parts.services.notifications.read_all(user).await?;
    Answer::ok(&Modified { modified_count })
}
