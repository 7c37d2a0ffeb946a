//! Batches: what waits goes in one pipeline, and is done once, whatever becomes of the connection.
//!
//! Each job has a place in a numbered batch of its writer. A lost connection leaves open what was done of
//! a batch; sent again under the same numbers, what was done is recognised, and the rest is done. The
//! next batch's number puts an end to whatever still lingers of this one. Order is kept: a copy of a batch
//! is in the batch's order, so whichever copy does a job, those before it are done.

use std::{collections::VecDeque, sync::Weak, time::Duration};

use ::redis::{Pipeline, Value};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Redis, Script,
    answer::is_not_now,
    job::{Job, Outcome, What, outcome},
    link::Attempt,
    writer::{Inner, Writer, WriterOptions, commit_script},
};
use crate::{clock::Clock, settle::Settling};

/// Jobs of one pipeline.
const BATCH: usize = 512;
/// Bytes of one pipeline, about: a larger one only makes everybody wait.
const BATCH_BYTES: usize = 8 << 20;
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
    /// The fixed arguments behind batch, place, time and sweep.
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

    /// Sends what waits; whether Redis answered.
    async fn attempt(&mut self) -> bool {
        let (mut pipe, mut count, mut bytes) = (::redis::pipe(), 0, 0);
        for job in &self.current {
            if count == BATCH || (count > 0 && bytes + job.room.bytes > BATCH_BYTES) {
                break;
            }
            let sweep = if count == 0 { SWEEP } else { 0 };
            self.write(&mut pipe, job, sweep);
            count += 1;
            bytes += job.room.bytes;
        }
        match self.redis.attempt(&self.script, pipe.ignore_errors()).await {
            Ok(answers) => {
                self.away = false;
                self.settle(count, answers).await
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

    fn write(&self, pipe: &mut Pipeline, job: &Job, sweep: usize) {
        let keys = self.redis.keys();
        match &job.what {
            What::Message(message) => {
                let command = self.fixed.get(2).map_or("PUBLISH", String::as_str);
                pipe.cmd(command).arg(keys.bus()).arg(&message[..]);
            }
            What::Commit { claim, args } => {
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
                names.extend(claim.as_deref());
                let numbers = [
                    self.batch.to_string(),
                    job.place.to_string(),
                    self.clock.unix_ms().to_string(),
                    sweep.to_string(),
                ];
                let fixed = numbers.iter().chain(&self.fixed).map(String::as_bytes);
                let args: Vec<_> = fixed.chain(args.iter().map(|arg| &arg[..])).collect();
                pipe.add_command(self.script.command(&names, &args));
            }
        }
    }

    /// Tells everybody what became of the first `count`; those that were not done stay. Whether the next
    /// try makes sense at once.
    async fn settle(&mut self, count: usize, answers: Vec<Value>) -> bool {
        let mut answers = answers.into_iter();
        let (mut left, mut at_once, mut unknown) = (VecDeque::new(), true, false);
        for job in self.current.drain(..count.min(self.current.len())) {
            match (answers.next(), &job.what) {
                (Some(Value::ServerError(error)), _) if error.code() == "NOSCRIPT" => {
                    unknown = true;
                    left.push_back(job);
                }
                (Some(Value::ServerError(error)), _) if is_not_now(error.code()) => {
                    tracing::debug!(code = error.code(), "Redis takes no changes now");
                    at_once = false;
                    left.push_back(job);
                }
                (Some(Value::ServerError(error)), _) => {
                    let (code, why) = (error.code(), error.details().unwrap_or_default());
                    tracing::error!(code, why, "Redis refuses a change");
                    job.finish(Outcome::Unavailable);
                }
                (Some(_), What::Message(_)) => job.finish(Outcome::Done(0)),
                (answer, What::Commit { .. }) => {
                    let outcome = answer.and_then(outcome);
                    if outcome.is_none() {
                        tracing::error!("Redis gave an answer that is none");
                    }
                    job.finish(outcome.unwrap_or(Outcome::Unavailable));
                }
                (None, What::Message(_)) => job.finish(Outcome::Unavailable),
            }
        }
        while let Some(job) = left.pop_back() {
            self.current.push_front(job);
        }
        if unknown {
            // Redis was started again, or is another one.
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
