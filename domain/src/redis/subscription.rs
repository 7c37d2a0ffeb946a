//! Messages of channels, as they come.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::redis::{PushInfo, PushKind, RedisError as Fault, Value, aio::SendError};
use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};

use super::dial::{Connection, Dial};

/// Messages that wait to be taken. Overflow: the newest are dropped, and the next one that is taken
/// says so.
pub const SUBSCRIPTION_MAX: usize = 10_000;

/// After so long without a message the connection is asked for a sign of life: one whose other end is
/// gone without a word looks exactly like a silent one.
const QUIET: Duration = Duration::from_secs(10);

/// What was published on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where.
    pub channel: String,
    /// What.
    pub payload: Bytes,
    /// Messages before this one were dropped, since they were not taken in time.
    pub lost: bool,
}

/// The messages of some channels, on a connection of its own; it ends when this is dropped.
pub struct Subscription {
    receiver: mpsc::Receiver<Received>,
    connection: Connection,
    timeout: Duration,
    quiet_at: Instant,
    probe: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl Subscription {
    pub(super) async fn open(
        dial: &Dial,
        channels: &[String],
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let (sender, receiver) = mpsc::channel(SUBSCRIPTION_MAX);
        let inbox = Inbox { sender: Mutex::new(Some(sender)), lost: AtomicBool::new(false) };
        let inbox = Arc::new(inbox);
        let mut connection = dial.listen(move |push: PushInfo| inbox.take(push)).await?;
        connection.subscribe(channels).await?;
        let quiet_at = Instant::now() + QUIET;
        Ok(Self { receiver, connection, timeout, quiet_at, probe: None })
    }

    /// The next message; `None` once the connection is lost and everything before is taken.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            let probing = self.probe.is_some();
            tokio::select! {
                biased;
                received = self.receiver.recv() => {
                    self.quiet_at = Instant::now() + QUIET;
                    self.probe = None;
                    return received;
                }
                alive = answered(&mut self.probe), if probing => {
                    self.probe = None;
                    if !alive {
                        return None;
                    }
                    self.quiet_at = Instant::now() + QUIET;
                }
                () = tokio::time::sleep_until(self.quiet_at), if !probing => {
                    let (mut connection, timeout) = (self.connection.clone(), self.timeout);
                    self.probe = Some(Box::pin(async move {
                        let ping = ::redis::cmd("PING");
                        let answer = tokio::time::timeout(timeout, connection.one(&ping)).await;
                        answer.is_ok_and(|answer| answer.is_ok())
                    }));
                }
            }
        }
    }
}

async fn answered(probe: &mut Option<Pin<Box<dyn Future<Output = bool> + Send>>>) -> bool {
    match probe {
        Some(probe) => probe.as_mut().await,
        None => true,
    }
}

/// The end of the queue that the connection's own task fills; it must never wait.
struct Inbox {
    /// `None` once the connection is lost.
    sender: Mutex<Option<mpsc::Sender<Received>>>,
    lost: AtomicBool,
}

impl Inbox {
    fn take(&self, push: PushInfo) -> Result<(), SendError> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match push.kind {
            PushKind::Message | PushKind::SMessage => message(push.data),
            // A slot that moved takes the subscription along with no more than this word.
            PushKind::Disconnection | PushKind::SUnsubscribe => {
                *sender = None;
                None
            }
            _ => None,
        };
        let (Some((channel, payload)), Some(sender)) = (channel, sender.as_ref()) else {
            return Ok(());
        };
        let lost = self.lost.load(Ordering::Relaxed);
        match sender.try_send(Received { channel, payload, lost }) {
            Ok(()) => self.lost.store(false, Ordering::Relaxed),
            Err(_) => self.lost.store(true, Ordering::Relaxed),
        }
        Ok(())
    }
}

fn message(data: Vec<Value>) -> Option<(String, Bytes)> {
    let mut data = data.into_iter();
    let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
        (data.next(), data.next())
    else {
        return None;
    };
    Some((String::from_utf8(channel).ok()?, payload.into()))
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("waiting", &self.receiver.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(payload: &str) -> PushInfo {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        PushInfo { kind: PushKind::Message, data: vec![bulk("c"), bulk(payload)] }
    }

    #[test]
    fn a_queue_that_overflowed_says_so_and_ends_with_its_connection() {
        let (sender, mut receiver) = mpsc::channel(2);
        let inbox = Inbox { sender: Mutex::new(Some(sender)), lost: AtomicBool::new(false) };
        for payload in ["1", "2", "3", "4"] {
            inbox.take(push(payload)).unwrap();
        }
        let mut next = || receiver.try_recv().map(|m| (m.payload, m.lost));
        assert_eq!(next(), Ok(("1".into(), false)));
        inbox.take(push("5")).unwrap();
        inbox.take(PushInfo { kind: PushKind::Disconnection, data: vec![] }).unwrap();
        inbox.take(push("6")).unwrap();
        assert_eq!(next(), Ok(("2".into(), false)));
        assert_eq!(next(), Ok(("5".into(), true)));
        assert_eq!(next(), Err(mpsc::error::TryRecvError::Disconnected));
    }
}
