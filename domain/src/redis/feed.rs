//! Messages of channels that change while one listens: patterns and sharded channels too.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::redis::{PushInfo, PushKind, RedisError as Fault, Value, aio::SendError, cmd};
use bytes::Bytes;
use tokio::{sync::mpsc, time::timeout};

use super::{
    RedisError, SUBSCRIPTION_MAX,
    dial::{Connection, Dial},
};

/// What can be listened to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel (`SUBSCRIBE`). `PUBSUB NUMSUB` counts it.
    Channel(String),
    /// All channels that fit a pattern (`PSUBSCRIBE`). Nothing counts it.
    Pattern(String),
    /// A sharded channel (`SSUBSCRIBE`, Redis 7). `PUBSUB SHARDNUMSUB` counts it.
    Shard(String),
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Where.
    pub channel: String,
    /// What.
    pub payload: Bytes,
    /// Whether it was published on a sharded channel.
    pub sharded: bool,
    /// Messages before this one were dropped, since they were not taken in time.
    pub lost: bool,
}

/// The messages of topics, on a connection of its own; it ends when this and its controls are dropped.
pub struct Feed {
    receiver: mpsc::Receiver<Heard>,
    control: FeedControl,
}

/// Changes what a feed listens to. Cheap to clone.
#[derive(Clone)]
pub struct FeedControl {
    connection: Connection,
    timeout: Duration,
}

impl Feed {
    pub(super) async fn open(dial: &Dial, timeout: Duration) -> Result<Self, Fault> {
        let (sender, receiver) = mpsc::channel(SUBSCRIPTION_MAX);
        let inbox = Inbox { sender: Mutex::new(Some(sender)), lost: AtomicBool::new(false) };
        let connection = dial.listen(move |push: PushInfo| inbox.take(push)).await?;
        Ok(Self { receiver, control: FeedControl { connection, timeout } })
    }

    /// The next message; `None` once the connection is lost and everything before is taken. A connection
    /// whose other end is gone without a word looks silent: [`FeedControl::ping`] tells.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Heard> {
        self.receiver.recv().await
    }

    /// What changes it.
    pub fn control(&self) -> FeedControl {
        self.control.clone()
    }
}

impl FeedControl {
    /// Listens to more. When this returns, everything that is published there from now on is heard. Topics of
    /// one kind that stand one after the other are subscribed to at one time, sharded ones one after the
    /// other.
    ///
    /// # Errors
    ///
    /// [`RedisError::Unavailable`]: some may be listened to. A feed that failed so is to be dropped.
    pub async fn add(&self, topics: &[Topic]) -> Result<(), RedisError> {
        self.change(topics, true).await
    }

    /// Listens to less.
    ///
    /// # Errors
    ///
    /// As [`FeedControl::add`].
    pub async fn remove(&self, topics: &[Topic]) -> Result<(), RedisError> {
        self.change(topics, false).await
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    ///
    /// [`RedisError::Unavailable`]: there is none in time.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        let answer = timeout(self.timeout, connection.one(&cmd("PING"))).await;
        match answer {
            Ok(Ok(_)) => Ok(()),
            _ => Err(RedisError::UNAVAILABLE),
        }
    }

    async fn change(&self, topics: &[Topic], add: bool) -> Result<(), RedisError> {
        let kind = |topic: &Topic| std::mem::discriminant(topic);
        for run in topics.chunk_by(|a, b| kind(a) == kind(b)) {
            let changed = timeout(self.timeout, self.change_run(run, add)).await;
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::warn!(%fault, "channels cannot be subscribed to");
                    return Err(RedisError::UNAVAILABLE);
                }
                Err(_) => return Err(RedisError::UNAVAILABLE),
            }
        }
        Ok(())
    }

    async fn change_run(&self, run: &[Topic], add: bool) -> Result<(), Fault> {
        let mut connection = self.connection.clone();
        let names: Vec<&str> = run.iter().map(Topic::name).collect();
        match (run.first(), &mut connection, add) {
            (None, ..) => Ok(()),
            (Some(Topic::Channel(_)), Connection::One(c), true) => c.subscribe(names).await,
            (Some(Topic::Channel(_)), Connection::One(c), false) => c.unsubscribe(names).await,
            (Some(Topic::Channel(_)), Connection::Cluster(c), true) => c.subscribe(names).await,
            (Some(Topic::Channel(_)), Connection::Cluster(c), false) => c.unsubscribe(names).await,
            (Some(Topic::Pattern(_)), Connection::One(c), true) => c.psubscribe(names).await,
            (Some(Topic::Pattern(_)), Connection::One(c), false) => c.punsubscribe(names).await,
            (Some(Topic::Pattern(_)), Connection::Cluster(c), true) => c.psubscribe(names).await,
            (Some(Topic::Pattern(_)), Connection::Cluster(c), false) => c.punsubscribe(names).await,
            (Some(Topic::Shard(_)), connection, add) => {
                // One at a time: they may be in several slots, and each is confirmed by one answer.
                for channel in names {
                    match connection {
                        Connection::Cluster(c) if add => c.ssubscribe(channel).await?,
                        Connection::Cluster(c) => c.sunsubscribe(channel).await?,
                        Connection::One(_) => {
                            let name = if add { "SSUBSCRIBE" } else { "SUNSUBSCRIBE" };
                            connection.one(cmd(name).arg(channel)).await?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

impl Topic {
    fn name(&self) -> &str {
        match self {
            Self::Channel(name) | Self::Pattern(name) | Self::Shard(name) => name,
        }
    }
}

/// The end of the queue that the connection's own task fills; it must never wait.
struct Inbox {
    /// `None` once the connection is lost.
    sender: Mutex<Option<mpsc::Sender<Heard>>>,
    lost: AtomicBool,
}

impl Inbox {
    fn take(&self, push: PushInfo) -> Result<(), SendError> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = match push.kind {
            PushKind::Message => heard(push.data, 0),
            PushKind::SMessage => heard(push.data, 0),
            // The pattern comes first.
            PushKind::PMessage => heard(push.data, 1),
            PushKind::Disconnection => {
                *sender = None;
                None
            }
            _ => None,
        };
        let (Some((channel, payload)), Some(sender)) = (heard, sender.as_ref()) else {
            return Ok(());
        };
        let lost = self.lost.load(Ordering::Relaxed);
        let sharded = push.kind == PushKind::SMessage;
        let lost = sender.try_send(Heard { channel, payload, sharded, lost }).is_err();
        self.lost.store(lost, Ordering::Relaxed);
        Ok(())
    }
}

fn heard(data: Vec<Value>, skip: usize) -> Option<(String, Bytes)> {
    let mut data = data.into_iter().skip(skip);
    let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
        (data.next(), data.next())
    else {
        return None;
    };
    Some((String::from_utf8(channel).ok()?, payload.into()))
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("waiting", &self.receiver.len()).finish()
    }
}

impl fmt::Debug for FeedControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedControl")
    }
}
