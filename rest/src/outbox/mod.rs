//! Publishings on disk while the bus is away: taken, answered, and delivered in their order once it is
//! back.
//!
//! ```text
//!   publish ─▶ empty? ──▶ bus ──▶ done
//!                │         └ away ─┐
//!                └ not empty ──────┴▶ outbox.redb (fsync) ─▶ answered ─▶ relay, in order ─▶ bus
//! ```
//!
//! From the first event that the bus did not take until the last one is delivered, every publishing goes
//! by the disk, so that none overtakes another. An event keeps its id on the way, and has one from here
//! where its caller gave none: whether the bus took a try of which nothing was heard is settled by it.
//!
//! Bounds: [`OutboxOptions`]; beyond them publishing is refused as overloaded, and nothing is taken. An event that the
//! bus refuses for good (its id belongs to something else by now) is set aside under `dead`, counted and
//! logged, and the next ones go on.

mod relay;
mod row;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use crier_domain::{
    Bus, BusError, Clock, Idempotency, Outlet, Publish, Published, Store,
    publish::{PublishFuture, WasPublishedFuture},
    service::once::Once,
    store::{Commit, Committed, EmbeddedStore, Expect, Key, OpenError, Scan, StoreError, Write},
};
use crier_protocol::Limits;
use tokio::sync::{Mutex, Notify};

/// The file's name in the data folder.
pub const OUTBOX_FILE: &str = "outbox.redb";

/// What waits, oldest first.
const WAITING: &str = "outbox";

/// Rows that are read at one time.
const PAGE: usize = 256;

/// What an outbox may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxOptions {
    /// Events. Default 1,000,000.
    pub rows_max: usize,
    /// Bytes of them. Default 1 GB.
    pub bytes_max: usize,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self { rows_max: 1_000_000, bytes_max: 1_000_000_000 }
    }
}

/// Why an outbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file, or its folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in the file cannot be read now.
    #[error("{OUTBOX_FILE}: {0}")]
    Read(#[from] StoreError),
}

/// A bus that keeps on disk what the bus behind it does not take now. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    bus: Arc<dyn Bus>,
    store: EmbeddedStore,
    clock: Clock,
    limits: Arc<Limits>,
    options: OutboxOptions,
    /// The number of the next row. Held while a row is given to the store, so that rows are taken in
    /// the order of their numbers.
    next: Mutex<u64>,
    rows: AtomicUsize,
    bytes: AtomicUsize,
    /// Set aside since the start.
    dead: AtomicU64,
    filled: Notify,
}

impl Outbox {
    /// Opens `outbox.redb` in a folder, or makes it; what is in there is delivered by
    /// [`Outbox::relay`].
    ///
    /// # Errors
    ///
    /// See [`OutboxError`].
    pub async fn open(
        folder: &Path,
        bus: Arc<dyn Bus>,
        clock: Clock,
        limits: Arc<Limits>,
        options: OutboxOptions,
    ) -> Result<Self, OutboxError> {
        let nowhere = Arc::new(Nowhere) as Arc<dyn Outlet>;
        let store = EmbeddedStore::open_named(folder, OUTBOX_FILE, nowhere, clock.clone())?;
        let (mut next, mut rows, mut bytes) = (0, 0, 0);
        let mut scan = Scan::of(Key::of(WAITING), PAGE);
        loop {
            let page = store.scan(scan.clone()).await?;
            let Some((last, _)) = page.last() else { break };
            next = number_of(last).map_or(next, |number| number + 1);
            rows += page.len();
            bytes += page.iter().map(|(_, record)| record.value.len()).sum::<usize>();
            scan = scan.above(last.clone());
        }
        if rows > 0 {
            tracing::info!(rows, bytes, "events of the last run wait in the outbox");
        }
        Ok(Self(Arc::new(Inner {
            bus,
            store,
            clock,
            limits,
            options,
            next: Mutex::new(next),
            rows: AtomicUsize::new(rows),
            bytes: AtomicUsize::new(bytes),
            dead: AtomicU64::new(0),
            filled: Notify::new(),
        })))
    }

    /// Events that wait.
    pub fn len(&self) -> usize {
        self.0.rows.load(Ordering::Acquire)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Events that the bus refused for good, since the start.
    pub fn dead(&self) -> u64 {
        self.0.dead.load(Ordering::Acquire)
    }

    /// Lets go of the file; blocks until what waits for the disk is there.
    pub fn close(&self) {
        self.0.store.close();
    }

    /// Puts an event, which has an id, behind all others; `Ok` once it is on the disk.
    async fn keep(&self, event: &Publish) -> Result<Published, BusError> {
        let inner = &self.0;
        let Some(id) = &event.idempotency else { return Err(FULL) };
        let row = Bytes::from(row::write(event));
        let size = row.len();
        // A little more than the bound may come in at once, by as many as are on their way here.
        if self.len() >= inner.options.rows_max
            || inner.bytes.load(Ordering::Acquire) + size > inner.options.bytes_max
        {
            return Err(FULL);
        }
        let claim = Once::of_backend(&id.key, id.fingerprint).claim(Bytes::new(), &inner.clock);
        let mut next = inner.next.lock().await;
        let number = *next;
        let commit = Commit {
            claim: Some(claim),
            writes: vec![Write::put(key(number), Expect::Absent, row)],
            events: Vec::new(),
        };
        // Counted first: whoever comes now is to go behind it.
        inner.rows.fetch_add(1, Ordering::AcqRel);
        inner.bytes.fetch_add(size, Ordering::AcqRel);
        let mut committed = std::pin::pin!(inner.store.commit(commit));
        // The first poll puts it into the store's queue, which keeps the order; the disk is waited for
        // without holding up the next one.
        let first = futures_util::poll!(committed.as_mut());
        *next += 1;
        drop(next);
        let outcome = match first {
            std::task::Poll::Ready(outcome) => outcome,
            std::task::Poll::Pending => committed.await,
        };
        if !matches!(outcome, Ok(Committed::Done { .. })) {
            self.forget(size);
        }
        match outcome {
            Ok(Committed::Done { .. }) => {
                inner.filled.notify_one();
                Ok(Published { repeated: false })
            }
            Ok(Committed::Repeated { .. }) => Ok(Published { repeated: true }),
            Err(error) => Err(of_bus(error)),
        }
    }

    fn forget(&self, size: usize) {
        self.0.rows.fetch_sub(1, Ordering::AcqRel);
        self.0.bytes.fetch_sub(size, Ordering::AcqRel);
    }
}

/// There is no room on the disk's side of the bound.
const FULL: BusError = BusError::Overloaded { retry_after: Duration::from_secs(5) };

fn key(number: u64) -> Key {
    Key::of(WAITING).number(number)
}

fn number_of(key: &Key) -> Option<u64> {
    key.after(&Key::of(WAITING)).number()
}

impl Bus for Outbox {
    fn publish(&self, mut event: Publish) -> PublishFuture<'_> {
        Box::pin(async move {
            if event.idempotency.is_none() {
                event.idempotency = Some(made_id()?);
            }
            if self.is_empty() {
                match self.0.bus.publish(event.clone()).await {
                    Err(BusError::Unavailable { .. } | BusError::Overloaded { .. }) => {}
                    outcome => return outcome,
                }
            }
            self.keep(&event).await
        })
    }

    fn was_published<'a>(&'a self, id: &'a Idempotency) -> WasPublishedFuture<'a> {
        Box::pin(async move {
            let once = Once::of_backend(&id.key, id.fingerprint);
            // What waits here, or did so, was accepted; the bus may not know of it yet.
            match once.answered(&self.0.store, &self.0.clock).await {
                Ok(Some(_)) => Ok(true),
                Ok(None) => self.0.bus.was_published(id).await,
                Err(error) => Err(of_bus(error)),
            }
        })
    }
}

fn of_bus(error: StoreError) -> BusError {
    match error {
        StoreError::Claimed => BusError::Conflict,
        StoreError::Unavailable { retry_after } => BusError::Unavailable { retry_after },
        error => {
            tracing::error!(%error, "the outbox did not take an event");
            BusError::Unavailable { retry_after: Duration::from_secs(1) }
        }
    }
}

/// An id for an event that came without one.
fn made_id() -> Result<Idempotency, BusError> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)
        .map_err(|_| BusError::Unavailable { retry_after: Duration::from_secs(1) })?;
    let key = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // Nobody else has this id, so there is nothing to compare.
    Ok(Idempotency { key, fingerprint: [0; 32] })
}

/// Rows are no events yet.
#[derive(Debug)]
struct Nowhere;

impl Outlet for Nowhere {
    fn publish(&self, _event: Publish) {}
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("rows", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
