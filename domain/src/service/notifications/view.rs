//! A notification as its user is shown it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::boxes::Entry;
use crate::{service::ObjectId, time::Timestamp};

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// `chat-message`, `info`, `warning`, `error`.
    pub r#type: String,
    /// A line; empty where the sender gave none.
    pub title: String,
    /// A text; empty where the sender gave none.
    pub body: String,
    /// What it is about, by type: `{ chatId, messageId }`, `{ from, meta?, priority? }`.
    pub data: Map<String, Value>,
    /// When it came.
    pub created_at: Timestamp,
    /// Whether the user has read it.
    pub read: bool,
}

impl NotificationView {
    pub(super) fn of(entry: Entry, read: bool) -> Self {
        Self {
            id: entry.id,
            r#type: entry.kind,
            title: entry.title,
            body: entry.body,
            data: entry.data,
            created_at: Timestamp::from_unix_ms(entry.created_at),
            read,
        }
    }
}
