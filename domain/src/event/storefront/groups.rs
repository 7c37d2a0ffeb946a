//! The storefront's group buying.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{TextId, Whole, named},
    identity::UserId,
    time::Timestamp,
};

/// `group_member_joined`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberJoined {
    /// The group.
    pub group_id: TextId,
    /// What one joins it by.
    pub group_code: String,
    /// Who came.
    pub member: NewMember,
    /// How many there are.
    pub current_members: Whole,
    /// How many more may come.
    pub spots_remaining: Whole,
    /// When.
    pub joined_at: Timestamp,
}

/// Who came into a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMember {
    /// The user.
    pub user_id: UserId,
    /// The name.
    pub name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// `group_member_left`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberLeft {
    /// The group.
    pub group_id: TextId,
    /// Who went.
    pub user_id: UserId,
    /// How many there are.
    pub current_members: Whole,
    /// How many more may come.
    pub spots_remaining: Whole,
}

/// `group_complete`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupComplete {
    /// The group.
    pub group_id: TextId,
    /// What one joins it by.
    pub group_code: String,
    /// Always `complete`.
    pub status: Complete,
    /// Who is in it.
    pub members: Vec<Member>,
    /// When.
    pub completed_at: Timestamp,
}

named! {
    Complete = "complete",
}

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// The name.
    pub name: String,
    /// Address of a picture; null where there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub avatar: Option<String>,
}

/// `group_message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupMessage {
    /// The message.
    pub id: TextId,
    /// The group.
    pub group_id: TextId,
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub user_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_avatar: Option<String>,
    /// What it says.
    pub message: String,
    /// When.
    pub created_at: Timestamp,
}

/// `group_cancelled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupCancelled {
    /// The group.
    pub group_id: TextId,
    /// Why.
    pub reason: String,
    /// When.
    pub cancelled_at: Timestamp,
}
