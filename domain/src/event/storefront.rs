//! The storefront's events: orders and their tracking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Amount, App, Audience, Class, Count, Direction, Latitude, Longitude, PayloadType, RateClass,
    Row, Sender,
};
use crate::time::Timestamp;

/// Section 5 of the contract.
pub(super) const ROWS: &[Row] = &[
    Row { payload: PayloadType::of::<OrderStatusUpdate>(), ..order("order_status_update", ORDER) },
    Row {
        payload: PayloadType::of::<OrderLocationUpdate>(),
        latest_of: Some("{orderId}"),
        ..order("order_location_update", ORDER)
    },
    Row {
        payload: PayloadType::of::<OrderEtaUpdate>(),
        latest_of: Some("{orderId}"),
        ..order("order_eta_update", ORDER)
    },
    Row {
        payload: PayloadType::of::<OrderDelivered>(),
        ..order("order_delivered", ORDER_AND_USER)
    },
    Row {
        payload: PayloadType::of::<OrderCancelled>(),
        ..order("order_cancelled", ORDER_AND_USER)
    },
];

const ORDER: Audience = Audience::Rooms(&["order:{orderId}", "orders:{userId}"]);
const ORDER_AND_USER: Audience =
    Audience::Rooms(&["order:{orderId}", "orders:{userId}", "user:{userId}"]);

/// What the events about orders have in common: the shop's order service publishes them, and a
/// client that was away gets them later.
const fn order(name: &'static str, audience: Audience) -> Row {
    Row {
        name,
        namespace: "/",
        app: Some(App::Storefront),
        direction: Direction::ToClient,
        sender: Sender::Backend,
        payload: PayloadType::of::<OrderStatusUpdate>(),
        ack: None,
        audience,
        class: Class::Recoverable,
        latest_of: None,
        rate: RateClass::Backend,
    }
}

/// An order went a step on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderStatusUpdate {
    /// The order.
    pub order_id: String,
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
    pub order_id: String,
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
    pub order_id: String,
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
    pub order_id: String,
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
    pub order_id: String,
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
