//! The end of every log that faces the sockets: events in a ring and a queue, delivered one after the other.
//!
//! No task owns the delivery. Whoever appends puts its event into a queue, and if nobody is delivering,
//! delivers what is in there: a lone event costs no switch to another thread, and of many at once one
//! thread works through all while the others go on.
//!
//! Locks, in this order: the turn, then a socket's state, then rooms, outboxes, sessions and the ring.
//! Of an application only the first words to a client and what is told of changed rooms run under the turn,
//! and nothing under the others.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
};

use crier_domain::event::system::NotRecovered;
use crier_protocol::Namespace as Name;
use tokio::time::Instant;

use super::{Deliver, Entry, Membership, Missed, RecoveryOptions, ring::Ring};
use crate::lock;

/// Events that may wait for their delivery. Overflow: who appends waits for the deliverer.
pub(super) const QUEUE_MAX: usize = 4_096;

/// Events in the order that was given to them.
pub(super) struct Line {
    deliver: Deliver,
    inner: Mutex<Inner>,
    /// The number of the last event that everybody who is meant has got.
    complete: AtomicU64,
    /// Held by whoever delivers.
    turn: Mutex<()>,
}

struct Inner {
    ring: Ring,
    queue: VecDeque<Arc<Entry>>,
}

impl Line {
    pub(super) fn new(options: &RecoveryOptions, deliver: Deliver) -> Self {
        let inner = Inner { ring: Ring::new(options), queue: VecDeque::new() };
        let (inner, turn) = (Mutex::new(inner), Mutex::new(()));
        Self { deliver, inner, complete: AtomicU64::new(0), turn }
    }

    /// Takes an event that is made from the number of the newest one: one that is kept has the next
    /// number, one that is not repeats it. When this returns it is kept, and is delivered or about to be.
    pub(super) fn append(&self, make: impl FnOnce(u64) -> Entry) {
        let waiting = {
            let mut inner = lock(&self.inner);
            // The ring is behind only while it is filled with what is delivered already.
            let entry = Arc::new(make(inner.ring.head().max(self.complete())));
            if entry.logged {
                inner.ring.push(Arc::clone(&entry), Instant::now());
            }
            inner.queue.push_back(entry);
            inner.queue.len()
        };
        self.deliver_what_waits(waiting > QUEUE_MAX);
    }

    /// Takes an event with the next number that is only kept: everybody who was meant has got it, at that
    /// time. For a line that begins with events of before.
    pub(super) fn keep(&self, entry: Entry, at: Instant) {
        lock(&self.inner).ring.push(Arc::new(entry), at);
    }

    /// Begins anew after number `from`, as if everything up to `complete` were delivered. What waits is
    /// delivered first; what is kept is let go of.
    pub(super) fn restart(&self, from: u64, complete: u64) {
        let _turn = lock(&self.turn);
        self.deliver_all();
        // An event that is appended right now goes by the one or the other.
        lock(&self.inner).ring.restart(from);
        self.complete.store(complete, Ordering::Release);
    }

    /// See [`Log::in_order`](super::Log::in_order).
    pub(super) fn in_order(&self, act: &mut dyn FnMut()) {
        {
            let _turn = lock(&self.turn);
            self.deliver_all();
            act();
        }
        self.deliver_what_waits(false);
    }

    /// The number of the last event that everybody here who is meant has got.
    pub(super) fn complete(&self) -> u64 {
        self.complete.load(Ordering::Acquire)
    }

    /// The number of the newest event, and of the newest that is not kept any more.
    pub(super) fn ends(&self) -> (u64, u64) {
        let inner = lock(&self.inner);
        (inner.ring.head(), inner.ring.gone())
    }

    /// How many events and bytes are kept.
    pub(super) fn size(&self) -> (usize, usize) {
        let mut inner = lock(&self.inner);
        inner.ring.trim(Instant::now());
        inner.ring.size()
    }

    /// See [`Log::missed`](super::Log::missed).
    pub(super) fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
        is_meant: &dyn Fn(&Entry) -> bool,
    ) -> Result<Missed, NotRecovered> {
        let inner = lock(&self.inner);
        inner.ring.missed(namespace, own_room, membership, range, options, is_meant)
    }

    fn deliver_what_waits(&self, mut must: bool) {
        loop {
            let turn = match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if must => lock(&self.turn),
                // Whoever has it looks once more when it is done.
                Err(TryLockError::WouldBlock) => return,
            };
            must = false;
            self.deliver_all();
            drop(turn);
            if lock(&self.inner).queue.is_empty() {
                return;
            }
        }
    }

    /// For the holder of the turn.
    fn deliver_all(&self) {
        while let Some(entry) = self.next() {
            (self.deliver)(&entry);
            if entry.logged {
                self.complete.store(entry.id, Ordering::Release);
            }
        }
    }

    fn next(&self) -> Option<Arc<Entry>> {
        lock(&self.inner).queue.pop_front()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("complete", &self.complete).finish_non_exhaustive()
    }
}
