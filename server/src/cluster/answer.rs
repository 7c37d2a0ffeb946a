//! Answering what other replicas, and sidecars, ask of the sockets here.
//!
//! Messages that nobody of the cluster sent, or that this version does not know, are dropped and counted;
//! so are those that came before, and those that are too old to be anything but somebody's repetition.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use bytes::Bytes;
use crier_domain::{
    Cluster,
    redis::{
        Redis,
        ask::{
            Line, Mark, backoff, publish_command,
            wire::{self as message, Ask, Part, Question, Reply, WireError, namespace},
        },
        cmd,
    },
    time::unix_ms,
};
use crier_protocol::Room;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;

use super::wire;
use crate::{
    adapter::{Hub, redis::HubLine},
    io::Io,
    lock, metrics,
};

/// Asks that are answered at one time. Overflow: the next ones wait,
const WORKING_MAX: usize = 256;

/// and so many may wait. Overflow: dropped and counted; the asker names this replica as missing.
const WAITING_MAX: usize = 1_024;

/// Bytes of one part of an answer, about; a single entry may be larger.
const PART_BYTES: usize = 256 << 10;

/// Parts of one answer. Overflow: the rest is left out, and the answer says so.
const PARTS_MAX: usize = 64;

/// How far an asker's clock may be from this one's, either way.
const AGE_MAX: u64 = 60_000;

/// Asks that are remembered, so that none is done twice. Overflow: the oldest is forgotten.
const REMEMBERED_MAX: usize = 65_536;

/// Answers for the sockets of one replica.
pub struct Responder {
    redis: Redis,
    replica: String,
    io: Io,
    /// The sockets here, as services see them.
    cluster: Arc<dyn Cluster>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    asks: HashSet<(String, u64)>,
    in_order: VecDeque<(String, u64)>,
}

impl Responder {
    /// An answerer under this name. `cluster` is what services of this replica alone would ask.
    pub fn new(redis: Redis, replica: String, io: Io, cluster: Arc<dyn Cluster>) -> Self {
        Self { redis, replica, io, cluster, seen: Mutex::default() }
    }

    /// Answers until it is dropped. To be run once.
    pub async fn run(self) {
        let (sender, asks) = mpsc::channel(WAITING_MAX);
        tokio::join!(self.listen(sender), self.work(asks));
    }

    async fn listen(&self, asks: mpsc::Sender<Ask>) {
        let channel = self.redis.keys().ask().to_owned();
        let mut failures = 0;
        loop {
            match self.redis.subscribe(std::slice::from_ref(&channel)).await {
                Ok(mut subscription) => {
                    failures = 0;
                    while let Some(received) = subscription.next().await {
                        self.hear(&channel, &received.payload, &asks);
                    }
                }
                Err(error) => tracing::debug!(%error, "asks of replicas cannot be listened to"),
            }
            tokio::time::sleep(backoff(failures)).await;
            failures += 1;
        }
    }

    fn hear(&self, channel: &str, payload: &Bytes, asks: &mpsc::Sender<Ask>) {
        match message::read::<Ask>(self.redis.signer(), channel, payload) {
            Ok(ask) if ask.replica.as_ref() == Some(&self.replica) => {}
            Ok(ask) if !self.is_new(&ask) => metrics::dropped_ask("repeated"),
            Ok(ask) => {
                if asks.try_send(ask).is_err() {
                    metrics::dropped_ask("overloaded");
                }
            }
            Err(WireError::Forged) => metrics::dropped_ask("forged"),
            Err(WireError::Unknown) => metrics::dropped_ask("unknown"),
        }
    }

    fn is_new(&self, ask: &Ask) -> bool {
        if unix_ms().abs_diff(ask.sent_at) > AGE_MAX {
            return false;
        }
        let mut seen = lock(&self.seen);
        let name = (ask.asker.clone(), ask.id);
        if !seen.asks.insert(name.clone()) {
            return false;
        }
        seen.in_order.push_back(name);
        if seen.in_order.len() > REMEMBERED_MAX
            && let Some(oldest) = seen.in_order.pop_front()
        {
            seen.asks.remove(&oldest);
        }
        true
    }

    async fn work(&self, mut asks: mpsc::Receiver<Ask>) {
        let mut working = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = working.next(), if !working.is_empty() => {}
                Some(ask) = asks.recv(), if working.len() < WORKING_MAX => {
                    working.push(self.serve(ask));
                }
            }
        }
    }

    async fn serve(&self, ask: Ask) {
        let Ask { asker, id, within, after, epoch, question, .. } = ask;
        let hub = self.io.hub();
        let line = HubLine(Arc::downgrade(&hub) as Weak<dyn Hub>);
        // Late is better than not at all: half of the time may go by.
        let patience = Duration::from_millis(within) / 2;
        let _ = tokio::time::timeout(patience, line.reached(Mark { epoch, number: after })).await;
        let Some(reply) = self.answer(&hub, question).await else {
            return metrics::dropped_ask("unknown");
        };
        let channel = self.redis.keys().answers(&asker);
        let (parts, truncated) = cut(reply);
        let count = parts.len();
        for (n, reply) in parts.into_iter().enumerate() {
            let part = Part {
                replica: self.replica.clone(),
                id,
                part: u32::try_from(n).unwrap_or(u32::MAX),
                last: n + 1 == count,
                truncated,
                reply,
            };
            let Some(payload) = message::write(self.redis.signer(), &channel, &part) else {
                return;
            };
            let mut publish = cmd(publish_command(&self.redis));
            publish.arg(&channel).arg(payload.as_ref());
            if let Err(error) = self.redis.query::<i64>(&publish).await {
                // The asker names this replica as missing.
                return tracing::debug!(%error, "an answer was not sent");
            }
        }
    }

    /// `None` where the question makes no sense here.
    async fn answer(&self, hub: &Arc<dyn Hub>, question: Question) -> Option<Reply> {
        let cluster = &self.cluster;
        Some(match question {
            Question::Order(order) => Reply::Reached(cluster.order(order.order()?).await.matched),
            Question::Rooms => Reply::Rooms(cluster.rooms().await),
            Question::Room(room) => Reply::Room(cluster.room(&Room::from(room)).await),
            Question::SocketsLen(name) => {
                Reply::SocketsLen(cluster.sockets_len(&namespace(&name)?).await)
            }
            Question::Stats => Reply::Stats(cluster.stats().await),
            Question::Sockets { namespace: name, target, request } => {
                let (target, request) = (wire::target(target), wire::request(request));
                let answers = hub.answer(&namespace(&name)?, &target, &request);
                let sockets = answers.sockets.into_iter().map(wire::socket_out).collect();
                Reply::Sockets { matched: answers.matched, sockets }
            }
            acks @ Question::Acks { .. } => {
                let (envelope, timeout) = wire::envelope(acks, &self.io.options().limits)?;
                let acks = hub.deliver_with_ack(envelope, timeout).await.ok()?;
                let answers = acks.answers.iter().map(wire::args_out).collect();
                Reply::Acks { asked: acks.asked, answers }
            }
        })
    }
}

/// An answer in parts, and whether something of it was left out.
fn cut(reply: Reply) -> (Vec<Reply>, bool) {
    match reply {
        Reply::Rooms(rooms) => {
            let (parts, truncated) = chunks(rooms, |room| room.room.len() + 32);
            (parts.into_iter().map(Reply::Rooms).collect(), truncated)
        }
        Reply::Sockets { matched, sockets } => {
            let size = |room: &String| room.len() + 8;
            let (parts, truncated) =
                chunks(sockets, |socket| 96 + socket.rooms.iter().map(size).sum::<usize>());
            let mut matched = Some(matched);
            let part =
                |sockets| Reply::Sockets { matched: matched.take().unwrap_or_default(), sockets };
            (parts.into_iter().map(part).collect(), truncated)
        }
        Reply::Acks { asked, answers } => {
            let (parts, truncated) = chunks(answers, |args| {
                args.text.len() + args.attachments.iter().map(Bytes::len).sum::<usize>() + 16
            });
            let mut asked = Some(asked);
            let part = |answers| Reply::Acks { asked: asked.take().unwrap_or_default(), answers };
            (parts.into_iter().map(part).collect(), truncated)
        }
        one => (vec![one], false),
    }
}

/// A list in pieces of about [`PART_BYTES`] each, at least one; and whether there was more.
fn chunks<T>(list: Vec<T>, size: impl Fn(&T) -> usize) -> (Vec<Vec<T>>, bool) {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for entry in list {
        let more = size(&entry);
        if !part.is_empty() && bytes + more > PART_BYTES {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
            if parts.len() == PARTS_MAX {
                return (parts, true);
            }
        }
        bytes += more;
        part.push(entry);
    }
    parts.push(part);
    (parts, false)
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("replica", &self.replica).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_into_parts_and_the_rest_is_told_of() {
        let sizes = |list: Vec<usize>| {
            let (parts, truncated) = chunks(list, |size| *size);
            (parts.iter().map(Vec::len).collect::<Vec<_>>(), truncated)
        };
        assert_eq!(sizes(vec![]), (vec![0], false));
        assert_eq!(sizes(vec![PART_BYTES / 2; 4]), (vec![2, 2], false));
        assert_eq!(sizes(vec![PART_BYTES * 2, 1, 1]), (vec![1, 2], false));
        assert_eq!(sizes(vec![PART_BYTES; PARTS_MAX]), (vec![1; PARTS_MAX], false));
        assert_eq!(sizes(vec![PART_BYTES; PARTS_MAX + 1]), (vec![1; PARTS_MAX], true));
    }

    #[test]
    fn the_number_is_in_the_first_part_alone() {
        let args = || message::WireArgs { text: "[]".repeat(PART_BYTES), attachments: vec![] };
        let reply = Reply::Acks { asked: 3, answers: vec![args(), args()] };
        let asked = cut(reply).0.into_iter().map(|part| match part {
            Reply::Acks { asked, answers } => (asked, answers.len()),
            other => panic!("{other:?}"),
        });
        assert_eq!(asked.collect::<Vec<_>>(), [(3, 1), (0, 1)]);
    }
}
