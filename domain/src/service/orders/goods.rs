//! The products of one order, read together and changed together.

use super::{OrderItem, draft::refuse, record::Goods};
use crate::{
    error::Refusal,
    event::ProductAudience,
    publish::Publish,
    service::{
        orders::events::stock_updated,
        products::{
            ObjectId,
            shelf::{self, Read},
        },
    },
    store::{Key, Store, StoreError, Write},
};

/// Each product once, with the pieces of all lines.
#[derive(Debug)]
pub(super) struct Shelves(Vec<(Read, u64)>);

/// The keys of an order's products, each once.
pub(super) fn keys(items: &[OrderItem]) -> Vec<Key> {
    let mut products: Vec<ObjectId> = items.iter().map(|item| item.product).collect();
    products.sort_unstable();
    products.dedup();
    products.into_iter().map(shelf::key).collect()
}

impl Shelves {
    /// Reads what a new order is made of, and checks each line against it.
    pub(super) async fn for_new(store: &dyn Store, items: &[OrderItem]) -> Result<Self, Refusal> {
        let mut shelves = Self(Vec::new());
        for (index, item) in items.iter().enumerate() {
            if shelves.find(item.product).is_none() {
                let found = Read::of(store, item.product).await?;
                let found =
                    found.ok_or_else(|| refuse(&format!("items.{index}.product"), "not found"))?;
                shelves.0.push((found, 0));
            }
            let price = shelves.find(item.product).and_then(|(read, _)| read.shelf.price);
            if let Some(price) = price.filter(|price| *price != item.price) {
                let message = format!("expected {price}, the product's price");
                return Err(refuse(&format!("items.{index}.price"), message));
            }
            shelves.add(index, item)?;
        }
        Ok(shelves)
    }

    /// Reads what an order was made of.
    pub(super) async fn of(store: &dyn Store, items: &[OrderItem]) -> Result<Self, StoreError> {
        let mut shelves = Self(Vec::new());
        for item in items {
            if shelves.find(item.product).is_none() {
                shelves.0.push((Read::of_order(store, item.product).await?, 0));
            }
            if let Some((_, pieces)) = shelves.find(item.product) {
                *pieces = pieces.saturating_add(item.quantity);
            }
        }
        Ok(shelves)
    }

    /// Counts a line; the one with which there are too few pieces is the one to be told.
    fn add(&mut self, index: usize, item: &OrderItem) -> Result<(), Refusal> {
        let Some((read, pieces)) = self.find(item.product) else {
            return Ok(());
        };
        *pieces = pieces.saturating_add(item.quantity);
        let available = read.shelf.available();
        if *pieces > available {
            let message = format!("only {available} in stock");
            return Err(refuse(&format!("items.{index}.quantity"), message));
        }
        Ok(())
    }

    fn find(&mut self, product: ObjectId) -> Option<&mut (Read, u64)> {
        self.0.iter_mut().find(|(read, _)| read.id == product)
    }

    /// Speaks for the pieces of a new order.
    pub(super) fn reserve(&mut self) {
        self.0.iter_mut().for_each(|(read, pieces)| read.shelf.reserve(*pieces));
    }

    /// Lets the pieces go, wherever they are.
    pub(super) fn free(&mut self, from: Goods) {
        for (read, pieces) in &mut self.0 {
            match from {
                Goods::Reserved => read.shelf.release(*pieces),
                Goods::Taken => read.shelf.give_back(*pieces),
                Goods::Free => {}
            }
        }
    }

    /// Takes the pieces out of the house. Those of a reservation that has ended have to be there
    /// still.
    pub(super) fn take(&mut self, from: Goods, items: &[OrderItem]) -> Result<(), Refusal> {
        match from {
            Goods::Taken => return Ok(()),
            Goods::Reserved => {
                self.0.iter_mut().for_each(|(read, pieces)| read.shelf.release(*pieces));
            }
            Goods::Free => {
                self.0.iter_mut().for_each(|(_, pieces)| *pieces = 0);
                items.iter().enumerate().try_for_each(|(index, item)| self.add(index, item))?;
            }
        }
        self.0.iter_mut().for_each(|(read, pieces)| read.shelf.take(*pieces));
        Ok(())
    }

    /// Writes them back.
    pub(super) fn writes(&self) -> impl Iterator<Item = Result<Write, StoreError>> {
        self.0.iter().map(|(read, _)| read.write())
    }

    /// What clients hear of it where the stock has changed.
    pub(super) fn events(&self, audience: ProductAudience) -> impl Iterator<Item = Publish> {
        self.0.iter().map(move |(read, _)| stock_updated(read.id, read.shelf.stock, audience))
    }
}
