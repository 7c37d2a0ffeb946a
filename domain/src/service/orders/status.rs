//! The steps of an order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// Where an order is.
///
/// ```text
///   pending ──▶ paid ──▶ shipped ──▶ delivered
///      └─────────┴──▶ cancelled
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Ordered; its pieces are reserved for a while.
    Pending,
    /// Paid; its pieces are taken out of the stock.
    Paid,
    /// On its way.
    Shipped,
    /// With the customer.
    Delivered,
    /// It will not come; its pieces are free again.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Paid, Self::Shipped, Self::Delivered, Self::Cancelled];

    /// Takes the word that clients and the configuration use.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The word that clients and the configuration use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether an order may go from here to there.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::Shipped | Self::Cancelled)
                | (Self::Shipped, Self::Delivered)
        )
    }

    /// The step from here to there.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`] that names both.
    pub(super) fn step(self, next: Self) -> Result<Self, Refusal> {
        if self.may_become(next) {
            return Ok(next);
        }
        let (from, to) = (self.as_str(), next.as_str());
        Err(Refusal::Conflict { message: format!("status: cannot go from {from} to {to}") })
    }
}
