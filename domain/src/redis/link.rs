//! The connections to Redis, and the only way to ask it something.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError as Fault, ServerErrorKind, Value,
};
use tokio::time::timeout;

use super::{
    Feed, Keys, RedisUrl, RedisUrlError, Signer, Subscription,
    dial::{Connection, Dial, Dialed},
};

/// What a link needs to know.
#[derive(Clone)]
pub struct RedisOptions {
    /// Where Redis is.
    pub url: RedisUrl,
    /// The user; in the place of the address's.
    pub username: Option<String>,
    /// The password; in the place of the address's.
    pub password: Option<String>,
    /// What every key and channel begins with, in braces. Default `crier`.
    pub prefix: String,
    /// The cluster's secrets; the first signs, all are taken.
    pub secrets: Vec<Vec<u8>>,
    /// How many connections commands share, at least one. Default 4.
    pub connections: usize,
    /// How long one command may take, connecting apart. Default 2 s.
    pub timeout: Duration,
}

/// Why Redis did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// It cannot be reached, does not answer in time, or does not take commands now (loading, read-only,
    /// disk or memory full, failover). A command that was on its way may have been done.
    #[error("Redis is unavailable")]
    Unavailable {
        /// When a next try makes sense.
        retry_after: Duration,
    },
    /// It answered with an error, or something else than was expected: a fault of ours or of its
    /// settings.
    #[error("Redis answered {0}")]
    Answer(Answer),
}

/// An answer of Redis that says that it did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its first word, such as `NOPERM`.
    pub code: String,
    /// The rest of it.
    pub message: String,
}

impl RedisError {
    /// Not to be had now.
    pub(super) const UNAVAILABLE: Self = Self::Unavailable { retry_after: Duration::from_secs(1) };
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// A Lua script, known to Redis by its hash.
#[derive(Clone, Debug)]
pub struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    /// A script.
    pub fn new(code: &'static str) -> Self {
        Self { code, hash: ::redis::Script::new(code).get_hash().to_owned() }
    }

    /// The command that runs it.
    pub fn command<K: AsRef<[u8]>, A: AsRef<[u8]>>(&self, keys: &[K], args: &[A]) -> Cmd {
        let mut command = ::redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len());
        for key in keys {
            command.arg(key.as_ref());
        }
        for arg in args {
            command.arg(arg.as_ref());
        }
        command
    }

    /// The command that makes it known.
    pub fn load(&self) -> Cmd {
        let mut command = ::redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}

/// Redis. Cheap to clone; connects when it is first asked something, and again after every failure.
///
/// Commands share the connections, several on their way on each: a slow one holds up those behind it,
/// so nothing that blocks is sent here.
///
/// # Cancel safety
///
/// Dropping a future leaves open whether the command is done. It does no harm to the connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    keys: Keys,
    signer: Signer,
    dial: Dial,
    lanes: Box<[Lane]>,
    /// For changes: reads do not wait behind a batch.
    writer: Lane,
    next: AtomicUsize,
    timeout: Duration,
    /// Whether the last attempt to connect succeeded, so that only the change is told.
    reached: AtomicBool,
}

/// A connection that commands share, and how many it had before.
#[derive(Default)]
struct Lane(tokio::sync::Mutex<(u64, Option<Dialed>)>);

impl Redis {
    /// A link; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError`] where the address, the prefix or the secrets cannot be used.
    pub fn new(options: RedisOptions) -> Result<Self, RedisUrlError> {
        let keys = Keys::new(&options.prefix)?;
        let signer = Signer::new(&options.secrets)?;
        let dial = Dial::new(&options)?;
        let lanes = (0..options.connections.max(1)).map(|_| Lane::default()).collect();
        let writer = Lane::default();
        let timeout = options.timeout;
        Ok(Self(Arc::new(Inner {
            keys,
            signer,
            dial,
            lanes,
            writer,
            next: AtomicUsize::new(0),
            timeout,
            reached: AtomicBool::new(true),
        })))
    }

    /// The names of keys and channels.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// What messages are sealed with.
    pub fn signer(&self) -> &Signer {
        &self.0.signer
    }

    /// Whether it is a cluster: channels are sharded there (`SPUBLISH`).
    pub fn is_cluster(&self) -> bool {
        self.0.dial.is_cluster()
    }

    /// Whether nobody signs in to a Redis that is not on this machine.
    pub(super) fn is_open(&self) -> bool {
        self.0.dial.is_open()
    }

    /// How long one command may take.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// One command.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let value = self.ask(async |mut connection: Connection| connection.one(command).await);
        convert(value.await?)
    }

    /// Several commands in one go, answered in one go; the first error is the error of all, and what is
    /// before and behind it is done all the same.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn pipeline<T: FromRedisValue>(&self, pipe: &Pipeline) -> Result<T, RedisError> {
        if pipe.is_empty() {
            return convert(Value::Array(Vec::new()));
        }
        convert(self.ask(async |mut connection: Connection| connection.all(pipe).await).await?)
    }

    /// A script, made known first where Redis does not know it.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[impl AsRef<[u8]>],
        args: &[impl AsRef<[u8]>],
    ) -> Result<T, RedisError> {
        let command = script.command(keys, args);
        match self.query(&command).await {
            Err(RedisError::Answer(Answer { code, .. })) if code == "NOSCRIPT" => {
                self.query::<Value>(&script.load()).await?;
                self.query(&command).await
            }
            other => other,
        }
    }

    /// Listens to channels, on a connection of its own. When this returns, everything that is published
    /// from now on is received.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn subscribe(&self, channels: &[String]) -> Result<Subscription, RedisError> {
        let opened = timeout(
            self.0.dial.patience() + self.0.timeout,
            Subscription::open(&self.0.dial, channels, self.0.timeout),
        );
        let opened = opened.await.map_err(|_| Why::Silent).and_then(|opened| {
            self.tell_reached(opened.as_ref().err());
            opened.map_err(Why::Fault)
        });
        opened.map_err(Why::told)
    }

    /// Listens to topics that change, on a connection of its own; to none of them yet.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn feed(&self) -> Result<Feed, RedisError> {
        let opened = timeout(self.0.dial.patience(), Feed::open(&self.0.dial, self.0.timeout));
        let opened = opened.await.map_err(|_| Why::Silent).and_then(|opened| {
            self.tell_reached(opened.as_ref().err());
            opened.map_err(Why::Fault)
        });
        opened.map_err(Why::told)
    }

    /// Sends something on one of the connections.
    async fn ask(
        &self,
        what: impl AsyncFnOnce(Connection) -> Result<Value, Fault>,
    ) -> Result<Value, RedisError> {
        let lanes = &self.0.lanes;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % lanes.len().max(1);
        let Some(lane) = lanes.get(turn) else { return Err(RedisError::UNAVAILABLE) };
        let (number, connection) = self.connection(lane).await.map_err(Why::told)?;
        self.ask_on(lane, number, what(connection)).await
    }

    /// Several changes in one go; the answer to each, be it an error.
    pub(super) async fn attempt(&self, pipe: &Pipeline) -> Result<Vec<Value>, Attempt> {
        let lane = &self.0.writer;
        let Ok((number, mut connection)) = self.connection(lane).await else {
            return Err(Attempt::NotSent);
        };
        let answers = self.ask_on(lane, number, connection.all(pipe)).await;
        let Ok(Value::Array(answers)) = answers else { return Err(Attempt::Unknown) };
        let moved = |answer: &Value| match answer {
            Value::ServerError(error) => ["READONLY", "MOVED", "ASK"].contains(&error.code()),
            _ => false,
        };
        if answers.iter().any(moved) {
            lane.close(number).await;
        }
        Ok(answers)
    }

    async fn ask_on(
        &self,
        lane: &Lane,
        number: u64,
        what: impl Future<Output = Result<Value, Fault>>,
    ) -> Result<Value, RedisError> {
        let answered = timeout(self.0.timeout, what).await;
        let why = match answered {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(fault)) => Why::Fault(fault),
            Err(_) => Why::Silent,
        };
        if why.breaks() {
            lane.close(number).await;
        }
        Err(why.told())
    }

    /// The connection of a lane, made where there is none.
    async fn connection(&self, lane: &Lane) -> Result<(u64, Connection), Why> {
        // Held while connecting, so that a herd makes one attempt.
        let wait = self.0.dial.patience();
        let Ok(mut slot) = timeout(wait, lane.0.lock()).await else { return Err(Why::Silent) };
        if let (number, Some(dialed)) = &*slot {
            return Ok((*number, dialed.connection.clone()));
        }
        let Ok(dialed) = timeout(wait, self.0.dial.connect()).await else {
            return Err(Why::Silent);
        };
        self.tell_reached(dialed.as_ref().err());
        let dialed = dialed.map_err(Why::Fault)?;
        let (number, connection) = (slot.0 + 1, dialed.connection.clone());
        *slot = (number, Some(dialed));
        Ok((number, connection))
    }

    /// Says it when Redis goes and when it comes back, not at every command in between.
    fn tell_reached(&self, failed: Option<&Fault>) {
        let before = self.0.reached.swap(failed.is_none(), Ordering::Relaxed);
        match failed {
            // The fault's text has no credentials in it.
            Some(fault) if before => tracing::warn!(%fault, "Redis cannot be reached"),
            None if !before => tracing::info!("Redis is reached again"),
            _ => {}
        }
    }
}

impl Lane {
    /// Gives a connection up, if it still is that one.
    async fn close(&self, number: u64) {
        let mut slot = self.0.lock().await;
        if slot.0 == number
            && let Some(dialed) = slot.1.take()
        {
            dialed.discard();
        }
    }
}

/// What became of a pipeline that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// There was no connection: nothing was done.
    NotSent,
    /// It was on its way: anything, up to all of it, was done, or will be.
    Unknown,
}

/// Why nothing came back.
#[derive(Debug)]
enum Why {
    Fault(Fault),
    Silent,
}

impl Why {
    /// Whether the connection is of no more use: it is lost, or leads to a server that was demoted.
    fn breaks(&self) -> bool {
        match self {
            Self::Silent => true,
            Self::Fault(fault) => {
                fault.is_unrecoverable_error()
                    || fault.is_io_error()
                    || fault.is_timeout()
                    || fault.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
            }
        }
    }

    fn told(self) -> RedisError {
        match self {
            Self::Silent => {
                tracing::debug!("Redis did not answer in time");
                RedisError::UNAVAILABLE
            }
            Self::Fault(fault) => told(&fault),
        }
    }
}

/// Codes by which Redis says that it does nothing now.
const NOT_NOW: [&str; 11] = [
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "MISCONF",
    "OOM",
    "NOREPLICAS",
    "MOVED",
    "ASK",
];

/// Whether an error says that nothing was done, and may be tried again.
pub(super) fn is_not_now(code: &str) -> bool {
    NOT_NOW.contains(&code)
}

fn told(fault: &Fault) -> RedisError {
    match fault.code() {
        Some(code) if is_not_now(code) => {
            tracing::debug!(code, "Redis does not take commands now");
            RedisError::UNAVAILABLE
        }
        Some(code) => RedisError::Answer(Answer {
            code: code.to_owned(),
            message: fault.detail().unwrap_or_default().to_owned(),
        }),
        None => match fault.kind() {
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => RedisError::Answer(Answer {
                code: "UNEXPECTED".to_owned(),
                message: fault.to_string(),
            }),
            _ => {
                tracing::debug!(%fault, "Redis was not reached");
                RedisError::UNAVAILABLE
            }
        },
    }
}

fn convert<T: FromRedisValue>(value: Value) -> Result<T, RedisError> {
    let value = value.extract_error().map_err(|fault| told(&fault))?;
    T::from_redis_value(value).map_err(|error| {
        RedisError::Answer(Answer { code: "UNEXPECTED".to_owned(), message: error.to_string() })
    })
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("dial", &self.0.dial).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
