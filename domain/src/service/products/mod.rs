//! What the shop sells, as far as orders need to know: name, price, stock.

mod money;
pub(crate) mod shelf;

pub use super::object_id::{NoObjectId, ObjectId};
pub use money::{Cents, MoneyFault};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::shelf::Shelf;
use super::{
    Deps,
    asker::Asker,
    backoff::Backoff,
    orders::{OrderRules, events::stock_updated},
    stripes::Stripes,
    text,
};
use crate::{
    error::Refusal,
    event::ProductAudience,
    store::{Commit, Expect, Store, StoreError},
};

/// Pieces of one product: what a client written in JavaScript can still count.
pub const STOCK_MAX: u64 = (1 << 53) - 1;

/// Characters of a name.
const NAME_MAX: usize = 200;

/// Products for trying things out, there from the start with the development key (contract,
/// section 6): id, name, price in cents.
const EXAMPLES: [(&str, &str, u64); 2] = [
    ("64a1b2c3d4e5f67890123456", "Example product 1", 10_000),
    ("64a1b2c3d4e5f67890123457", "Example product 2", 15_000),
];
const EXAMPLE_STOCK: u64 = 100;

/// The products.
#[derive(Debug)]
pub struct Products {
    store: Arc<dyn Store>,
    stripes: Arc<Stripes>,
    audience: ProductAudience,
}

/// A product as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// Which.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// What it is called.
    pub name: String,
    /// What a piece costs; null = the order says.
    pub price: Option<Cents>,
    /// Pieces in the house, the reserved ones included.
    pub stock: u64,
    /// Pieces that can be ordered now.
    pub available: u64,
}

/// What a backend says of a product. It replaces all that was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProduct {
    /// What it is called, 1 to 200 characters.
    #[schemars(length(min = 1, max = NAME_MAX), extend("pattern" = text::PATTERN))]
    pub name: String,
    /// What a piece costs; left out or null = the order says.
    pub price: Option<Cents>,
    /// Pieces in the house, those that pending orders have reserved included.
    #[serde(deserialize_with = "crate::json::whole")]
    #[schemars(with = "u64", range(max = STOCK_MAX))]
    pub stock: u64,
}

impl Products {
    /// The service over these parts.
    pub(super) fn new(deps: &Deps, stripes: Arc<Stripes>, rules: &OrderRules) -> Self {
        let audience = rules.stock_audience;
        Self { store: Arc::clone(&deps.store), stripes, audience }
    }

    /// A product, for everybody.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`]; the store's.
    pub async fn get(&self, id: ObjectId) -> Result<Product, Refusal> {
        let record = self.store.get(shelf::key(id)).await?;
        let record = record.ok_or(Refusal::NotFound { what: "Product" })?;
        Ok(Shelf::read(&record)?.show(id))
    }

    /// Makes a product, or changes it. A changed stock goes out as `product:stockUpdated`; a changed
    /// price goes to nobody: `price_update` is the backend's to publish, which knows about discounts.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] for others than staff, [`Refusal::Invalid`], and
    /// [`Refusal::Conflict`] where more pieces are reserved than there would be: an order that was
    /// accepted is kept, so whoever counted fewer cancels orders first.
    pub async fn put(
        &self,
        by: Asker<'_>,
        id: ObjectId,
        asked: &PutProduct,
    ) -> Result<Product, Refusal> {
        if !by.is_staff() {
            return Err(Refusal::Forbidden { code: "FORBIDDEN", message: "Access denied" });
        }
        text::check("name", &asked.name, 1, NAME_MAX)?;
        if asked.stock > STOCK_MAX {
            let message = format!("expected at most {STOCK_MAX}");
            return Err(Refusal::Invalid { path: "stock".to_owned(), message });
        }
        let key = shelf::key(id);
        let _held = self.stripes.hold([&key]).await;
        let mut backoff = Backoff::default();
        loop {
            let record = self.store.get(key.clone()).await?;
            let known = record.as_ref().map(Shelf::read).transpose()?;
            let reserved = known.as_ref().map_or(0, |known| known.reserved);
            if reserved > asked.stock {
                let message = format!("stock: {reserved} are reserved by pending orders");
                return Err(Refusal::Conflict { message });
            }
            let shelf = Shelf {
                name: asked.name.clone(),
                price: asked.price,
                stock: asked.stock,
                reserved,
            };
            let changed = known.is_some_and(|known| known.stock != shelf.stock);
            let event = changed.then(|| stock_updated(id, shelf.stock, self.audience));
            let commit = Commit {
                claim: None,
                writes: vec![shelf.write(id, Expect::unchanged(record.as_ref()))?],
                events: event.into_iter().collect(),
            };
            match self.store.commit(commit).await {
                Ok(_) => return Ok(shelf.show(id)),
                Err(StoreError::Conflict { .. }) => backoff.wait().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts the two example products there, unless they are: what became of them is kept.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn plant_examples(&self) -> Result<(), Refusal> {
        for (id, name, price) in EXAMPLES {
            // A test holds that the ids are legal.
            let Ok(id) = ObjectId::parse(id) else { continue };
            let shelf = Shelf {
                name: name.to_owned(),
                price: Some(Cents::new(price)),
                stock: EXAMPLE_STOCK,
                reserved: 0,
            };
            let writes = vec![shelf.write(id, Expect::Absent)?];
            match self.store.commit(Commit { writes, ..Commit::default() }).await {
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
