//! The connections to Redis, and the only way to ask it something.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError as Fault, ServerErrorKind, Value,
};
use tokio::time::timeout;

use super::{
    Answer, Feed, Keys, RedisError, RedisOptions, RedisUrlError, Script, Signer, Subscription,
    answer::{convert, told},
    dial::{Connection, Dial, Dialed},
};

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
    /// The number of the writer's connection on which its script is known.
    prepared: AtomicU64,
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
            prepared: AtomicU64::new(0),
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
        convert(value.await.map_err(Why::told)?)
    }

    /// One command that does no harm when it is done twice, such as one that only reads: where a
    /// connection is found lost, it is asked on another one.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn read<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut lanes_left = self.0.lanes.len();
        loop {
            let value = self.ask(async |mut connection: Connection| connection.one(command).await);
            match value.await {
                Ok(value) => return convert(value),
                Err(Why::Fault(fault)) if fault.is_unrecoverable_error() && lanes_left > 0 => {
                    lanes_left -= 1;
                }
                Err(why) => return Err(why.told()),
            }
        }
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
        let value = self.ask(async |mut connection: Connection| connection.all(pipe).await);
        convert(value.await.map_err(Why::told)?)
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

    /// [`Redis::script`] for one that does no harm when it is done twice, as [`Redis::read`].
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn read_script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[impl AsRef<[u8]>],
        args: &[impl AsRef<[u8]>],
    ) -> Result<T, RedisError> {
        let command = script.command(keys, args);
        match self.read(&command).await {
            Err(RedisError::Answer(Answer { code, .. })) if code == "NOSCRIPT" => {
                self.read::<Value>(&script.load()).await?;
                self.read(&command).await
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
    ) -> Result<Value, Why> {
        let lanes = &self.0.lanes;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % lanes.len().max(1);
        let Some(lane) = lanes.get(turn) else { return Err(Why::Silent) };
        let (number, connection) = self.connection(lane).await?;
        self.ask_on(lane, number, what(connection)).await
    }

    /// Several changes in one go, by a script that is made known first on each new connection, so that
    /// those which need it are done in their order with those which do not; the answer to each, be it an
    /// error.
    pub(super) async fn attempt(
        &self,
        script: &Script,
        pipe: &Pipeline,
    ) -> Result<Vec<Value>, Attempt> {
        let lane = &self.0.writer;
        let Ok((number, mut connection)) = self.connection(lane).await else {
            return Err(Attempt::NotSent);
        };
        if self.0.prepared.load(Ordering::Relaxed) != number {
            let load = script.load();
            if self.ask_on(lane, number, connection.one(&load)).await.is_err() {
                return Err(Attempt::NotSent);
            }
            self.0.prepared.store(number, Ordering::Relaxed);
        }
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
    ) -> Result<Value, Why> {
        let answered = timeout(self.0.timeout, what).await;
        let why = match answered {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(fault)) => Why::Fault(fault),
            Err(_) => Why::Silent,
        };
        if why.breaks() {
            lane.close(number).await;
        }
        Err(why)
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

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("dial", &self.0.dial).finish_non_exhaustive()
    }
}
