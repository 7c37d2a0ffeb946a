//! The one thread that writes.
//!
//! ```text
//!   commits ──▶ bounded queue ──▶ as many as wait: one transaction, one fsync
//!                                   └──▶ readers see it ──▶ events, in order ──▶ answers
//! ```
//!
//! While the disk syncs one batch, the next one gathers, so throughput grows with load, and a lone commit
//! waits for nobody.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use redb::Database;
use tokio::sync::oneshot;

use super::{
    apply::{Applied, Fault, Outcome, apply},
    file::Source,
    schema::last_version,
    view::{UNAVAILABLE, View},
};
use crate::{
    clock::Clock,
    publish::{Outlet, Publish},
    store::{Commit, Committed},
};

/// Commits of one transaction.
const BATCH: usize = 512;
/// Bytes of one transaction, about: a larger one only makes everybody wait.
const BATCH_BYTES: usize = 8 << 20;
/// How long nothing has to happen for the upkeep to be looked at.
const IDLE: Duration = Duration::from_secs(1);
/// The time between two sweeps while there is no rest.
const SWEEP_EVERY_MS: u64 = 1_000;
/// The time between two tries to open the file again.
const OPEN_EVERY: Duration = Duration::from_millis(250);

/// A commit that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) commit: Commit,
    pub(super) answer: oneshot::Sender<Outcome>,
    /// Its part of the queue's bytes, given back when it is dropped.
    pub(super) room: Room,
}

/// Bytes that are taken from a common number as long as this is.
#[derive(Debug)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// Takes them, where no more than `max` are taken then.
    pub(super) fn take(taken: &Arc<AtomicUsize>, bytes: usize, max: usize) -> Option<Self> {
        let fits = |now: usize| now.checked_add(bytes).filter(|sum| *sum <= max);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Self { taken: Arc::clone(taken), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// What the thread has.
pub(super) struct Writer {
    pub(super) source: Source,
    /// `None` while it cannot be used.
    pub(super) database: Option<Database>,
    pub(super) jobs: Receiver<Job>,
    pub(super) view: Arc<View>,
    pub(super) outlet: Arc<dyn Outlet>,
    pub(super) clock: Clock,
    pub(super) upkeep: Upkeep,
}

/// What the thread remembers from turn to turn.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// What was on its way to the disk when the file broke.
    doubt: Option<Doubt>,
    tried: Instant,
    swept_at: u64,
}

/// The events of a transaction of which the file itself has to say whether it was done.
#[derive(Debug)]
struct Doubt {
    version: u64,
    events: Vec<Publish>,
}

impl Upkeep {
    pub(super) fn new(now: u64) -> Self {
        Self { doubt: None, tried: Instant::now(), swept_at: now }
    }
}

impl Writer {
    /// Works until nobody can send any more, and what waits is answered.
    pub(super) fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(IDLE) {
                Ok(first) => {
                    let batch = self.gather(first);
                    self.work(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.work(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.view.hide();
    }

    /// Takes what else waits, up to the size of a batch.
    fn gather(&self, first: Job) -> Vec<Job> {
        let mut bytes = first.room.bytes;
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(job) = self.jobs.try_recv() else { break };
            bytes += job.room.bytes;
            batch.push(job);
        }
        batch
    }

    /// One transaction; without jobs, only upkeep.
    fn work(&mut self, batch: Vec<Job>) {
        if self.database.is_none() && self.upkeep.tried.elapsed() >= OPEN_EVERY {
            self.reopen();
        }
        let Some(database) = &self.database else {
            return refuse(batch);
        };
        let now = self.clock.unix_ms();
        let sweep = batch.is_empty() || now.saturating_sub(self.upkeep.swept_at) >= SWEEP_EVERY_MS;
        if sweep {
            self.upkeep.swept_at = now;
        }
        let commits = batch.iter().map(|job| &job.commit);
        let applied =
            catch_unwind(AssertUnwindSafe(|| apply(database, commits, now, sweep, &self.view)));
        match applied {
            Ok(Ok(applied)) => self.finish(batch, applied),
            Ok(Err(Fault::Before(error))) => self.broke(&error.to_string(), batch),
            Ok(Err(Fault::InDoubt(error, applied))) => {
                self.in_doubt(&error.to_string(), batch, applied);
            }
            // A bug, here or in redb; the transaction was rolled back.
            Err(_) => self.broke("a panic", batch),
        }
    }

    /// It is on the disk: readers see it, then clients, then whoever asked.
    fn finish(&mut self, batch: Vec<Job>, applied: Applied) {
        if let Some(database) = &self.database
            && let Err(error) = self.view.show(database)
        {
            self.close(&error.to_string());
        }
        let mut answers = Vec::with_capacity(batch.len());
        for (job, outcome) in batch.into_iter().zip(applied.outcomes) {
            let Job { commit, answer, room } = job;
            if matches!(outcome, Ok(Committed::Done { .. })) {
                self.publish(commit.events);
            }
            answers.push((answer, outcome, room));
        }
        for (answer, outcome, _room) in answers {
            // Whoever asked may have left.
            let _ = answer.send(outcome);
        }
    }

    fn publish(&self, events: Vec<Publish>) {
        for event in events {
            let name = event.event.clone();
            if catch_unwind(AssertUnwindSafe(|| self.outlet.publish(event))).is_err() {
                tracing::error!(event = name, "a panic while an event went out; it is lost");
            }
        }
    }

    /// Nothing of the batch was done.
    fn broke(&mut self, why: &str, batch: Vec<Job>) {
        self.close(why);
        self.reopen();
        refuse(batch);
    }

    /// The batch may have been done. The file knows: a version is given once.
    fn in_doubt(&mut self, why: &str, batch: Vec<Job>, applied: Applied) {
        self.close(why);
        let done = |outcome: &Outcome| matches!(outcome, Ok(Committed::Done { .. }));
        let commits = batch.iter().zip(&applied.outcomes).filter(|(_, outcome)| done(outcome));
        let events = commits.flat_map(|(job, _)| job.commit.events.iter().cloned()).collect();
        self.upkeep.doubt = Some(Doubt { version: applied.version, events });
        self.reopen();
        let was_done = self.database.is_some() && self.upkeep.doubt.is_none();
        if was_done && self.last_version() == Some(applied.version) {
            for (job, outcome) in batch.into_iter().zip(applied.outcomes) {
                let _ = job.answer.send(outcome);
            }
        } else {
            refuse(batch);
        }
    }

    fn last_version(&self) -> Option<u64> {
        self.database.as_ref().and_then(|database| last_version(database).ok())
    }

    /// Lets go of the file: after a failure redb does nothing more with it.
    fn close(&mut self, why: &str) {
        if self.database.take().is_some() {
            tracing::error!(why, "the store cannot use its file; it will be opened again");
        }
        self.view.hide();
    }

    fn reopen(&mut self) {
        self.upkeep.tried = Instant::now();
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = self.source.open().map_err(|error| error.to_string())?;
            let version = last_version(&database).map_err(|error| error.to_string())?;
            Ok::<_, String>((database, version))
        }));
        let (database, version) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return tracing::debug!(error, "the store's file is still away"),
            Err(_) => return tracing::debug!("the store's file is still away: a panic"),
        };
        if let Err(error) = self.view.show(&database) {
            return tracing::debug!(%error, "the store's file is still away");
        }
        tracing::info!("the store can use its file again");
        self.database = Some(database);
        let doubt = self.upkeep.doubt.take();
        if let Some(doubt) = doubt.filter(|doubt| doubt.version == version) {
            self.publish(doubt.events);
        }
    }
}

fn refuse(batch: Vec<Job>) {
    for job in batch {
        let _ = job.answer.send(Err(UNAVAILABLE));
    }
}
