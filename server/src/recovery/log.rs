//! One order for all events: numbered, kept, then delivered one after the other.
//!
//! No task owns the delivery. Whoever publishes puts its event into a queue, and if nobody is delivering,
//! delivers what is in there: a lone event costs no switch to another thread, and of many at once one
//! thread works through all while the others go on.
//!
//! Locks, in this order: the turn, then a socket's state, then rooms, outboxes, sessions and the ring.
//! Nothing of an application runs under any of them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
};

use crier_domain::event::system::NotRecovered;
use crier_protocol::{Namespace as Name, socket::Outgoing};
use tokio::time::Instant;

use super::{Entry, Epoch, Membership, Missed, RecoveryOptions, ring::Ring};
use crate::{adapter::Envelope, error::EmitError, lock, session::mailbox::Parcel};

/// Hands an event to the sockets that are in its rooms now.
pub(crate) type Deliver = Box<dyn Fn(&Entry) + Send + Sync>;

/// Events that may wait for their delivery. Overflow: who publishes waits for the deliverer.
const QUEUE_MAX: usize = 4_096;

/// The events of one server in their order.
pub(crate) struct Log {
    epoch: Epoch,
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

impl Log {
    pub(super) fn new(epoch: Epoch, options: &RecoveryOptions, deliver: Deliver) -> Self {
        let inner = Inner { ring: Ring::new(options), queue: VecDeque::new() };
        let (inner, turn) = (Mutex::new(inner), Mutex::new(()));
        Self { epoch, deliver, inner, complete: AtomicU64::new(0), turn }
    }

    /// Takes an event. When this returns it has its place in the order, is kept if it is to be, and is
    /// delivered or about to be.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        let Envelope { namespace, target, event, args, volatile, recoverable, key } = envelope;
        let packet = Outgoing::event(&namespace, &event, args, None)?;
        let logged = recoverable && !volatile;
        let waiting = {
            let mut inner = lock(&self.inner);
            let id = inner.ring.head() + u64::from(logged);
            let packet = packet.with_last(&self.epoch.offset(id));
            let parcel = Arc::new(Parcel { volatile, key, ..Parcel::from(packet) });
            let entry = Arc::new(Entry { id, logged, namespace, target, parcel });
            if logged {
                inner.ring.push(Arc::clone(&entry), Instant::now());
            }
            inner.queue.push_back(entry);
            inner.queue.len()
        };
        self.deliver_what_waits(waiting > QUEUE_MAX);
        Ok(())
    }

    /// Does something while nobody delivers, and everything that was published before is delivered.
    /// What it does must neither wait nor publish.
    pub(crate) fn in_order<R>(&self, act: impl FnOnce() -> R) -> R {
        let result = {
            let _turn = lock(&self.turn);
            self.deliver_all();
            act()
        };
        self.deliver_what_waits(false);
        result
    }

    /// The number of the last event that everybody who is meant has got.
    pub(crate) fn complete(&self) -> u64 {
        self.complete.load(Ordering::Acquire)
    }

    /// The number of the newest event, and of the newest that is not kept any more.
    pub(crate) fn ends(&self) -> (u64, u64) {
        let inner = lock(&self.inner);
        (inner.ring.head(), inner.ring.gone())
    }

    /// How many events and bytes are kept.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut inner = lock(&self.inner);
        inner.ring.trim(Instant::now());
        inner.ring.size()
    }

    /// The offset of a number.
    pub(crate) fn offset(&self, id: u64) -> String {
        self.epoch.offset(id)
    }

    pub(super) fn parse(&self, offset: &str) -> Option<u64> {
        self.epoch.parse(offset)
    }

    /// Whether everything after this event is kept.
    pub(super) fn reaches(&self, after: u64) -> bool {
        let (head, gone) = self.ends();
        (gone..=head).contains(&after)
    }

    /// What a socket missed after `after` and up to `up_to`; see [`Ring::missed`].
    pub(crate) fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
        is_meant: impl Fn(&Entry) -> bool,
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

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
