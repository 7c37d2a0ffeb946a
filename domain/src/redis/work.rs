//! Batches: what waits goes in one pipeline, and is done once, whatever becomes of the connection.
//!
//! Each job has a place in a numbered batch of its writer. A lost connection leaves open what was done of
//! a batch; sent again under the same numbers, what was done is recognised, and the rest is done. The
//! next batch's number puts an end to whatever still lingers of this one. Order is kept: a copy of a batch
//! is in the batch's order, so whichever copy does a job, those before it are done.

use std::{collections::VecDeque, sync::Weak, time::Duration};

use ::redis::{Pipeline, Value};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Redis, Script,
    answer::is_not_now,
    job::{Job, Outcome, Said, What, said},
    link::Attempt,
    writer::{Inner, Writer, WriterOptions, commit_script},
};
use crate::{clock::Clock, settle::Settling};

/// Jobs of one pipeline.
const BATCH: usize = 512;
/// Bytes of one pipeline, about: a larger one only makes everybody wait.
const BATCH_BYTES: usize = 8 << 20;
/// Jobs of one command, and their bytes, about: Redis does nothing else while it does them.
const CHUNK: usize = 128;
const CHUNK_BYTES: usize = 256 << 10;
/// Keys of the script before those of claims.
const FIXED_KEYS: usize = 9;
/// Expired records that one pipeline removes along the way.
const SWEEP: usize = 64;
/// How long a job is tried that never got to Redis: a restart takes a fraction of it. Once Redis is
/// known to be away, not at all.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a job is tried that may have been done, to learn whether it was.
const PATIENCE_SENT: Duration = Duration::from_secs(6);
/// The time between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Does the jobs.
pub(super) struct Batches {
    redis: Redis,
    clock: Clock,
    script: Script,
    /// Who this writer is in Redis: a key of its own.
    key: String,
    /// The fixed arguments behind batch, time and sweep.
    fixed: Vec<String>,
    queue: mpsc::Receiver<Job>,
    /// Those that are not done yet, in order.
    current: VecDeque<Job>,
    batch: u64,
    places: u64,
    /// Redis could not be reached, for longer than anybody waits.
    away: bool,
}

impl Batches {
    pub(super) fn new(
        redis: Redis,
        options: &WriterOptions,
        clock: Clock,
        queue: mpsc::Receiver<Job>,
    ) -> Self {
        let keys = redis.keys();
        let fixed = vec![
            options.keep.as_millis().to_string(),
            options.entries_max.max(1).to_string(),
            if redis.is_cluster() { "SPUBLISH" } else { "PUBLISH" }.to_owned(),
            keys.bus().to_owned(),
            super::random_hex(),
        ];
        let key = keys.writer(&format!("{}{}", super::random_hex(), super::random_hex()));
        Self {
            script: commit_script(),
            redis,
            clock,
            key,
            fixed,
            queue,
            current: VecDeque::new(),
            batch: 0,
            places: 0,
            away: false,
        }
    }

    /// Works until the queue is closed and empty; `closing` ends when nothing more is taken.
    pub(super) async fn run(mut self, closing: oneshot::Receiver<()>) {
        tokio::pin!(closing);
        let mut closed_at = None;
        loop {
            if self.current.is_empty() {
                // Everything of the batch before is settled or given up: this ends it for good.
                self.batch += 1;
                self.places = 0;
                let next = tokio::select! {
                    next = self.queue.recv() => next,
                    _ = &mut closing, if closed_at.is_none() => {
                        closed_at = Some(Instant::now());
                        self.queue.close();
                        continue;
                    }
                };
                let Some(job) = next else { return };
                self.take(job);
            }
            while self.current.len() < BATCH
                && let Ok(job) = self.queue.try_recv()
            {
                self.take(job);
            }
            if !self.attempt().await {
                self.give_up(closed_at);
                self.pause(&mut closing, &mut closed_at).await;
            }
        }
    }

    fn take(&mut self, mut job: Job) {
        self.places += 1;
        (job.place, job.since) = (self.places, Instant::now());
        self.current.push_back(job);
    }

    /// Between two tries: what comes in the meantime waits for the next one.
    async fn pause(
        &mut self,
        closing: &mut (impl Future<Output = Result<(), oneshot::error::RecvError>> + Unpin),
        closed_at: &mut Option<Instant>,
    ) {
        let until = Instant::now() + PAUSE;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                Some(job) = self.queue.recv() => self.take(job),
                _ = &mut *closing, if closed_at.is_none() => {
                    *closed_at = Some(Instant::now());
                    self.queue.close();
                }
                else => {
                    tokio::time::sleep_until(until).await;
                    return;
                }
            }
        }
    }

    /// Sends what waits; whether the next try makes sense at once.
    async fn attempt(&mut self) -> bool {
        let (mut pipe, mut chunks, mut count, mut bytes) = (::redis::pipe(), Vec::new(), 0, 0);
        let mut chunk = Chunk::default();
        for job in &self.current {
            if count == BATCH || (count > 0 && bytes + job.room.bytes > BATCH_BYTES) {
                break;
            }
            count += 1;
            bytes += job.room.bytes;
            chunk.add(job);
            if chunk.jobs == CHUNK || chunk.bytes >= CHUNK_BYTES {
                chunks.push(self.write(&mut pipe, std::mem::take(&mut chunk), chunks.is_empty()));
            }
        }
        if chunk.jobs > 0 {
            chunks.push(self.write(&mut pipe, chunk, chunks.is_empty()));
        }
        match self.redis.attempt(&self.script, pipe.ignore_errors()).await {
            Ok(answers) => {
                self.away = false;
                let answers =
                    chunks.into_iter().zip(answers).flat_map(|(jobs, answer)| match answer {
                        Value::Array(answers) if answers.len() == jobs => answers,
                        other => vec![other; jobs],
                    });
                self.settle(answers.collect()).await
            }
            Err(Attempt::NotSent) => false,
            Err(Attempt::Unknown) => {
                let mut left = VecDeque::with_capacity(self.current.len());
                for (n, mut job) in self.current.drain(..).enumerate() {
                    job.sent |= n < count;
                    // A message that leaves no trace may have gone out: never twice.
                    if n < count && matches!(job.what, What::Message(_)) {
                        job.finish(Outcome::Unavailable);
                    } else {
                        left.push_back(job);
                    }
                }
                self.current = left;
                false
            }
        }
    }

    /// Adds a command for several jobs to the pipeline; how many they are.
    fn write(&self, pipe: &mut Pipeline, chunk: Chunk<'_>, first: bool) -> usize {
        let keys = self.redis.keys();
        let mut names = vec![
            self.key.as_str(),
            keys.version(),
            keys.records(),
            keys.index(),
            keys.expiries(),
            keys.number(),
            keys.log(),
            keys.marks(),
            keys.epoch(),
        ];
        names.extend(chunk.claims);
        let sweep = if first { SWEEP } else { 0 };
        let numbers = [self.batch.to_string(), self.clock.unix_ms().to_string(), sweep.to_string()];
        let (fixed, jobs) = (numbers.iter().chain(&self.fixed), chunk.jobs.to_string());
        let mut args: Vec<_> = fixed.map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect();
        args.push(jobs.into());
        args.extend(chunk.args);
        pipe.add_command(self.script.command(&names, &args));
        chunk.jobs
    }

    /// Tells everybody what became of the first ones; those that were not done stay. Whether the next try
    /// makes sense at once.
    async fn settle(&mut self, answers: Vec<Value>) -> bool {
        let (mut left, mut at_once, mut unknown) = (VecDeque::new(), true, false);
        let count = answers.len().min(self.current.len());
        for (job, answer) in self.current.drain(..count).zip(answers) {
            let refused = match answer {
                Value::ServerError(error) => {
                    let code = error.code().to_owned();
                    format!("{code} {}", error.details().unwrap_or_default())
                }
                answer => match said(answer) {
                    Said::Outcome(outcome) => {
                        job.finish(outcome);
                        continue;
                    }
                    Said::Refused(why) => why,
                    Said::Nonsense => "an answer that is none".to_owned(),
                },
            };
            // Before 7.0 the place in the script comes first.
            let mut words = refused.split([' ', '-']);
            let code = words.find(|word| *word == "NOSCRIPT" || is_not_now(word));
            match code {
                Some("NOSCRIPT") => {
                    unknown = true;
                    left.push_back(job);
                }
                Some(code) => {
                    tracing::debug!(code, "Redis takes no changes now");
                    at_once = false;
                    left.push_back(job);
                }
                None => {
                    tracing::error!(why = refused, "Redis refuses a change");
                    job.finish(Outcome::Unavailable);
                }
            }
        }
        while let Some(job) = left.pop_back() {
            self.current.push_front(job);
        }
        if unknown {
            // Somebody made Redis forget its scripts.
            let loaded = self.redis.query::<Value>(&self.script.load()).await;
            if let Err(error) = loaded {
                tracing::warn!(%error, "Redis does not take the script");
                return false;
            }
        }
        at_once
    }

    /// Answers those for whom it has taken too long. What nobody waits for stays, unless the end has come.
    fn give_up(&mut self, closed_at: Option<Instant>) {
        let ending = closed_at.is_some_and(|at| at.elapsed() >= PATIENCE_SENT);
        let (mut left, mut dropped) = (VecDeque::with_capacity(self.current.len()), 0_usize);
        for job in self.current.drain(..) {
            let patience = match job.sent {
                true => PATIENCE_SENT,
                false if self.away => Duration::ZERO,
                false => PATIENCE,
            };
            let over = job.since.elapsed() >= patience;
            let kept = job.answer.is_none() && matches!(job.what, What::Commit { .. });
            if ending || (over && !kept) {
                dropped += usize::from(job.answer.is_none());
                self.away |= !job.sent;
                job.finish(Outcome::Unavailable);
            } else {
                left.push_back(job);
            }
        }
        self.current = left;
        if dropped > 0 {
            tracing::warn!(dropped, "events were not published, Redis is away");
        }
    }
}

/// Jobs that go in one command: Redis syncs its file once for all of them.
#[derive(Default)]
struct Chunk<'a> {
    jobs: usize,
    bytes: usize,
    claims: Vec<&'a str>,
    args: Vec<Bytes>,
}

impl<'a> Chunk<'a> {
    fn add(&mut self, job: &'a Job) {
        self.jobs += 1;
        self.bytes += job.room.bytes;
        match &job.what {
            What::Message(message) => {
                self.args.extend([2.to_string().into(), Bytes::from_static(b"m"), message.clone()]);
            }
            What::Commit { claim, args } => {
                self.claims.extend(claim.as_deref());
                // Any key at all where there is no claim: it is not looked at.
                let claim_key = FIXED_KEYS + self.claims.len();
                self.args.extend([
                    (3 + args.len()).to_string().into(),
                    Bytes::from_static(b"c"),
                    job.place.to_string().into(),
                    claim_key.to_string().into(),
                ]);
                self.args.extend(args.iter().cloned());
            }
        }
    }
}

/// Sends events once their state has settled.
pub(super) struct Settler {
    writer: Weak<Inner>,
    settling: Settling,
    begun: mpsc::Receiver<String>,
}

impl Settler {
    pub(super) fn new(
        writer: Weak<Inner>,
        settling: Settling,
        begun: mpsc::Receiver<String>,
    ) -> Self {
        Self { writer, settling, begun }
    }

    /// Until `stop`, when all that waits is sent, or until every writer is gone.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let (stopped, stopping) = watch::channel(false);
        let mut waits = FuturesUnordered::new();
        tokio::pin!(stop);
        let mut open = true;
        while open || !waits.is_empty() {
            tokio::select! {
                key = self.begun.recv(), if open => match key {
                    Some(key) => {
                        let mut stopping = stopping.clone();
                        let stopped = async move {
                            // Only fails where the sender below is gone, which is an end too.
                            let _ = stopping.wait_for(|stopped| *stopped).await;
                        };
                        waits.push(self.settling.clone().wait(key, stopped));
                    }
                    None => {
                        open = false;
                        let _ = stopped.send(true);
                    }
                },
                Some(event) = waits.next() => {
                    if let (Some(event), Some(inner)) = (event, self.writer.upgrade()) {
                        let writer = Writer::from(inner);
                        let sealed = writer.seal(&event).await;
                        if writer.enqueue(sealed).is_err() {
                            tracing::warn!(event = event.event, "no room for an event");
                        }
                    }
                }
                () = &mut stop, if !*stopping.borrow() => {
                    let _ = stopped.send(true);
                    self.begun.close();
                }
            }
        }
    }
}
