//! What waits to be done by Redis, and what became of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ::redis::Value;
use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::row;
use crate::store::{Change, Claim, Expect, Write};

/// Jobs that wait at most, in the queue and on their way; one more is refused.
pub(super) const QUEUE: usize = 10_000;

/// Bytes of jobs that wait at most, likewise.
const QUEUE_BYTES: usize = 64 << 20;

/// A publishing, or a commit of the store.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) what: What,
    /// `None`: nobody waits for it, and it is done however long Redis is away.
    pub(super) answer: Option<oneshot::Sender<Outcome>>,
    /// Its part of what may wait, given back when it is dropped.
    pub(super) room: Room,
    /// Its place in the writer's batch.
    pub(super) place: u64,
    /// When it was first tried.
    pub(super) since: Instant,
    /// It was on its way to Redis, and may have been done.
    pub(super) sent: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum What {
    /// One with a claim's key, and its arguments behind its place and that key.
    Commit { claim: Option<String>, args: Vec<Bytes> },
    /// A message on the channel, as it goes out; it leaves no trace.
    Message(Bytes),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done, under this version; 0 where none was asked for.
    Done(u64),
    /// It had been done before: the claim as it is stored.
    Repeated(Bytes),
    /// The claim's key belongs to something else.
    Claimed,
    /// The write of this number, from 0, is not as expected.
    Conflict(usize),
    /// The row of this write, or of the claim, cannot be read.
    Damaged(Option<usize>),
    /// It was not done, or nobody knows.
    Unavailable,
}

impl Job {
    pub(super) fn new(what: What, answer: Option<oneshot::Sender<Outcome>>, room: Room) -> Self {
        Self { what, answer, room, place: 0, since: Instant::now(), sent: false }
    }

    pub(super) fn finish(self, outcome: Outcome) {
        if let Some(answer) = self.answer {
            // Whoever asked may have left.
            let _ = answer.send(outcome);
        }
    }
}

/// The arguments of one commit behind its place and its claim's key.
pub(super) fn args(
    versioned: bool,
    claim: Option<(&Claim, u64)>,
    writes: &[Write],
    events: Vec<Sealed>,
) -> Vec<Bytes> {
    let mut args = Vec::with_capacity(6 + writes.len() * 6 + events.len() * 2);
    let word = Bytes::from_static;
    args.push(word(if versioned { b"v" } else { b"-" }));
    match claim {
        None => args.push(word(b"-")),
        Some((claim, life)) => args.extend([
            word(b"c"),
            Bytes::copy_from_slice(&claim.fingerprint),
            row::claim(claim).into(),
            life.to_string().into(),
        ]),
    }
    args.push(writes.len().to_string().into());
    for Write { key, expect, change } in writes {
        args.push(Bytes::copy_from_slice(key.as_bytes()));
        args.push(match expect {
            Expect::Anything => word(b"*"),
            Expect::Absent => word(b"-"),
            Expect::Version(version) => version.to_string().into(),
        });
        match change {
            Change::Keep => args.push(word(b"=")),
            Change::Delete => args.push(word(b"x")),
            Change::Put { value, expires_at } => {
                let expires = row::expires_text(*expires_at);
                let sum = row::checksum(key.as_bytes(), &expires, value);
                args.extend([word(b"p"), expires.into(), sum.into(), value.clone()]);
            }
        }
    }
    args.push(events.len().to_string().into());
    for event in events {
        args.push(word(if event.logged { b"l" } else { b"e" }));
        args.push(event.body);
    }
    args
}

/// An event, written and signed.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    /// Whether it gets a number.
    pub(super) logged: bool,
    pub(super) body: Bytes,
}

/// What the script says of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// What became of it.
    Outcome(Outcome),
    /// Redis did not take it, and says why.
    Refused(String),
    /// Nothing that the script says.
    Nonsense,
}

/// Reads what the script says of one job.
pub(super) fn said(value: Value) -> Said {
    match &value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::BulkString(word), Value::BulkString(why)] if word == b"error" => {
                Said::Refused(String::from_utf8_lossy(why).into_owned())
            }
            _ => outcome(value).map_or(Said::Nonsense, Said::Outcome),
        },
        _ => Said::Nonsense,
    }
}

fn outcome(value: Value) -> Option<Outcome> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter().map(|part| match part {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    });
    let word = parts.next()??;
    let mut number = || {
        let text = parts.next()??;
        std::str::from_utf8(&text).ok()?.parse::<u64>().ok()
    };
    Some(match &word[..] {
        b"done" => Outcome::Done(number()?),
        b"repeated" => Outcome::Repeated(parts.next()??),
        b"claimed" => Outcome::Claimed,
        b"conflict" => Outcome::Conflict(usize::try_from(number()?).ok()?.checked_sub(1)?),
        b"damaged" => Outcome::Damaged(usize::try_from(number()?).ok()?.checked_sub(1)),
        b"stale" => Outcome::Unavailable,
        _ => return None,
    })
}

/// What waits, all together.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
}

/// One job's part of it.
#[derive(Debug)]
pub(super) struct Room {
    waiting: Arc<Waiting>,
    pub(super) bytes: usize,
}

impl Room {
    /// Takes room for so many bytes; `None` where there is not so much. Something always fits where
    /// nothing waits.
    pub(super) fn take(waiting: &Arc<Waiting>, bytes: usize) -> Option<Self> {
        let jobs = waiting.jobs.fetch_add(1, Ordering::Relaxed);
        let before = waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Gives it back, when it is dropped here, too.
        let room = Self { waiting: Arc::clone(waiting), bytes };
        let fits = before == 0 || before.saturating_add(bytes) <= QUEUE_BYTES;
        (jobs < QUEUE && fits).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.jobs.fetch_sub(1, Ordering::Relaxed);
        self.waiting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_much_waits() {
        let waiting = Arc::new(Waiting::default());
        let large = Room::take(&waiting, QUEUE_BYTES + 1).unwrap();
        assert!(Room::take(&waiting, 1).is_none());
        drop(large);
        let rooms: Vec<_> = (0..QUEUE).map(|_| Room::take(&waiting, 1).unwrap()).collect();
        assert!(Room::take(&waiting, 1).is_none());
        drop(rooms);
        assert!(Room::take(&waiting, QUEUE_BYTES).is_some());
    }

    #[test]
    fn answers_are_read_and_nonsense_is_none() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let read = |parts: &[&str]| outcome(Value::Array(parts.iter().map(|p| bulk(p)).collect()));
        assert_eq!(read(&["done", "7"]), Some(Outcome::Done(7)));
        assert_eq!(read(&["repeated", "row"]), Some(Outcome::Repeated("row".into())));
        assert_eq!(read(&["conflict", "1"]), Some(Outcome::Conflict(0)));
        assert_eq!(read(&["damaged", "0"]), Some(Outcome::Damaged(None)));
        assert_eq!(read(&["damaged", "2"]), Some(Outcome::Damaged(Some(1))));
        for nonsense in [&["done"][..], &["done", "x"], &["conflict", "0"], &["other"], &[]] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
        let refused = Value::Array(vec![bulk("error"), bulk("OOM no room")]);
        assert_eq!(said(refused), Said::Refused("OOM no room".to_owned()));
        assert_eq!(said(Value::Nil), Said::Nonsense);
    }
}
