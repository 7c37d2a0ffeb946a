//! An order as it is stored, and how it is found again.
//!
//! ```text
//!   orders        id                                       the order
//!   orders-due    due, id                                  pending orders with a reservation
//!   orders-list   whose, status or "", newest first, id    for lists; no value
//!   orders-tally  whose [, shard]                          how many of each status, for pages
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Order, OrderStatus};
use crate::{
    identity::UserId,
    service::{
        products::ObjectId,
        stored::{pack, unpack},
    },
    store::{Expect, Key, Record, Store, StoreError, Write},
};

/// Version of the records.
const VERSION: u8 = 1;

/// An order and what is not shown of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) order: Order,
    pub(super) goods: Goods,
    /// When it was made, in milliseconds since 1970.
    pub(super) created_at: u64,
    /// Until when its pieces are reserved, in milliseconds since 1970.
    pub(super) due_at: u64,
}

/// What is with an order's pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Goods {
    /// In the house, and spoken for.
    Reserved,
    /// Out of the house.
    Taken,
    /// In the house, for anybody: the order was cancelled, or waited for too long.
    Free,
}

pub(super) fn key(id: ObjectId) -> Key {
    Key::of("orders").text(&id.to_string())
}

/// Orders that wait for payment, by when their reservation ends.
pub(super) fn due() -> Key {
    Key::of("orders-due")
}

impl Stored {
    /// Reads an order.
    pub(super) fn read(record: &Record) -> Result<Self, StoreError> {
        unpack(VERSION, record)
    }

    /// Writes it.
    pub(super) fn write(&self, expect: Expect) -> Result<Write, StoreError> {
        Ok(Write::put(key(self.order.id), expect, pack(VERSION, self)?))
    }

    /// Where [`due`] has it.
    pub(super) fn due_key(&self) -> Key {
        due().number(self.due_at).text(&self.order.id.to_string())
    }

    /// The entries of the lists that it is in, in this status.
    pub(super) fn list_keys(&self, status: OrderStatus) -> [Key; 2] {
        self.list_keys_under(Some(status))
    }

    /// The entries of the lists that it is in whatever its status.
    pub(super) fn lasting_list_keys(&self) -> [Key; 2] {
        self.list_keys_under(None)
    }

    fn list_keys_under(&self, status: Option<OrderStatus>) -> [Key; 2] {
        [Whose::All, Whose::Of(&self.order.user)].map(|whose| {
            whose.list(status).descending(self.created_at).text(&self.order.id.to_string())
        })
    }

    /// The counts that it is in.
    pub(super) fn tally_keys(&self) -> [Key; 2] {
        // The ids end by chance, so this spreads evenly.
        let last = self.order.id.to_string().bytes().next_back().map_or(0, u64::from);
        [Whose::All.tally().number(last % SHARDS), Whose::Of(&self.order.user).tally()]
    }
}

/// The count of all orders is kept in parts, so that orders of different users seldom wait for each
/// other. 16: the last digit of the id tells.
const SHARDS: u64 = 16;

/// Whose orders.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// Everybody's.
    All,
    /// One user's.
    Of(&'a UserId),
}

impl Whose<'_> {
    /// The list of those in one status, or of all.
    pub(super) fn list(self, status: Option<OrderStatus>) -> Key {
        self.under("orders-list").text(status.map_or("", OrderStatus::as_str))
    }

    /// Where they are counted.
    fn tally(self) -> Key {
        self.under("orders-tally")
    }

    fn under(self, collection: &'static str) -> Key {
        let key = Key::of(collection);
        match self {
            Self::All => key.number(0),
            Self::Of(user) => key.number(1).text(user.as_str()),
        }
    }

    /// How many there are in one status, or at all.
    pub(super) async fn count(
        self,
        store: &dyn Store,
        status: Option<OrderStatus>,
    ) -> Result<u64, StoreError> {
        let mut records = Vec::new();
        match self {
            Self::All => {
                for shard in 0..SHARDS {
                    records.extend(store.get(self.tally().number(shard)).await?);
                }
            }
            Self::Of(_) => records.extend(store.get(self.tally()).await?),
        }
        let counts = records.iter().map(|record| Ok(Tally::read(Some(record))?.count(status)));
        counts.sum()
    }
}

/// How many orders there are in each status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally(BTreeMap<OrderStatus, u64>);

impl Tally {
    pub(super) fn read(record: Option<&Record>) -> Result<Self, StoreError> {
        record.map_or_else(|| Ok(Self::default()), |record| unpack(VERSION, record))
    }

    pub(super) fn write(&self, key: Key, expect: Expect) -> Result<Write, StoreError> {
        Ok(Write::put(key, expect, pack(VERSION, self)?))
    }

    /// An order comes from a status, or from nowhere, into another.
    pub(super) fn moved(&mut self, from: Option<OrderStatus>, to: OrderStatus) {
        if let Some(left) = from.and_then(|from| self.0.get_mut(&from)) {
            *left = left.saturating_sub(1);
        }
        *self.0.entry(to).or_default() += 1;
    }

    fn count(&self, status: Option<OrderStatus>) -> u64 {
        match status {
            Some(status) => self.0.get(&status).copied().unwrap_or_default(),
            None => self.0.values().sum(),
        }
    }
}
