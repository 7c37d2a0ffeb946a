//! The storefront's prices, stock and carts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Amount, Count, TextId, Whole},
    time::Timestamp,
};

/// `price_update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceUpdate {
    /// The product.
    pub product_id: TextId,
    /// The price before.
    pub old_price: Amount,
    /// The price now.
    pub new_price: Amount,
    /// How much less, as the shop counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<Count>,
}

/// `stock_update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockUpdate {
    /// The product.
    pub product_id: TextId,
    /// How many there are.
    pub stock: Whole,
    /// Whether it can be bought.
    pub is_available: bool,
}

/// `cart_item_reserved`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CartItemReserved {
    /// The product.
    pub product_id: TextId,
    /// How many.
    pub quantity: Whole,
    /// Until when.
    pub expires_at: Timestamp,
}

/// `cart_item_released`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CartItemReleased {
    /// The product.
    pub product_id: TextId,
    /// Why.
    pub reason: Released,
}

/// Why a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Released {
    /// Its time was over.
    Expired,
    /// It was given up.
    Cancelled,
    /// It was bought.
    Purchased,
}
