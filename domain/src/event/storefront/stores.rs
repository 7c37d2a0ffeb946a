//! The storefront's stores and what they write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{event::TextId, time::Timestamp};

/// `store_message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreMessage {
    /// The message.
    pub id: TextId,
    /// Where.
    pub conversation_id: TextId,
    /// Who.
    pub store_id: TextId,
    /// The store's name.
    pub store_name: String,
    /// What it says.
    pub content: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: StoreMessageKind,
    /// When.
    pub created_at: Timestamp,
}

/// What a store's message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreMessageKind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// News of an order.
    OrderUpdate,
}

/// `store_typing`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreTyping {
    /// Where.
    pub conversation_id: TextId,
    /// Who.
    pub store_id: TextId,
    /// The store's name.
    pub store_name: String,
}

/// `store_online` and `store_offline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorePresence {
    /// The store.
    pub store_id: TextId,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub timestamp: Timestamp,
}
