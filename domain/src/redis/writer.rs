//! The one way by which a process changes something in Redis: in order, and many at a time.
//!
//! ```text
//!   RedisStore ── commit ──▶┐                    ┌─▶ one pipeline, one fsync ──▶ answers
//!   RedisBus ── publish ───▶├─ bounded queue ──▶ Work
//!            └─ enqueue ───▶┘                    └─ connection lost: the same again, done once
//! ```

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    BusEvent, Keys, Redis, RedisError, Script,
    job::{Job, Outcome, QUEUE, Room, Sealed, Waiting, What, args},
    row,
    work::{Batches, Settler},
};
use crate::{
    clock::Clock,
    cluster::Cluster,
    publish::Publish,
    settle::{Settled, Settling},
    store::{Claim, Write},
};

/// What a writer needs to know.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// How long events are kept in the log, at least: the recovery window and a minute.
    pub keep: Duration,
    /// How many events are kept in the log at most, about.
    pub entries_max: usize,
    /// The tag of this replica; empty for a sidecar.
    pub sender: String,
}

/// There is no room in the queue now: Redis is away, or slower than what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much waits for Redis")]
pub struct Overloaded;

/// A claim outlives its time by this much in Redis, so that replicas whose clocks differ agree on it.
const CLAIM_SLACK_MS: u64 = 60_000;

/// A claim that is to be kept for ever is kept for a century: Redis has no longer times to live.
const CLAIM_LIFE_MAX_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// Takes what is to be changed; cheap to clone. [`Work`] does it.
#[derive(Clone)]
pub struct Writer(Arc<Inner>);

pub(super) struct Inner {
    pub(super) redis: Redis,
    pub(super) clock: Clock,
    cluster: Arc<dyn Cluster>,
    sender: String,
    jobs: mpsc::Sender<Job>,
    waiting: Arc<Waiting>,
    settling: Settling,
    begun: mpsc::Sender<String>,
}

/// Does what writers take, for as long as it runs.
pub struct Work {
    settler: Settler,
    batches: Batches,
}

impl Writer {
    /// A writer, and its work, which somebody has to run. The cluster is asked how many sockets a
    /// namespace has, for events that go to everyone while they are few.
    pub fn new(
        redis: Redis,
        options: WriterOptions,
        clock: Clock,
        cluster: Arc<dyn Cluster>,
    ) -> (Self, Work) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (begun, settling_begun) = mpsc::channel(crate::settle::WAITING_MAX);
        let settling = Settling::default();
        let batches = Batches::new(redis.clone(), &options, clock.clone(), queue);
        let inner = Arc::new(Inner {
            redis,
            clock,
            cluster,
            sender: options.sender,
            jobs,
            waiting: Arc::default(),
            settling: settling.clone(),
            begun,
        });
        let settler = Settler::new(Arc::downgrade(&inner), settling, settling_begun);
        (Self(inner), Work { settler, batches })
    }

    pub(super) fn redis(&self) -> &Redis {
        &self.0.redis
    }

    pub(super) fn keys(&self) -> &Keys {
        self.0.redis.keys()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn sender(&self) -> &str {
        &self.0.sender
    }

    /// Does a commit. `size` is about what it takes, in bytes.
    ///
    /// # Errors
    ///
    /// There is no room now.
    pub(super) async fn commit(
        &self,
        claim: Option<&Claim>,
        writes: Option<&[Write]>,
        events: Vec<Sealed>,
        size: usize,
    ) -> Result<Outcome, Overloaded> {
        let now = self.0.clock.unix_ms();
        let life = |claim: &Claim| {
            let left = claim.expires_at.saturating_sub(now).saturating_add(CLAIM_SLACK_MS);
            left.min(CLAIM_LIFE_MAX_MS)
        };
        let args = args(
            writes.is_some(),
            claim.map(|claim| (claim, life(claim))),
            writes.unwrap_or_default(),
            events,
        );
        let claim = claim.map(|claim| self.keys().claim(&claim.key));
        self.ask(What::Commit { claim, args }, size).await
    }

    /// Publishes an event and waits until it is done.
    ///
    /// # Errors
    ///
    /// There is no room now.
    pub(super) async fn publish(&self, event: Sealed) -> Result<Outcome, Overloaded> {
        let size = 256 + event.body.len();
        self.ask(what(event), size).await
    }

    /// Waits until everything that was taken before is done, or was given up.
    ///
    /// # Cancel safety
    ///
    /// Nothing depends on it.
    pub async fn flushed(&self) {
        // Nothing at all, in its turn.
        let _ = self.commit(None, None, Vec::new(), 64).await;
    }

    /// Publishes an event, and does not wait.
    ///
    /// # Errors
    ///
    /// There is no room now.
    pub(super) fn enqueue(&self, event: Sealed) -> Result<(), Overloaded> {
        let room = Room::take(&self.0.waiting, 256 + event.body.len()).ok_or(Overloaded)?;
        self.0.jobs.try_send(Job::new(what(event), None, room)).map_err(|_| Overloaded)
    }

    async fn ask(&self, what: What, size: usize) -> Result<Outcome, Overloaded> {
        let room = Room::take(&self.0.waiting, size).ok_or(Overloaded)?;
        let (answer, answered) = oneshot::channel();
        self.0.jobs.try_send(Job::new(what, Some(answer), room)).map_err(|_| Overloaded)?;
        // No deadline of its own: the queue is bounded, and whatever is taken from it is answered in
        // time. No answer means that the work has ended.
        Ok(answered.await.unwrap_or(Outcome::Unavailable))
    }

    /// What a claim's key stands for already, if for anything.
    pub(super) async fn known(&self, claim: &Claim) -> Result<Option<Outcome>, RedisError> {
        let key = self.keys().claim(&claim.key);
        let found: Option<Vec<u8>> = self.redis().read(::redis::cmd("GET").arg(key)).await?;
        let Some(found) = found.map(bytes::Bytes::from) else { return Ok(None) };
        let Ok(held) = row::held(&claim.key, &found) else {
            return Ok(Some(Outcome::Damaged(None)));
        };
        if held.expires_at <= self.0.clock.unix_ms() {
            return Ok(None);
        }
        let same = held.fingerprint == claim.fingerprint;
        Ok(Some(if same { Outcome::Repeated(found) } else { Outcome::Claimed }))
    }

    /// Writes and signs an event; to everyone where they are few enough.
    pub(super) async fn seal(&self, publish: &Publish) -> Sealed {
        let mut event = BusEvent { sender: self.sender().to_owned(), ..BusEvent::from(publish) };
        if let Some(few) = publish.everyone_up_to
            && self.0.cluster.sockets_len(&publish.namespace).await <= few
        {
            event.rooms.clear();
        }
        self.sealed(&event)
    }

    pub(super) fn sealed(&self, event: &BusEvent) -> Sealed {
        let body = self.redis().signer().seal(self.keys().bus(), &event.encode());
        Sealed { logged: event.is_logged(), body }
    }

    /// Takes an event that may have to wait until its state has settled; gives back one for now.
    pub(super) fn settle(&self, event: Publish) -> Option<Publish> {
        match self.0.settling.take(event) {
            Settled::Now(event) => Some(*event),
            Settled::Replaced => None,
            Settled::Begun(key) => {
                // As many keys fit as may wait, so this fails only when the work has ended.
                let _ = self.0.begun.try_send(key);
                None
            }
        }
    }
}

fn what(event: Sealed) -> What {
    if event.logged {
        What::Commit { claim: None, args: args(false, None, &[], vec![event]) }
    } else {
        let mut message = Vec::with_capacity(2 + event.body.len());
        message.extend_from_slice(b"-|");
        message.extend_from_slice(&event.body);
        What::Message(message.into())
    }
}

impl From<Arc<Inner>> for Writer {
    fn from(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

impl Work {
    /// Works until `stop`, then does what waits, for a few seconds at most, and takes no more. Also
    /// ends when every writer is dropped.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let Self { settler, batches } = self;
        let (close, closing) = oneshot::channel();
        let settled = async {
            settler.run(stop).await;
            drop(close);
        };
        tokio::join!(settled, batches.run(closing));
    }
}

/// The script of every change.
pub(super) fn commit_script() -> Script {
    Script::new(include_str!("commit.lua"))
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.0.waiting).finish_non_exhaustive()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}
