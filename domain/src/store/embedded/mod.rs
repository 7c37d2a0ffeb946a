//! The store in one file of this machine, by redb.
//!
//! One thread [writes](writer), many commits to one fsync; [reads](view) run beside it on what was last
//! committed. A commit is answered when it is on the disk and readers see it, and its events have gone
//! out. Where the file cannot be used (no space, a failing disk), commits and reads are refused as
//! unavailable, and it is opened again until it can.

mod apply;
mod file;
mod row;
mod schema;
mod view;
mod writer;

pub use file::OpenError;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::AtomicUsize,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use redb::{Builder, Database, DatabaseError};
use tokio::sync::oneshot;

use self::{
    file::Source,
    view::{UNAVAILABLE, View},
    writer::{Job, Room, Upkeep, Writer},
};
use super::{Commit, Committed, Key, Record, Scan, Store, StoreError, StoreFuture};
use crate::{clock::Clock, publish::Outlet};

/// Commits that wait at most; one more is refused as unavailable.
const QUEUE: usize = 4_096;

/// Bytes of commits that wait at most, likewise.
const QUEUE_BYTES: usize = 64 << 20;

/// When a next try makes sense after the queue was full: a batch takes milliseconds.
const BUSY: StoreError = StoreError::Unavailable { retry_after: Duration::from_millis(200) };

/// Records in a file, for one process at a time.
pub struct EmbeddedStore {
    view: Arc<View>,
    clock: Clock,
    waiting: Arc<AtomicUsize>,
    writer: Mutex<Option<Handle>>,
}

struct Handle {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Opens `crier.redb` in a folder, or makes both. Events of commits go to the outlet, on a thread of
    /// the store's, within the runtime that this is called in, if any.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; it names the folder.
    pub fn open(folder: &Path, outlet: Arc<dyn Outlet>, clock: Clock) -> Result<Self, OpenError> {
        Self::open_named(folder, "crier.redb", outlet, clock)
    }

    /// As [`EmbeddedStore::open`], for a file of another name.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; it names the folder.
    pub fn open_named(
        folder: &Path,
        name: &str,
        outlet: Arc<dyn Outlet>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Self::start(Source::folder(folder, name)?, outlet, clock)
    }

    /// Opens a database wherever redb can have one, such as on a [`redb::StorageBackend`] of one's own.
    /// `open` is called again after each failure of the medium; `name` is for messages.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_on(
        name: &str,
        open: impl Fn(&mut Builder) -> Result<Database, DatabaseError> + Send + 'static,
        outlet: Arc<dyn Outlet>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Self::start(Source::custom(name, open), outlet, clock)
    }

    fn start(source: Source, outlet: Arc<dyn Outlet>, clock: Clock) -> Result<Self, OpenError> {
        let database = source.open()?;
        let view = Arc::new(View::default());
        view.show(&database).map_err(|error| source.unusable(error.to_string()))?;
        let (sender, jobs) = sync_channel(QUEUE);
        let writer = Writer {
            upkeep: Upkeep::new(clock.unix_ms()),
            database: Some(database),
            jobs,
            view: Arc::clone(&view),
            outlet,
            clock: clock.clone(),
            source,
        };
        let runtime = tokio::runtime::Handle::try_current().ok();
        let work = move || {
            let _within = runtime.as_ref().map(tokio::runtime::Handle::enter);
            writer.run();
        };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(work);
        let thread = thread.map_err(|error| OpenError::Io { path: "thread".into(), error })?;
        let writer = Mutex::new(Some(Handle { jobs: sender, thread }));
        Ok(Self { view, clock, waiting: Arc::default(), writer })
    }

    /// Takes no more commits, does what waits, and lets go of the file. Reads and commits are refused as
    /// unavailable from then. Blocks for as long as that takes: from async code, call it on a thread that
    /// may block. Dropping the store does the same.
    pub fn close(&self) {
        let handle = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Handle { jobs, thread }) = handle else { return };
        drop(jobs);
        if thread.thread().id() == std::thread::current().id() {
            // The outlet held the last reference: the thread is about to end by itself.
            return;
        }
        if thread.join().is_err() {
            tracing::error!("the store's thread ended with a panic");
        }
    }

    /// Puts a commit into the queue.
    fn send(
        &self,
        commit: Commit,
    ) -> Result<oneshot::Receiver<Result<Committed, StoreError>>, StoreError> {
        let room = Room::take(&self.waiting, commit.check()?, QUEUE_BYTES).ok_or(BUSY)?;
        let (answer, answered) = oneshot::channel();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = writer.as_ref().ok_or(UNAVAILABLE)?;
        handle.jobs.try_send(Job { commit, answer, room }).map_err(|_| BUSY)?;
        Ok(answered)
    }
}

impl Store for EmbeddedStore {
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>> {
        Box::pin(async move { self.view.get(&key, self.clock.unix_ms()) })
    }

    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>> {
        Box::pin(async move { self.view.scan(&scan, self.clock.unix_ms()).await })
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(async move {
            let answered = self.send(commit)?;
            // No deadline of its own: the queue is bounded, and what is taken from it is done or
            // refused. An answer that does not come means that the thread is gone.
            answered.await.unwrap_or(Err(UNAVAILABLE))
        })
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").finish_non_exhaustive()
    }
}
