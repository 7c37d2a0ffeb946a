//! Orders with stock (contract, section 6).
//!
//! ```text
//!   create ─▶ pending, pieces reserved ─▶ paid: taken out of the stock ─▶ shipped ─▶ delivered
//!                │ 30 min        │                  │
//!                ▼               ▼                  ▼
//!          reservation ends   cancelled:         cancelled:
//!          (still pending)    released           given back
//! ```
//!
//! Whoever orders the last piece gets it because products, order and counts change in one commit on
//! the versions that were read. Locks in this process only spare the losers their useless tries.

mod draft;
pub(super) mod events;
mod goods;
mod list;
mod record;
mod status;
mod sweep;

pub use draft::{CreateOrder, ITEMS_MAX, NewItem};
pub use list::{OrderPage, OrderQuery};
pub use status::OrderStatus;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::{
    draft::Draft,
    goods::Shelves,
    record::{Goods, Stored, Tally},
};
use super::{
    Deps,
    asker::Asker,
    backoff::Backoff,
    limits::{Counted, UserLimits},
    once::{self, Once, Outcome},
    products::{Cents, ObjectId},
    stripes::Stripes,
};
use crate::{
    clock::Clock,
    error::Refusal,
    event::ProductAudience,
    identity::{Identity, UserId},
    publish::Publish,
    store::{Claim, Commit, Committed, Expect, Key, Store, StoreError, Write},
    time::Timestamp,
};

/// How long a pending order keeps its pieces: 30 minutes (contract, section 6).
pub const RESERVED_MS: u64 = 30 * 60 * 1_000;

/// What an operator may choose about orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRules {
    /// What owners may set their orders to. Default `cancelled`.
    pub owner_statuses: Vec<OrderStatus>,
    /// Who hears of a changed stock. Default everyone up to 1,000 sockets, beyond the product's room.
    pub stock_audience: ProductAudience,
}

impl Default for OrderRules {
    fn default() -> Self {
        Self {
            owner_statuses: vec![OrderStatus::Cancelled],
            stock_audience: ProductAudience::default(),
        }
    }
}

/// The orders.
#[derive(Debug)]
pub struct Orders {
    store: Arc<dyn Store>,
    clock: Clock,
    limits: Arc<UserLimits>,
    stripes: Arc<Stripes>,
    rules: OrderRules,
}

/// An order as its owner and the staff see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Which.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// Whose.
    pub user: UserId,
    /// Its lines, as ordered.
    pub items: Vec<OrderItem>,
    /// Where to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Map<String, Value>>,
    /// How it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
    /// What it costs.
    pub total: Cents,
    /// Where it is.
    pub status: OrderStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it went its last step.
    pub updated_at: Timestamp,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderItem {
    /// Of what.
    pub product: ObjectId,
    /// How many pieces.
    pub quantity: u64,
    /// What one of them costs.
    pub price: Cents,
}

impl Orders {
    /// The service over these parts.
    pub(super) fn new(deps: &Deps, stripes: Arc<Stripes>, rules: OrderRules) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            clock: deps.clock.clone(),
            limits: Arc::clone(&deps.limits),
            stripes,
            rules,
        }
    }

    /// Makes an order and reserves its pieces. With `once`, a repetition gets the first order again
    /// and counts against no limit.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] naming the path, [`Refusal::RateLimited`], [`Refusal::Conflict`] where
    /// `once` was used for something else; the store's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether the order was made; `once` settles it.
    pub async fn create(
        &self,
        who: &Identity,
        asked: &CreateOrder,
        once: Option<Once>,
    ) -> Result<Order, Refusal> {
        let name = once.as_ref();
        let create = self.create_now(who, asked, name);
        match once::once(name, &*self.store, &self.clock, create).await? {
            Outcome::Done(order) => Ok(order),
            Outcome::Repeated(answer) => Ok(read_answer(&answer)?),
        }
    }

    async fn create_now(
        &self,
        who: &Identity,
        asked: &CreateOrder,
        once: Option<&Once>,
    ) -> Result<Outcome<Order>, Refusal> {
        let draft = asked.check()?;
        self.limits.take(Counted::Order, who.user.as_str())?;
        let stored = self.pending(who, draft);
        let answer = serde_json::to_vec(&stored.order)
            .map_err(|_| StoreError::Refused("an order cannot be written"))?;
        let claim = once.map(|once| once.clone().claim(answer, &self.clock));
        let _held = self.stripes.hold(&self.records_of(&stored)).await;
        let mut backoff = Backoff::default();
        loop {
            let commit = self.first_commit(&stored, claim.clone()).await?;
            match self.store.commit(commit).await {
                Ok(Committed::Done { .. }) => return Ok(Outcome::Done(stored.order)),
                Ok(Committed::Repeated { answer }) => return Ok(Outcome::Repeated(answer)),
                Err(StoreError::Conflict { .. }) => backoff.wait().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The order as it would be.
    fn pending(&self, who: &Identity, draft: Draft) -> Stored {
        let (created_at, now) = (self.clock.unix_ms(), self.clock.now());
        let order = Order {
            id: ObjectId::generate(created_at),
            user: who.user.clone(),
            items: draft.items,
            shipping_address: draft.shipping_address,
            payment_method: draft.payment_method,
            total: draft.total,
            status: OrderStatus::Pending,
            created_at: now.clone(),
            updated_at: now,
        };
        Stored { order, goods: Goods::Reserved, created_at, due_at: created_at + RESERVED_MS }
    }

    /// What changes with an order and with others too: whoever wants to change it waits.
    fn records_of(&self, stored: &Stored) -> Vec<Key> {
        let mut keys = goods::keys(&stored.order.items);
        keys.extend(stored.tally_keys());
        keys.push(record::key(stored.order.id));
        keys
    }

    async fn first_commit(&self, stored: &Stored, claim: Option<Claim>) -> Result<Commit, Refusal> {
        let mut shelves = Shelves::for_new(&*self.store, &stored.order.items).await?;
        shelves.reserve();
        let mut writes = shelves.writes().collect::<Result<Vec<Write>, StoreError>>()?;
        writes.push(stored.write(Expect::Absent)?);
        writes.push(Write::put(stored.due_key(), Expect::Absent, ""));
        let listed =
            stored.lasting_list_keys().into_iter().chain(stored.list_keys(OrderStatus::Pending));
        writes.extend(listed.map(|key| Write::put(key, Expect::Absent, "")));
        writes.extend(self.count(stored, None).await?);
        Ok(Commit { claim, writes, events: vec![events::created(&stored.order)] })
    }

    /// Takes an order a step on.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`]; [`Refusal::Forbidden`] for others than its owner and the staff, and
    /// for an owner who may not set this status; [`Refusal::Conflict`] for an illegal step, naming
    /// both ends; [`Refusal::Invalid`] where a reservation has ended and others have taken the
    /// pieces; the store's.
    pub async fn update_status(
        &self,
        by: Asker<'_>,
        id: ObjectId,
        next: OrderStatus,
    ) -> Result<Order, Refusal> {
        let (first, _) = self.read(id).await?;
        self.may_set(by, &first.order, next)?;
        let _held = self.stripes.hold(&self.records_of(&first)).await;
        let mut backoff = Backoff::default();
        loop {
            let (stored, expect) = self.read(id).await?;
            let (order, commit) = self.step(stored, expect, next).await?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(order),
                Err(StoreError::Conflict { .. }) => backoff.wait().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn may_set(&self, by: Asker<'_>, order: &Order, next: OrderStatus) -> Result<(), Refusal> {
        let owns = by.user() == Some(&order.user);
        if by.is_staff() || (owns && self.rules.owner_statuses.contains(&next)) {
            Ok(())
        } else {
            Err(DENIED)
        }
    }

    async fn step(
        &self,
        mut stored: Stored,
        expect: Expect,
        next: OrderStatus,
    ) -> Result<(Order, Commit), Refusal> {
        let before = (stored.order.status, stored.goods);
        stored.order.status = stored.order.status.step(next)?;
        stored.order.updated_at = self.clock.now();
        let mut shelves = Shelves::of(&*self.store, &stored.order.items).await?;
        match next {
            OrderStatus::Paid | OrderStatus::Shipped => {
                shelves.take(stored.goods, &stored.order.items)?;
                stored.goods = Goods::Taken;
            }
            OrderStatus::Cancelled => {
                shelves.free(stored.goods);
                stored.goods = Goods::Free;
            }
            OrderStatus::Pending | OrderStatus::Delivered => {}
        }
        let mut writes = vec![stored.write(expect)?];
        let mut events: Vec<Publish> = vec![events::updated(&stored.order)];
        if before.1 != stored.goods {
            for write in shelves.writes() {
                writes.push(write?);
            }
            // The stock is what is in the house: it changes where pieces leave or come back.
            if before.1 == Goods::Taken || stored.goods == Goods::Taken {
                events.extend(shelves.events(self.rules.stock_audience));
            }
        }
        if before == (OrderStatus::Pending, Goods::Reserved) {
            writes.push(Write::delete(stored.due_key(), Expect::Anything));
        }
        let left = stored.list_keys(before.0);
        writes.extend(left.map(|key| Write::delete(key, Expect::Anything)));
        let entered = stored.list_keys(next);
        writes.extend(entered.map(|key| Write::put(key, Expect::Anything, "")));
        writes.extend(self.count(&stored, Some(before.0)).await?);
        Ok((stored.order, Commit { claim: None, writes, events }))
    }

    /// The counts with an order that came from a status, or is new.
    async fn count(
        &self,
        stored: &Stored,
        from: Option<OrderStatus>,
    ) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::with_capacity(2);
        for key in stored.tally_keys() {
            let record = self.store.get(key.clone()).await?;
            let mut tally = Tally::read(record.as_ref())?;
            tally.moved(from, stored.order.status);
            writes.push(tally.write(key, Expect::unchanged(record.as_ref()))?);
        }
        Ok(writes)
    }

    async fn read(&self, id: ObjectId) -> Result<(Stored, Expect), Refusal> {
        let record = self.store.get(record::key(id)).await?;
        let record = record.ok_or(Refusal::NotFound { what: "Order" })?;
        Ok((Stored::read(&record)?, Expect::unchanged(Some(&record))))
    }

    /// An order, for its owner and the staff.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::Forbidden`]; the store's.
    pub async fn get(&self, by: Asker<'_>, id: ObjectId) -> Result<Order, Refusal> {
        let (stored, _) = self.read(id).await?;
        if by.is_staff() || by.user() == Some(&stored.order.user) {
            Ok(stored.order)
        } else {
            Err(DENIED)
        }
    }

    /// Whose order it is; `None` where there is none of that id.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn owner(&self, id: &str) -> Result<Option<UserId>, Refusal> {
        let Ok(id) = ObjectId::parse(id) else {
            return Ok(None);
        };
        let record = self.store.get(record::key(id)).await?;
        let stored = record.as_ref().map(Stored::read).transpose()?;
        Ok(stored.map(|stored| stored.order.user))
    }
}

/// The asker is known and may not.
const DENIED: Refusal = Refusal::Forbidden { code: "FORBIDDEN", message: "Access denied" };

/// The order in the answer that was kept for repetitions.
fn read_answer(answer: &[u8]) -> Result<Order, StoreError> {
    serde_json::from_slice(answer).map_err(|_| StoreError::Damaged)
}
