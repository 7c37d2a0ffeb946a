//! What was asked of the Node servers, and what they answer.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crier_domain::redis::cmd;
use crier_protocol::{
    Namespace as Name,
    redis_adapter::{Event, Message, Reply, RequestId, Response, Selection},
    socket::Value,
};
use tokio::{sync::mpsc, time::Instant};

use super::{NodeBridge, NodeMode, convert};
use crate::{adapter::Answers, error::Acks, io::random, lock, namespace::server_side::ServerAcks};

/// Questions that may be open at one time; more are not asked, and count as not answered.
const OPEN_MAX: usize = 10_000;
/// Answers to one question that wait to be gathered. More than any number of acknowledgements that come
/// while one task is not scheduled; those beyond are lost, and so time runs out.
const REPLIES_MAX: usize = 4_096;

/// The questions that are open.
#[derive(Default)]
pub(super) struct Asked(Mutex<HashMap<RequestId, mpsc::Sender<Reply>>>);

impl Asked {
    /// An answer came; one that nobody waits for is no fault, since Node answers to all.
    pub(super) fn answered(&self, response: Response) {
        let sender = lock(&self.0).get(&response.request).cloned();
        if let Some(sender) = sender {
            // Full: see above.
            let _ = sender.try_send(response.reply);
        }
    }
}

/// A question of ours; forgotten when dropped.
struct Question<'a> {
    asked: &'a Asked,
    id: RequestId,
    replies: mpsc::Receiver<Reply>,
    until: Instant,
}

impl<'a> Question<'a> {
    fn open(asked: &'a Asked, timeout: Duration) -> Option<Self> {
        let digits: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let id = RequestId::parse(digits)?;
        let (sender, replies) = mpsc::channel(REPLIES_MAX);
        let mut open = lock(&asked.0);
        if open.len() >= OPEN_MAX {
            return None;
        }
        open.insert(id.clone(), sender);
        drop(open);
        // Beyond what the timer holds is as good as for ever.
        let timeout = timeout.min(Duration::from_secs(86_400));
        Some(Self { asked, id, replies, until: Instant::now() + timeout })
    }

    /// The next answer; `None` once the time is over.
    async fn next(&mut self) -> Option<Reply> {
        tokio::time::timeout_at(self.until, self.replies.recv()).await.ok().flatten()
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        lock(&self.asked.0).remove(&self.id);
    }
}

/// Asks which sockets there are.
pub(super) async fn fetch(bridge: &NodeBridge, namespace: &Name, of: Selection) -> Answers {
    let mut answers = Answers::default();
    let mut missing = servers_len(bridge, namespace).await;
    if let Ok(1..) = missing
        && let Some(mut question) = Question::open(&bridge.0.asked, bridge.0.settings.timeout)
    {
        bridge.post(namespace, Message::Fetch { of, request: question.id.clone() });
        while let Ok(1..) = missing
            && let Some(reply) = question.next().await
        {
            if let Reply::Sockets(sockets) = reply {
                answers.sockets.extend(sockets.into_iter().map(convert::socket_info));
                missing = missing.map(|missing| missing - 1);
            }
        }
    }
    answers.matched = answers.sockets.len();
    answers.missing = unnamed(missing);
    answers
}

/// Emits an event and gathers what clients acknowledge.
pub(super) async fn broadcast(
    bridge: &NodeBridge,
    namespace: &Name,
    event: Event,
    to: Selection,
    timeout: Duration,
) -> Acks {
    let mut acks = Acks::default();
    let Some(mut question) = Question::open(&bridge.0.asked, timeout) else {
        acks.missing = unnamed(Err(Uncounted));
        return acks;
    };
    let mut missing = servers_len(bridge, namespace).await;
    let request = Some(question.id.clone());
    // Also where nobody seems to be there: the event itself is owed to whoever is.
    bridge.post(namespace, Message::Broadcast { event, to, request });
    while (missing != Ok(0) || acks.answers.len() < acks.asked)
        && let Some(reply) = question.next().await
    {
        match reply {
            Reply::ClientCount(count) => {
                acks.asked += usize::try_from(count).unwrap_or(usize::MAX);
                missing = missing.map(|missing| missing.saturating_sub(1));
            }
            Reply::Ack(value) => acks.answers.push(convert::args(&value)),
            _ => {}
        }
    }
    acks.missing = unnamed(missing);
    acks
}

/// Calls the handlers of the servers and gathers their answers.
pub(super) async fn servers(
    bridge: &NodeBridge,
    namespace: &Name,
    event: Event,
    timeout: Duration,
) -> ServerAcks {
    let mut answers: Vec<Value> = Vec::new();
    let mut missing = servers_len(bridge, namespace).await;
    if missing != Ok(0)
        && let Some(mut question) = Question::open(&bridge.0.asked, timeout)
    {
        let request = Some(question.id.clone());
        bridge.post(namespace, Message::ServerSideEmit { event, request });
        while missing != Ok(0)
            && let Some(reply) = question.next().await
        {
            if let Reply::ServerSideEmit(value) = reply {
                answers.push(value);
                missing = missing.map(|missing| missing.saturating_sub(1));
            }
        }
    }
    ServerAcks { answers, missing: unnamed(missing) }
}

/// Redis did not tell how many servers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Uncounted;

/// How many Node servers there are in a namespace: those who hear its requests, without our own.
async fn servers_len(bridge: &NodeBridge, namespace: &Name) -> Result<usize, Uncounted> {
    let channels = bridge.0.wire.channels();
    let (count, heard) = match bridge.0.settings.mode {
        NodeMode::Off => return Ok(0),
        NodeMode::Classic => ("NUMSUB", channels.request(namespace)),
        NodeMode::Sharded(_) => ("SHARDNUMSUB", channels.namespace(namespace)),
    };
    let ours = channels.ours(namespace);
    let command = {
        let mut command = cmd("PUBSUB");
        command.arg(count).arg(&heard).arg(&ours);
        command
    };
    let counts: HashMap<String, usize> = match bridge.0.redis.query(&command).await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::warn!(%error, "Redis does not tell how many Node servers there are");
            return Err(Uncounted);
        }
    };
    let of = |channel: &str| counts.get(channel).copied().unwrap_or(0);
    Ok(of(&heard).saturating_sub(of(&ours)))
}

/// Servers that have no name.
fn unnamed(missing: Result<usize, Uncounted>) -> Vec<String> {
    let one = "a Node server".to_owned();
    vec![one; missing.unwrap_or(1)]
}
