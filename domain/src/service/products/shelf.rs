//! A product as it is stored: what there is of it, and what of that is spoken for.

use serde::{Deserialize, Serialize};

use super::{Cents, ObjectId, Product, STOCK_MAX};
use crate::{
    service::stored::{pack, unpack},
    store::{Expect, Key, Record, Store, StoreError, Write},
};

/// Version of the record.
const VERSION: u8 = 1;

/// One product. `reserved <= stock` holds always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shelf {
    pub(crate) name: String,
    /// What a piece costs; `None` = whatever the order says.
    pub(crate) price: Option<Cents>,
    /// Pieces in the house.
    pub(crate) stock: u64,
    /// Those of them that pending orders wait for.
    pub(crate) reserved: u64,
}

/// A product that was read, and what a commit expects of it.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) id: ObjectId,
    pub(crate) shelf: Shelf,
    expect: Expect,
}

/// The key of a product.
pub(crate) fn key(id: ObjectId) -> Key {
    Key::of("products").text(&id.to_string())
}

impl Read {
    /// Reads a product, if there is one.
    pub(crate) async fn of(store: &dyn Store, id: ObjectId) -> Result<Option<Self>, StoreError> {
        let Some(record) = store.get(key(id)).await? else {
            return Ok(None);
        };
        let shelf = unpack(VERSION, &record)?;
        Ok(Some(Self { id, shelf, expect: Expect::unchanged(Some(&record)) }))
    }

    /// Reads a product that an order was made of.
    pub(crate) async fn of_order(store: &dyn Store, id: ObjectId) -> Result<Self, StoreError> {
        // Products are never removed.
        Self::of(store, id).await?.ok_or(StoreError::Damaged)
    }

    /// Writes it back as it is now.
    pub(crate) fn write(&self) -> Result<Write, StoreError> {
        self.shelf.write(self.id, self.expect)
    }
}

impl Shelf {
    /// Writes it.
    pub(crate) fn write(&self, id: ObjectId, expect: Expect) -> Result<Write, StoreError> {
        Ok(Write::put(key(id), expect, pack(VERSION, self)?))
    }

    /// Reads it.
    pub(crate) fn read(record: &Record) -> Result<Self, StoreError> {
        unpack(VERSION, record)
    }

    /// Pieces that can be ordered.
    pub(crate) fn available(&self) -> u64 {
        self.stock.saturating_sub(self.reserved)
    }

    /// Speaks for pieces that are available.
    pub(crate) fn reserve(&mut self, quantity: u64) {
        self.reserved = self.reserved.saturating_add(quantity).min(self.stock);
    }

    /// Lets go of reserved pieces.
    pub(crate) fn release(&mut self, quantity: u64) {
        self.reserved = self.reserved.saturating_sub(quantity);
    }

    /// Pieces leave the house.
    pub(crate) fn take(&mut self, quantity: u64) {
        self.stock = self.stock.saturating_sub(quantity);
        self.reserved = self.reserved.min(self.stock);
    }

    /// Pieces come back.
    pub(crate) fn give_back(&mut self, quantity: u64) {
        self.stock = self.stock.saturating_add(quantity).min(STOCK_MAX);
    }

    /// The product as others see it.
    pub(crate) fn show(self, id: ObjectId) -> Product {
        let available = self.available();
        Product { id, name: self.name, price: self.price, stock: self.stock, available }
    }
}
