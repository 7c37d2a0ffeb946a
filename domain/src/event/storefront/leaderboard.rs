//! The storefront's leaderboards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Count, List, Signed, TextId, Whole},
    identity::UserId,
    time::Timestamp,
};

/// `leaderboard_update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaderboardUpdate {
    /// Which one.
    pub period: Period,
    /// The best, at most 100.
    pub rankings: List<Ranking, 100>,
    /// As of when.
    pub updated_at: Timestamp,
}

/// What a leaderboard counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Daily,
    /// A week.
    Weekly,
    /// A month.
    Monthly,
    /// Everything.
    AllTime,
}

/// A place on a leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ranking {
    /// Which; 1 is the best.
    pub rank: Whole,
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub user_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// How many points.
    pub points: Count,
    /// Places up, or down.
    pub change: Signed,
}

/// `leaderboard_rank_change`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RankChange {
    /// Who.
    pub user_id: UserId,
    /// The place before.
    pub old_rank: Whole,
    /// The place now.
    pub new_rank: Whole,
    /// How many points.
    pub points: Count,
    /// Places up, or down.
    pub change: Signed,
    /// Which leaderboard.
    pub period: RankPeriod,
}

/// The leaderboards on which ranks are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RankPeriod {
    /// A day.
    Daily,
    /// A week.
    Weekly,
    /// A month.
    Monthly,
}

/// `leaderboard_achievement`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Achievement {
    /// The achievement.
    pub id: TextId,
    /// Its name.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Address of a picture, or a name.
    pub icon: String,
    /// How many points it brings.
    pub points: Count,
    /// When.
    pub earned_at: Timestamp,
}
