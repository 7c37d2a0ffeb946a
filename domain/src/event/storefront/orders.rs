//! The storefront's orders and their tracking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Amount, Count, Latitude, Longitude, TextId},
    time::Timestamp,
};

/// An order went a step on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderStatusUpdate {
    /// The order.
    pub order_id: TextId,
    /// Its number, as the customer knows it.
    pub order_number: String,
    /// The step that was reached.
    pub status: OrderStatus,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub timestamp: Timestamp,
    /// A sentence for the customer.
    pub message: String,
    /// When the order is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_delivery: Option<Timestamp>,
}

/// The steps of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrderStep")]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Ordered.
    Placed,
    /// Taken by the store.
    Confirmed,
    /// Being made.
    Preparing,
    /// Made.
    Ready,
    /// Handed over.
    Dispatched,
    /// On its way.
    OutForDelivery,
    /// With the customer.
    Delivered,
}

/// The driver moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderLocationUpdate {
    /// The order.
    pub order_id: TextId,
    /// Where the driver is.
    pub location: Location,
    /// Who drives.
    pub driver_name: String,
    /// How to reach the driver.
    pub driver_phone: String,
    /// When; added where left out.
    #[serde(default = "Timestamp::now")]
    pub timestamp: Timestamp,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Place")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    /// Degrees north.
    pub latitude: Latitude,
    /// Degrees east.
    pub longitude: Longitude,
    /// The place in words.
    pub address: String,
}

/// The order is expected at another time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderEtaUpdate {
    /// The order.
    pub order_id: TextId,
    /// When.
    pub eta: Timestamp,
    /// Minutes until then.
    pub minutes: Count,
}

/// The order is with the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderDelivered {
    /// The order.
    pub order_id: TextId,
    /// When.
    pub delivered_at: Timestamp,
    /// Address of a picture of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The order will not come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: TextId,
    /// Why.
    pub reason: String,
    /// On whose wish.
    pub cancelled_by: CancelledBy,
    /// How much is paid back.
    pub refund_amount: Amount,
    /// How far that is.
    pub refund_status: RefundStatus,
}

/// Who cancelled an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CancelledBy {
    /// The customer.
    User,
    /// The store.
    Store,
    /// The shop's staff.
    Admin,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RefundStatus {
    /// Not begun.
    Pending,
    /// Under way.
    Processing,
    /// Paid.
    Completed,
}
