//! The log of a cluster: events get their numbers outside, and come back to every replica in their order.
//!
//! ```text
//!   publish ─▶ Outbound ─▶ number, stream, channel ─▶ every replica: Ear ─▶ Line ─▶ rooms ─▶ outboxes
//!                                   └─ what the channel lost: read from the stream before going on
//! ```
//!
//! Nothing that is kept is delivered before it came back, on the publishing replica too: so the order is
//! one for all. The channel may lose and end; the numbers say so (a gap, or a tick from ahead), and the
//! stream has what is missing. Where the stream has lost something, it gets a new epoch, and offsets of
//! the former one are void.

mod age;
mod carry;
mod follow;
mod link;
mod orders;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use crier_domain::{
    event::system::NotRecovered,
    redis::{BusEvent, Redis},
};
use crier_protocol::{Limits, Namespace as Name, Pid, socket::Outgoing};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use self::{
    age::Ages,
    carry::{Carried, blank, pack},
    orders::Orders,
    wire::{Record, Seen, Wire},
};
pub(crate) use self::{
    link::{kick_message, say},
    orders::AwayOrder,
    wire::Away,
};
use super::{
    Deliver, Entry, Epoch, Log, Membership, Missed, RecoveryOptions, Session, kept::Numbers,
    line::Line,
};
use crate::{
    adapter::{BoxFuture, Envelope},
    error::EmitError,
    lock, metrics,
};

/// How long a client that comes back waits for this replica to have what the client has got elsewhere.
const ARRIVAL_MAX: Duration = Duration::from_secs(2);

/// The way out to the log: a bounded queue that keeps its order.
pub trait Outbound: Send + Sync {
    /// Puts an event into the queue.
    ///
    /// # Errors
    /// It is full.
    fn send(&self, event: BusEvent) -> Result<(), Full>;

    /// Waits until everything that was put into it before is in the log, or was given up. One that needs
    /// no time for it need not say so. `marked`: with an event to nobody in the log behind it.
    fn flushed(&self, _marked: bool) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A queue takes no more now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What a replica shares with the others.
#[derive(Clone)]
pub struct Shared {
    /// Where the log and the sessions are.
    pub redis: Redis,
    /// What the others know this replica by.
    pub replica: String,
    /// The way to the log.
    pub out: Arc<dyn Outbound>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("replica", &self.replica).finish_non_exhaustive()
    }
}

/// What comes with the events and is not for the log. None of these may wait.
pub(crate) trait Above: Send + Sync {
    /// A session has a socket elsewhere, of this generation.
    fn kicked(&self, pid: &Pid, generation: u64);

    /// The log has begun a new life.
    fn renewed(&self);

    /// Events went by that can never be had again: whoever is connected has missed them.
    fn holed(&self);

    /// Sessions whose clients are away are ordered something, as of this event.
    fn ordered(&self, at: u64, order: &AwayOrder);
}

/// The events of all replicas in their order, as this replica sees them.
pub(crate) struct SharedLog {
    wire: Arc<dyn Wire>,
    out: Arc<dyn Outbound>,
    above: Box<dyn Above>,
    line: Line,
    life: RwLock<Life>,
    orders: Mutex<Orders>,
    /// Something was appended.
    appended: Notify,
    healthy: watch::Sender<bool>,
    limits: Arc<Limits>,
    replica: String,
    /// Whether clients may come back: they are told how far they are.
    offsets: bool,
}

struct Life {
    ages: Ages,
    seen: Option<Seen>,
}

impl SharedLog {
    /// The log in a Redis; nothing is asked of it before it is followed. Without `offsets` nobody comes
    /// back, and nobody is told how far it is.
    pub(crate) fn new(
        shared: &Shared,
        options: &RecoveryOptions,
        limits: Arc<Limits>,
        offsets: bool,
        deliver: Deliver,
        above: Box<dyn Above>,
    ) -> Self {
        let Shared { redis, replica, out } = shared;
        let wire = Arc::new(link::RedisWire::new(redis.clone(), replica.clone()));
        let out = Arc::clone(out);
        Self::over(wire, out, replica, options, limits, offsets, deliver, above)
    }

    #[expect(clippy::too_many_arguments, reason = "one caller besides the tests")]
    fn over(
        wire: Arc<dyn Wire>,
        out: Arc<dyn Outbound>,
        replica: &str,
        options: &RecoveryOptions,
        limits: Arc<Limits>,
        offsets: bool,
        deliver: Deliver,
        above: Box<dyn Above>,
    ) -> Self {
        Self {
            wire,
            out,
            above,
            line: Line::new(options, deliver),
            life: RwLock::new(Life { ages: Ages::new(Epoch::NONE), seen: None }),
            orders: Mutex::default(),
            appended: Notify::new(),
            healthy: watch::Sender::new(false),
            limits,
            replica: replica.to_owned(),
            offsets,
        }
    }

    fn ages<T>(&self, look: impl FnOnce(&Ages) -> T) -> T {
        look(&self.life.read().unwrap_or_else(PoisonError::into_inner).ages)
    }

    fn seen(&self) -> Option<Seen> {
        self.life.read().unwrap_or_else(PoisonError::into_inner).seen
    }

    fn live<T>(&self, change: impl FnOnce(&mut Life) -> T) -> T {
        change(&mut self.life.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number here of an event of an epoch; `None` where that is not the log's now.
    pub(crate) fn id_in(&self, epoch: &str, number: u64) -> Option<u64> {
        self.ages(|ages| (*epoch == *ages.epoch().name()).then(|| ages.id(number)))
    }

    /// Waits until what was published here before has its place in the log.
    pub(crate) async fn flushed(&self, marked: bool) {
        self.out.flushed(marked).await;
    }

    /// Whether events come through now.
    pub(crate) fn is_healthy(&self) -> bool {
        *self.healthy.borrow()
    }

    /// Waits until events come through, at most so long; whether they do.
    pub(crate) async fn is_healthy_within(&self, patience: Duration) -> bool {
        let mut healthy = self.healthy.subscribe();
        let come = healthy.wait_for(|healthy| *healthy);
        matches!(tokio::time::timeout(patience, come).await, Ok(Ok(_)))
    }

    /// Orders something to the sessions whose clients are away, wherever they come back.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn order(&self, order: &AwayOrder) -> Result<(), Full> {
        self.out.send(order.pack(&self.replica))
    }

    /// Does to a session what was ordered since it began; false where nobody may take it up any more.
    pub(crate) fn apply_orders(&self, session: &Arc<Session>) -> bool {
        lock(&self.orders).apply(session)
    }

    /// Takes the event with the next number.
    fn take(&self, record: Record, kept_since: Option<Instant>) {
        let Record { number, time, body } = record;
        let (id, epoch, offset) = self.ages(|ages| {
            let id = ages.id(number);
            (id, ages.epoch(), self.offsets.then(|| ages.offset(id)))
        });
        let event = body.and_then(|body| read(&body));
        let order = event.as_ref().and_then(AwayOrder::unpack);
        let carried = match (event, &order) {
            (Some(event), None) => self.unpack(event),
            _ => None,
        };
        let entry = match carried {
            Some(carried) => carried.into_entry(id, true, offset.as_deref()),
            None => blank(id),
        };
        match kept_since {
            Some(at) => self.line.keep(entry, at),
            None => self.line.append(|_| entry),
        }
        if let Some(order) = order {
            self.above.ordered(id, &order);
            lock(&self.orders).keep(id, order, self.line.ends().1);
        }
        self.live(|life| life.seen = Some(Seen { epoch, number, time }));
        self.appended.notify_waiters();
    }

    /// Takes an event that is kept nowhere.
    fn pass(&self, carried: Carried) {
        self.line.append(|head| {
            let offset = self.offsets.then(|| self.offset(head));
            carried.into_entry(head, false, offset.as_deref())
        });
    }

    fn unpack(&self, event: BusEvent) -> Option<Carried> {
        let name = event.event.clone();
        Carried::unpack(event, &self.limits)
            .map_err(|error| {
                metrics::foreign();
                tracing::error!(event = name, %error, "an event of the log is none here");
            })
            .ok()
    }
}

fn read(body: &bytes::Bytes) -> Option<BusEvent> {
    BusEvent::decode(body)
        .map_err(|error| {
            metrics::foreign();
            tracing::warn!(%error, "an event cannot be read");
        })
        .ok()
}

impl Log for SharedLog {
    /// Events for this replica alone, and while the log cannot be reached those that are kept nowhere, are
    /// delivered here at once. Others that cannot be reached wait in the queue.
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        let logged = envelope.recoverable && !envelope.volatile;
        let is_cut = !logged && !self.is_healthy();
        if envelope.target.local || is_cut {
            self.pass(Carried::here(envelope)?);
            if is_cut {
                metrics::undistributed();
            }
            return Ok(());
        }
        // What no replica could send is refused here, where somebody hears of it.
        Outgoing::event(&envelope.namespace, &envelope.event, envelope.args.clone(), None)?;
        self.out.send(pack(envelope, &self.replica)).map_err(|Full| EmitError::Overloaded)
    }

    fn in_order(&self, act: &mut dyn FnMut()) {
        self.line.in_order(act);
    }

    fn complete(&self) -> u64 {
        self.line.complete()
    }

    fn ends(&self) -> (u64, u64) {
        self.line.ends()
    }

    fn size(&self) -> (usize, usize) {
        self.line.size()
    }

    fn offset(&self, id: u64) -> String {
        self.ages(|ages| ages.offset(id))
    }

    fn parse(&self, offset: &str) -> Option<u64> {
        self.ages(|ages| ages.parse(offset))
    }

    fn arrival(&self, id: u64) -> BoxFuture<'_, bool> {
        let arrived = async move {
            loop {
                let mut appended = std::pin::pin!(self.appended.notified());
                appended.as_mut().enable();
                // Whoever asks is let in in order, behind everything that is here. Nobody is while the
                // ring is still filled with what was delivered before: of that a replay would have a part.
                if self.line.ends().0 >= id.max(self.line.complete()) {
                    return;
                }
                appended.await;
            }
        };
        Box::pin(async move { tokio::time::timeout(ARRIVAL_MAX, arrived).await.is_ok() })
    }

    fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
        is_meant: &dyn Fn(&Entry) -> bool,
    ) -> Result<Missed, NotRecovered> {
        self.line.missed(namespace, own_room, membership, range, options, is_meant)
    }
}

impl Numbers for SharedLog {
    fn in_turn(&self, act: &mut dyn FnMut()) {
        self.line.in_order(act);
    }

    fn epoch(&self) -> String {
        self.ages(|ages| ages.epoch().name())
    }

    fn number(&self, id: u64) -> Option<u64> {
        self.ages(|ages| ages.number(id))
    }
}

impl fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog").field("line", &self.line).finish_non_exhaustive()
    }
}
