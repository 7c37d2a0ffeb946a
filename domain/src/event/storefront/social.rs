//! The storefront's feed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{TextId, Whole},
    identity::UserId,
    time::Timestamp,
};

/// `feed_new_post`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Post {
    /// The post.
    pub id: TextId,
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub user_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_avatar: Option<String>,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: PostKind,
    /// What it says.
    pub content: String,
    /// Addresses of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// The product that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<PostProduct>,
    /// When.
    pub created_at: Timestamp,
}

/// What a post is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostKind {
    /// A product.
    ProductReview,
    /// A store.
    StoreVisit,
    /// Something bought.
    Purchase,
}

/// The product of a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostProduct {
    /// The product.
    pub id: TextId,
    /// Its name.
    pub name: String,
    /// Address of a picture.
    pub image: String,
}

/// `feed_post_liked`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostLiked {
    /// The post.
    pub post_id: TextId,
    /// Who likes it.
    pub liked_by: Liker,
    /// How many do.
    pub total_likes: Whole,
    /// When.
    pub liked_at: Timestamp,
}

/// Who likes a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Liker {
    /// The user.
    pub user_id: UserId,
    /// The name.
    pub user_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_avatar: Option<String>,
}

/// `feed_post_commented`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostCommented {
    /// The comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<TextId>,
    /// The post.
    pub post_id: TextId,
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub user_name: String,
    /// What it says.
    pub comment: String,
    /// When.
    pub created_at: Timestamp,
}

/// `feed_user_followed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserFollowed {
    /// Who follows.
    pub follower_id: UserId,
    /// The name.
    pub follower_name: String,
    /// Address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follower_avatar: Option<String>,
    /// Since when.
    pub followed_at: Timestamp,
}
