//! Letting go of what pending orders have reserved for too long.
//!
//! When is kept in the store, in the order of time, so a restart forgets nothing and a look at the
//! first entry says whether there is anything to do. Replicas may sweep at the same time: of two
//! that release one order, one finds it changed.

use super::{
    Goods, ObjectId, OrderStatus, Orders,
    goods::Shelves,
    record::{self, Stored},
};
use crate::{
    error::Refusal,
    service::backoff::Backoff,
    store::{Commit, Expect, Key, Scan, StoreError, Write},
};

/// Orders looked at together.
const BATCH: usize = 100;

impl Orders {
    /// Releases every reservation that has ended, and tells how many. To be called every few
    /// seconds; the orders stay pending, and can still be paid where the pieces are there.
    ///
    /// # Errors
    ///
    /// The store's. An order that cannot be read is logged and left as it is, without holding up
    /// the others.
    ///
    /// # Cancel safety
    ///
    /// What was released stays released.
    pub async fn release_due(&self) -> Result<usize, Refusal> {
        let due = record::due();
        // An order that is due at this very moment counts as due.
        let now = due.clone().number(self.clock.unix_ms().saturating_add(1));
        let (mut released, mut above) = (0, None);
        loop {
            let scan = Scan { above, ..Scan::of(due.clone(), BATCH).below(now.clone()) };
            let found = self.store.scan(scan).await?;
            for (entry, _) in &found {
                match self.release(&due, entry).await {
                    Ok(done) => released += usize::from(done),
                    Err(refusal @ Refusal::Unavailable { .. }) => {
                        tracing::error!(%refusal, ?entry, "a reservation is not released");
                    }
                    Err(refusal) => return Err(refusal),
                }
            }
            match found.last() {
                Some((last, _)) if found.len() == BATCH => above = Some(last.clone()),
                _ => return Ok(released),
            }
        }
    }

    /// Releases the order of one entry; false where it was paid or cancelled meanwhile.
    async fn release(&self, due: &Key, entry: &Key) -> Result<bool, Refusal> {
        let mut parts = entry.after(due);
        let id = parts.number().and_then(|_| ObjectId::parse(&parts.text()?).ok());
        let id = id.ok_or(StoreError::Damaged)?;
        let (first, _) = self.read(id).await?;
        let _held = self.stripes.hold(&self.records_of(&first)).await;
        let mut backoff = Backoff::default();
        loop {
            let (stored, expect) = self.read(id).await?;
            let waits =
                stored.order.status == OrderStatus::Pending && stored.goods == Goods::Reserved;
            let commit = self.release_commit(stored, expect, entry, waits).await?;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(waits),
                Err(StoreError::Conflict { .. }) => backoff.wait().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn release_commit(
        &self,
        mut stored: Stored,
        expect: Expect,
        entry: &Key,
        waits: bool,
    ) -> Result<Commit, StoreError> {
        let mut writes = vec![Write::delete(entry.clone(), Expect::Anything)];
        if waits {
            let mut shelves = Shelves::of(&*self.store, &stored.order.items).await?;
            shelves.free(stored.goods);
            stored.goods = Goods::Free;
            writes.push(stored.write(expect)?);
            for write in shelves.writes() {
                writes.push(write?);
            }
        }
        Ok(Commit { writes, ..Commit::default() })
    }
}
