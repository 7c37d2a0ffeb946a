//! Asking every replica, and gathering what they answer.
//!
//! ```text
//!   ask ──▶ {crier}:ask ──▶ every replica ──▶ its sockets
//!    ▲                                            │ parts
//!    └───────── {crier}:ans:<asker> ◀─────────────┘
//! ```
//!
//! An answer is never all or nothing: who should answer is known by the leases, and whoever has not in
//! time is named. A replica that goes down meanwhile is not waited for. An ask carries the number of the
//! newest event: replicas deliver that first, so what was published before an order reaches sockets as
//! they were before it.

pub mod cluster;
mod leased;
pub mod wire;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, timeout_at},
};

pub use self::leased::Leased;
use self::wire::{Ask, Part, Question, Reply};
use crate::{
    redis::{Redis, RedisError, Subscription, cmd},
    time::unix_ms,
};

/// How long replicas have to answer, where nothing else is said.
pub const WITHIN: Duration = Duration::from_secs(2);

/// Asks of one process that are open at one time. Overflow: the next one waits, in its own time.
const OPEN_MAX: usize = 256;

/// Parts that wait for whoever asked. Overflow: the answer of that replica is incomplete, so missing.
const PARTS_MAX: usize = 1_024;

/// Parts of one replica's answer that are kept. Overflow: the rest is left out, and the answer says so.
const PARTS_OF_ONE_MAX: u32 = 64;

/// How often it is looked whether those who did not answer yet are there still.
const LOOK: Duration = Duration::from_millis(200);

/// Pauses between two tries to listen.
const RETRY: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// The names of the replicas that should answer now, without the asker's own.
pub type Names<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, RedisError>> + Send + 'a>>;

/// Who should answer.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Every replica with a lease but the asker's own.
    fn expected(&self) -> Names<'_>;
}

/// A place in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which life of the log.
    pub epoch: String,
    /// The number of an event, and everything before.
    pub number: u64,
}

/// The order of events in this process.
pub trait Line: fmt::Debug + Send + Sync {
    /// Waits until what was published here before is in Redis. `marked`: the newest event of the log is
    /// one behind all of that, also behind what is in no log.
    fn flushed(&self, marked: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Waits until everybody here has got the events up to a mark.
    fn reached(&self, mark: Mark) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Asks every other replica. One for each process, with [`Asker::run`] beside it.
pub struct Asker {
    redis: Redis,
    name: String,
    replica: Option<String>,
    peers: Arc<dyn Peers>,
    line: Option<Arc<dyn Line>>,
    open: Mutex<HashMap<u64, mpsc::Sender<Part>>>,
    slots: Semaphore,
    next: AtomicU64,
    listening: watch::Sender<bool>,
    /// Those that were there when they could last be looked up.
    last: Mutex<Vec<String>>,
    dropped: AtomicU64,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Replicas that answered, each with the parts of its answer in their order.
    pub answers: Vec<(String, Vec<Reply>)>,
    /// Replicas that did not in time.
    pub missing: Vec<String>,
    /// Somebody had more to say than an answer may hold.
    pub truncated: bool,
}

impl Asker {
    /// An asker without sockets of its own, such as the sidecar. `name`: its own in the whole cluster,
    /// and no replica's. `line`: the bus that it publishes by, where it does.
    pub fn new(
        redis: Redis,
        name: String,
        peers: Arc<dyn Peers>,
        line: Option<Arc<dyn Line>>,
    ) -> Arc<Self> {
        Arc::new(Self::build(redis, name, None, peers, line))
    }

    /// A replica that asks the others.
    pub fn of_replica(
        redis: Redis,
        replica: String,
        peers: Arc<dyn Peers>,
        line: Arc<dyn Line>,
    ) -> Arc<Self> {
        Arc::new(Self::build(redis, replica.clone(), Some(replica), peers, Some(line)))
    }

    fn build(
        redis: Redis,
        name: String,
        replica: Option<String>,
        peers: Arc<dyn Peers>,
        line: Option<Arc<dyn Line>>,
    ) -> Self {
        Self {
            redis,
            name,
            replica,
            peers,
            line,
            open: Mutex::default(),
            slots: Semaphore::new(OPEN_MAX),
            // Not where a process of the same name began.
            next: AtomicU64::new(random()),
            listening: watch::Sender::new(false),
            last: Mutex::default(),
            dropped: AtomicU64::new(0),
        }
    }

    /// The name under which this process answers.
    pub fn replica(&self) -> Option<&str> {
        self.replica.as_deref()
    }

    /// Where it asks.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// Messages on its channel that were no answers, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes answers until it is dropped. To be run once; without it every answer is missing.
    pub async fn run(self: Arc<Self>) {
        let channel = self.redis.keys().answers(&self.name);
        let mut failures = 0;
        loop {
            match self.redis.subscribe(std::slice::from_ref(&channel)).await {
                Ok(subscription) => {
                    failures = 0;
                    self.listening.send_replace(true);
                    self.listen(&channel, subscription).await;
                    self.listening.send_replace(false);
                }
                Err(error) => tracing::debug!(%error, "answers of replicas cannot be listened to"),
            }
            tokio::time::sleep(backoff(failures)).await;
            failures += 1;
        }
    }

    async fn listen(&self, channel: &str, mut subscription: Subscription) {
        while let Some(received) = subscription.next().await {
            match wire::read::<Part>(self.redis.signer(), channel, &received.payload) {
                Ok(part) => self.take(part),
                Err(error) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(%error, "a message that is no answer");
                }
            }
        }
    }

    fn take(&self, part: Part) {
        // One that comes too late finds nobody, one too many finds no room: both are missing then.
        if let Some(asked) = self.lock().get(&part.id) {
            let _ = asked.try_send(part);
        }
    }

    /// Asks all other replicas, and gathers what they answer within a time; does `own` besides. All of
    /// them do it after every event that was published here before.
    ///
    /// # Cancel safety
    /// Dropped, replicas do all the same what they were asked to.
    pub async fn ask<T>(
        &self,
        question: Question,
        within: Duration,
        own: impl Future<Output = T>,
    ) -> (Gathered, T) {
        let deadline = Instant::now() + within;
        // Whatever stands in the way has half of the time: late is better than not at all.
        let half = Instant::now() + within / 2;
        let after = timeout_at(half, self.after(question.is_order())).await.unwrap_or_default();
        let own = async {
            if let (Some(line), Some(after)) = (&self.line, after.clone()) {
                let _ = timeout_at(half, line.reached(after)).await;
            }
            own.await
        };
        tokio::join!(self.ask_others(question, after.clone(), deadline), own)
    }

    /// The newest event, after everything of this process's own; `None` where Redis does not tell.
    async fn after(&self, marked: bool) -> Option<Mark> {
        if let Some(line) = &self.line {
            line.flushed(marked).await;
        }
        let keys = self.redis.keys();
        let mut both = cmd("MGET");
        both.arg(keys.number()).arg(keys.epoch());
        let (number, epoch): (Option<u64>, Option<String>) = self.redis.query(&both).await.ok()?;
        Some(Mark { epoch: epoch.unwrap_or_default(), number: number.unwrap_or_default() })
    }

    async fn ask_others(
        &self,
        question: Question,
        after: Option<Mark>,
        deadline: Instant,
    ) -> Gathered {
        let Some(Mark { epoch, number: after }) = after else { return self.nobody() };
        let Ok(Ok(_slot)) = timeout_at(deadline, self.slots.acquire()).await else {
            return self.nobody();
        };
        let Ok(Ok(expected)) = timeout_at(deadline, self.peers.expected()).await else {
            return self.nobody();
        };
        self.known().clone_from(&expected);
        if expected.is_empty() {
            return Gathered::default();
        }
        let mut listening = self.listening.subscribe();
        let listening = listening.wait_for(|listening| *listening);
        if timeout_at(deadline, listening).await.is_err() {
            return missing(expected);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, parts) = mpsc::channel(PARTS_MAX);
        self.lock().insert(id, sender);
        let _forget = Forget { asker: self, id };
        let ask = Ask {
            asker: self.name.clone(),
            replica: self.replica.clone(),
            id,
            sent_at: unix_ms(),
            within: millis(deadline.saturating_duration_since(Instant::now())),
            after,
            epoch,
            question,
        };
        let channel = self.redis.keys().ask();
        let Some(payload) = wire::write(self.redis.signer(), channel, &ask) else {
            return missing(expected);
        };
        match timeout_at(deadline, self.send(channel, payload)).await {
            Ok(Ok(())) => self.gather(expected, parts, deadline).await,
            Ok(Err(_)) | Err(_) => missing(expected),
        }
    }

    async fn send(&self, channel: &str, payload: Bytes) -> Result<(), RedisError> {
        let mut publish = cmd(publish_command(&self.redis));
        publish.arg(channel).arg(payload.as_ref());
        let _: i64 = self.redis.query(&publish).await?;
        Ok(())
    }

    async fn gather(
        &self,
        expected: Vec<String>,
        mut parts: mpsc::Receiver<Part>,
        deadline: Instant,
    ) -> Gathered {
        let mut waiting: HashSet<String> = expected.into_iter().collect();
        let mut begun: HashMap<String, Vec<Reply>> = HashMap::new();
        let mut gathered = Gathered::default();
        let mut look = Instant::now() + LOOK;
        while !waiting.is_empty() {
            let until = look.min(deadline);
            match timeout_at(until, parts.recv()).await {
                Ok(Some(part)) => {
                    let Part { replica, part, last, truncated, reply, .. } = part;
                    let so_far = begun.entry(replica.clone()).or_default();
                    if usize::try_from(part).ok() != Some(so_far.len()) {
                        // One in between was lost: what is left makes no answer.
                        continue;
                    }
                    so_far.push(reply);
                    let full = part + 1 >= PARTS_OF_ONE_MAX && !last;
                    if last || full {
                        gathered.truncated |= truncated || full;
                        waiting.remove(&replica);
                        if let Some(replies) = begun.remove(&replica) {
                            gathered.answers.push((replica, replies));
                        }
                    }
                }
                Ok(None) => break,
                Err(_) if Instant::now() >= deadline => break,
                Err(_) => {
                    look = Instant::now() + LOOK;
                    if let Ok(Ok(there)) = timeout_at(deadline, self.peers.expected()).await {
                        waiting.retain(|replica| there.contains(replica));
                    }
                }
            }
        }
        gathered.missing = waiting.into_iter().collect();
        gathered.missing.sort_unstable();
        gathered
    }

    /// Nobody could be asked.
    fn nobody(&self) -> Gathered {
        missing(self.known().clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Part>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Vec<String>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An ask that is over, however.
struct Forget<'a> {
    asker: &'a Asker,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.asker.lock().remove(&self.id);
    }
}

fn missing(mut missing: Vec<String>) -> Gathered {
    missing.sort_unstable();
    Gathered { missing, ..Gathered::default() }
}

/// The command by which something goes over a channel: sharded where the channels are.
pub fn publish_command(redis: &Redis) -> &'static str {
    if redis.is_cluster() { "SPUBLISH" } else { "PUBLISH" }
}

/// The pause after so many failures in a row.
pub fn backoff(failures: usize) -> Duration {
    RETRY.get(failures).or(RETRY.last()).copied().unwrap_or_default()
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without the system's randomness numbers begin at 0, which is as good as long as names differ.
    let _ = getrandom::fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("replica", &self.replica).finish_non_exhaustive()
    }
}
