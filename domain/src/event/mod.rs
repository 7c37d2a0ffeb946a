//! The catalogue of events: one row each, from which validation and routing follow.
//!
//! A new event is one row in its app's file with its payload type. The row says who may send it, in
//! which shape, to which rooms, how it is kept for those who are away, and what counts it; nothing
//! else in Crier knows an event by name.

mod audience;
mod catalogue;
pub mod chat;
mod error;
mod free;
mod id;
mod list;
pub mod marketplace;
mod number;
mod params;
mod payload;
mod publish;
mod row;
mod shared;
pub mod shop;
pub mod storefront;
pub mod system;
mod template;
pub mod vendor_chat;

pub use crate::service::{NoObjectId, ObjectId};
pub use audience::{CatalogueOptions, PaymentAudience, ProductAudience};
pub use catalogue::{Catalogue, PAYLOAD_BYTES_MAX, Prepared};
pub use error::CatalogueError;
pub use free::{Json, Object};
pub use id::{ClientId, ClientIdError, Id, Text, TextError, TextId, TextIdError};
pub use list::List;
pub use number::{Amount, Count, Latitude, Longitude, Signed, Whole};
pub use params::{Param, Params, ParamsError};
pub use payload::{Payload, PayloadType, describe, describe_parts};
pub use publish::publish_of;
pub use row::{Audience, Class, Direction, RateClass, Row, Sender};
pub use shared::{Done, Joined, Pagination};

pub(crate) use audience::PRODUCT_ROOM;
use shared::named;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the product that can be switched off.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum App {
    /// Buyers, sellers, purchase requests, chat.
    Marketplace,
    /// Offers, orders and tracking, cart, support, groups, social.
    Storefront,
    /// Rooms, messages, notifications, orders with stock.
    Shop,
    /// Customers and vendors, with offline messages.
    VendorChat,
}

impl App {
    /// Every app; all are on by default.
    pub const ALL: [Self; 4] = [Self::Marketplace, Self::Storefront, Self::Shop, Self::VendorChat];

    /// Takes the word of the configuration and of `auth.apps`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.as_str() == word)
    }

    /// The word of the configuration and of `auth.apps`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::Storefront => "storefront",
            Self::Shop => "shop",
            Self::VendorChat => "vendor-chat",
        }
    }
}

/// Names that `socket.io-client` emits itself: one packet with such a name makes every client that
/// receives it throw or close (`socket.io-client` 4.8, `RESERVED_EVENTS`, and Node's emitter).
pub const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether no event may have this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Every row there is, whatever apps are on.
fn all_rows() -> impl Iterator<Item = &'static Row> {
    [system::ROWS, marketplace::ROWS, chat::ROWS, storefront::ROWS, shop::ROWS, vendor_chat::ROWS]
        .into_iter()
        .flatten()
        .filter(|row| !is_reserved(row.name))
}
