//! The storefront's support tickets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Count, TextId, Whole},
    identity::UserId,
    time::Timestamp,
};

/// `join_ticket`, `leave_ticket`, `user_typing_start`, `user_typing_stop` from a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ticket {
    /// The ticket.
    pub ticket_id: TextId,
    /// Who: the socket's own user.
    pub user_id: UserId,
}

/// `message_read`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageRead {
    /// The ticket.
    pub ticket_id: TextId,
    /// The message.
    pub message_id: TextId,
    /// Who: the socket's own user.
    pub user_id: UserId,
}

/// `user_typing_start` and `user_typing_stop` to the others of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TicketUserTyping")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserTyping {
    /// The ticket.
    pub ticket_id: TextId,
    /// Who.
    pub user_id: UserId,
    /// The name of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// `support_agent_typing_start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentTyping {
    /// The ticket.
    pub ticket_id: TextId,
    /// Who.
    pub agent_id: UserId,
    /// The agent's name.
    pub agent_name: String,
}

/// `support_agent_typing_stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentStoppedTyping {
    /// The ticket.
    pub ticket_id: TextId,
    /// Who.
    pub agent_id: UserId,
}

/// `support_message_received`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SupportMessage {
    /// The message.
    pub id: TextId,
    /// The ticket.
    pub ticket_id: TextId,
    /// Who.
    pub sender_id: UserId,
    /// The sender's name.
    pub sender_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_avatar: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SupportMessageKind,
    /// What it says.
    pub content: String,
    /// Files that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<SupportAttachment>>,
    /// When.
    pub created_at: Timestamp,
}

/// What a support message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SupportMessageKind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Another file.
    File,
}

/// A file of a support message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SupportAttachment {
    /// Where it is.
    pub url: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes.
    pub size: Count,
}

/// `support_message_delivered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageDelivered {
    /// The message.
    pub message_id: TextId,
    /// When.
    pub delivered_at: Timestamp,
}

/// `support_message_read`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SupportMessageRead {
    /// The message.
    pub message_id: TextId,
    /// Who has read it.
    pub read_by: UserId,
    /// When.
    pub read_at: Timestamp,
}

/// `support_agent_assigned`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentAssigned {
    /// The ticket.
    pub ticket_id: TextId,
    /// Who takes care of it.
    pub agent: Agent,
    /// Since when.
    pub assigned_at: Timestamp,
}

/// Somebody who answers tickets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Agent {
    /// The agent.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Where in the shop.
    pub department: String,
}

/// `support_agent_status_changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentStatusChanged {
    /// The agent.
    pub agent_id: UserId,
    /// What the agent does.
    pub status: AgentStatus,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub timestamp: Timestamp,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// Answers.
    Online,
    /// Answers somebody else.
    Busy,
    /// Comes back.
    Away,
    /// Is not there.
    Offline,
}

/// `support_ticket_status_changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketStatusChanged {
    /// The ticket.
    pub ticket_id: TextId,
    /// How far it is.
    pub status: TicketStatus,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub timestamp: Timestamp,
}

/// How far a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// New.
    Open,
    /// Waits for the customer.
    Pending,
    /// Worked on.
    InProgress,
    /// Answered.
    Resolved,
    /// Done with.
    Closed,
}

/// `support_queue_position_updated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueuePosition {
    /// The ticket.
    pub ticket_id: TextId,
    /// How many are before it, itself included.
    pub position: Whole,
    /// Minutes until it is its turn.
    pub estimated_wait_time: Count,
}
