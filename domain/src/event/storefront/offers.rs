//! The storefront's offers and deals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Amount, Count, TextId, Whole},
    time::Timestamp,
};

/// `new_offer` and `offer_updated`: an offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// The offer.
    pub id: TextId,
    /// Its name.
    pub title: String,
    /// What it is.
    pub description: String,
    /// How much less, as the shop counts it.
    pub discount: Count,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Address of a picture.
    pub image: String,
    /// What it belongs to.
    pub category: TextId,
}

/// `offer_expired`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferExpired {
    /// The offer.
    pub offer_id: TextId,
}

/// `deal_notification`: an offer for a short time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deal {
    /// The deal.
    pub id: TextId,
    /// Its name.
    pub title: String,
    /// The price before.
    pub original_price: Amount,
    /// The price now.
    pub sale_price: Amount,
    /// How much less, as the shop counts it.
    pub discount: Count,
    /// Seconds that it is left.
    pub time_remaining: Count,
    /// How many there are.
    pub stock: Whole,
}
