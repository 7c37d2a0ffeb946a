//! The one task that writes sessions, in batches: many at once cost one trip.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_protocol::Pid;
use tokio::{
    sync::Notify,
    time::{Instant, interval, sleep, timeout},
};

use super::{
    save::{Numbers, Save},
    vault::{Asked, Claimed, REFRESH, Vault, Written},
};
use crate::{
    lock, metrics,
    recovery::{Session, Sessions, shared::Away},
};

/// Sessions in one trip.
const BATCH: usize = 128;

/// How long a write is waited for.
const SAVED_MAX: Duration = Duration::from_secs(2);

/// Between two attempts while nothing can be written.
const PAUSE: Duration = Duration::from_millis(250);

/// A change of a session is not known to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not certain that the change outlives this process")]
pub struct NotSaved;

/// Writes sessions to where they are kept.
pub(crate) struct Keeper {
    vault: Box<dyn Vault>,
    numbers: Arc<dyn Numbers>,
    sessions: Arc<Sessions>,
    /// Sessions that have changed, each once: as many as there are.
    changed: Mutex<VecDeque<Arc<Session>>>,
    /// Held by whoever writes: of two writes of one session the later one has to be the last.
    turn: tokio::sync::Mutex<()>,
    work: Notify,
    written: Notify,
}

impl Keeper {
    pub(crate) fn new(
        vault: Box<dyn Vault>,
        numbers: Arc<dyn Numbers>,
        sessions: Arc<Sessions>,
    ) -> Self {
        let (work, written) = (Notify::new(), Notify::new());
        let (changed, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { vault, numbers, sessions, changed, turn, work, written }
    }

    /// A session has changed.
    pub(super) fn queue(&self, session: &Arc<Session>) {
        lock(&self.changed).push_back(Arc::clone(session));
        self.work.notify_one();
    }

    /// Writes for ever. One task does this.
    pub(crate) async fn run(&self) {
        let mut refresh = interval(REFRESH);
        refresh.reset();
        loop {
            tokio::select! {
                () = self.work.notified() => self.write_all().await,
                _ = refresh.tick() => self.refresh().await,
            }
        }
    }

    /// Asks for a session on behalf of a client.
    pub(crate) async fn claim(&self, asked: Asked<'_>) -> Result<Claimed, Away> {
        self.vault.claim(asked).await
    }

    /// Tells the replica whose socket had a session that it has it no more. Where that fails, its next write
    /// tells it.
    pub(crate) async fn kick(&self, pid: Pid, generation: u64) {
        let _ = self.vault.kick(pid, generation).await;
    }

    /// Waits until everything that has changed of a session until now is written.
    pub(crate) fn saved(
        self: &Arc<Self>,
        session: &Arc<Session>,
    ) -> impl Future<Output = Result<(), NotSaved>> + Send + use<> {
        let (keeper, session) = (Arc::clone(self), Arc::clone(session));
        let wanted = session.versions().map_or(0, |(version, _)| version);
        async move {
            let written = async {
                loop {
                    let mut written = std::pin::pin!(keeper.written.notified());
                    written.as_mut().enable();
                    if session.versions().is_none_or(|(_, saved)| saved >= wanted) {
                        return;
                    }
                    written.await;
                }
            };
            timeout(SAVED_MAX, written).await.map_err(|_| NotSaved)
        }
    }

    /// Writes what has changed until now, for at most `patience`: the process is about to end.
    pub(crate) async fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while !lock(&self.changed).is_empty() && Instant::now() < until {
            // Its own task is at it too; both take from one queue.
            if timeout(patience, self.write_all()).await.is_err() {
                tracing::warn!("not every session was written before the end");
            }
        }
    }

    async fn write_all(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let batch: Vec<(Arc<Session>, Save)> = {
                let mut changed = lock(&self.changed);
                let batch = changed.len().min(BATCH);
                changed.drain(..batch).collect::<Vec<_>>()
            }
            .into_iter()
            .filter_map(|session| session.save(&*self.numbers).map(|save| (session, save)))
            .collect();
            if batch.is_empty() {
                if lock(&self.changed).is_empty() {
                    return;
                }
                continue;
            }
            let (sessions, saves): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            // Dropped in the middle, nobody would know any more what is not written.
            let mut writing = Writing { sessions: &sessions, saves: &saves, done: false };
            match self.vault.save(&saves).await {
                Ok(outcomes) => {
                    writing.done = true;
                    for ((session, save), outcome) in sessions.iter().zip(&saves).zip(outcomes) {
                        self.settle(session, save, outcome);
                    }
                    self.written.notify_waiters();
                }
                Err(Away) => {
                    drop(writing);
                    metrics::saved("failed");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn settle(&self, session: &Arc<Session>, save: &Save, outcome: Written) {
        match outcome {
            Written::Done => {
                metrics::saved("done");
                session.saved(save.generation, Some(save.version), false);
            }
            Written::Missing => {
                metrics::saved("missing");
                self.sessions.end(session, save.generation);
            }
            // A client is on its way in here: what it takes up is this very session.
            Written::Taken { here: true, .. } => {
                metrics::saved("taken");
                session.saved(save.generation, None, false);
            }
            Written::Taken { generation, here: false } => {
                metrics::saved("taken");
                self.overtaken(&session.pid, generation);
            }
        }
    }

    fn overtaken(&self, pid: &Pid, generation: u64) {
        self.numbers.in_turn(&mut || self.sessions.overtaken(pid, generation));
    }

    async fn refresh(&self) {
        let held = self.sessions.held();
        for batch in held.chunks(2 * BATCH) {
            let Ok(outcomes) = self.vault.refresh(batch).await else { continue };
            for ((pid, generation), outcome) in batch.iter().zip(outcomes) {
                match outcome {
                    Written::Done | Written::Taken { here: true, .. } => {}
                    Written::Missing => self.sessions.end_of(pid, *generation),
                    Written::Taken { generation, here: false } => {
                        self.overtaken(pid, generation);
                    }
                }
            }
        }
    }
}

/// Writes under way; what is not known to be done is to be done again.
struct Writing<'a> {
    sessions: &'a [Arc<Session>],
    saves: &'a [Save],
    done: bool,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        for (session, save) in self.sessions.iter().zip(self.saves) {
            session.saved(save.generation, None, true);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("vault", &self.vault).finish_non_exhaustive()
    }
}
