//! One replica follows the log: hears what is said, notices what is missing, and fetches it.
//!
//! ```text
//!   listen ─▶ greet ─┬─ same epoch ───────▶ read what is new ─▶ live ─┬─ next number ─▶ take
//!      ▲             ├─ first time ───────▶ read the window           ├─ a gap, a tick from ahead ─▶ read
//!      │             └─ another epoch ────▶ begin again               ├─ a tick of another epoch, overflow ─▶ greet
//!      └───────────── connection lost, or my own tick does not come back ◀┘
//! ```
//!
//! The order of the two first steps matters: what is published between them is heard, and what was before
//! is read; what is both is dropped by its number.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Away, SharedLog,
    wire::{Greeting, Heard, Record, Said, Seen},
};
use crate::{adapter::BoxFuture, io::random, metrics, recovery::Epoch};

/// So long without a tick of anybody, and this replica says one: a lost end of the log is noticed by
/// everybody within this.
const QUIET: Duration = Duration::from_millis(250);

/// Each replica says one at least so often: it shows that its own way to everybody works.
const OWN: Duration = Duration::from_secs(1);

/// A tick of ours that has not come back by then never will.
const CANARY: Duration = Duration::from_secs(2);

/// Between two attempts to listen: doubled from the one to the other.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// When ticks are due.
struct Beat {
    /// Different on every replica, so that they do not all speak at once.
    quiet: Duration,
    heard: Instant,
    /// `None` before the first, which is due at once.
    sent: Option<Instant>,
    /// Since when a tick of ours is under way.
    owed: Option<Instant>,
}

impl Beat {
    fn new(now: Instant) -> Self {
        let [jitter] = random::<1>();
        let quiet = QUIET + Duration::from_micros(u64::from(jitter) * 200);
        Self { quiet, heard: now, sent: None, owed: None }
    }

    fn due(&self) -> Instant {
        let due = |sent| (self.heard.max(sent) + self.quiet).min(sent + OWN);
        self.sent.map_or(self.heard, due)
    }

    fn too_late(&self) -> Option<Instant> {
        self.owed.map(|since| since + CANARY)
    }

    fn send(&mut self, now: Instant) {
        self.sent = Some(now);
        self.owed.get_or_insert(now);
    }

    fn hear(&mut self, mine: bool, now: Instant) {
        self.heard = now;
        if mine {
            self.owed = None;
        }
    }
}

impl SharedLog {
    /// Follows for ever. One task does this.
    pub(crate) async fn follow(&self) {
        let mut pause = PAUSE.0;
        loop {
            let began = Instant::now();
            let Err(Away) = self.follow_one_connection().await;
            if self.healthy.send_replace(false) {
                tracing::warn!("the log cannot be followed now");
            }
            metrics::log_followed(false);
            if began.elapsed() > PAUSE.1 {
                pause = PAUSE.0;
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE.1);
        }
    }

    async fn follow_one_connection(&self) -> Result<std::convert::Infallible, Away> {
        let mut ear = self.wire.listen().await?;
        self.catch_up().await?;
        let mut beat = Beat::new(Instant::now());
        let mut ticking: Option<BoxFuture<'_, Result<(Epoch, u64), Away>>> = None;
        loop {
            let (is_ticking, late) = (ticking.is_some(), beat.too_late());
            tokio::select! {
                heard = ear.hear() => self.hear(heard.ok_or(Away)?, &mut beat).await?,
                told = answered(&mut ticking) => {
                    ticking = None;
                    // Where it cannot be told, the canary notices.
                    if let Ok((epoch, _)) = told && epoch != self.ages(|ages| ages.epoch()) {
                        self.catch_up().await?;
                    }
                }
                () = sleep_until(beat.due()), if !is_ticking => {
                    beat.send(Instant::now());
                    ticking = Some(self.wire.tick());
                }
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    return Err(Away);
                }
            }
        }
    }

    async fn hear(&self, heard: Heard, beat: &mut Beat) -> Result<(), Away> {
        if heard.lost {
            metrics::gap("overflow");
            self.catch_up().await?;
        }
        match heard.said {
            Said::Logged(record) => {
                let head = self.head();
                if record.number > head + 1 {
                    metrics::gap("number");
                    self.fill(record.number - 1).await?;
                }
                if record.number == self.head() + 1 {
                    self.take(record, None);
                }
            }
            Said::Ephemeral(body) => {
                let event = super::read(&body);
                if let Some(carried) = event.and_then(|event| self.unpack(event)) {
                    self.pass(carried);
                }
            }
            Said::Tick { epoch, number, mine } => {
                beat.hear(mine, Instant::now());
                if mine {
                    self.come_through();
                }
                if epoch != self.ages(|ages| ages.epoch()) {
                    self.catch_up().await?;
                } else if number > self.head() {
                    // Whatever was published before the tick was said before it.
                    metrics::gap("tick");
                    self.fill(number).await?;
                }
            }
            // Nobody is let in meanwhile, who would be overtaken halfway.
            Said::Kick { pid, generation } => {
                self.line.in_order(&mut || self.above.kicked(&pid, generation));
            }
            Said::Foreign => metrics::foreign(),
        }
        Ok(())
    }

    /// A tick of ours has come back: whatever is published here gets everywhere.
    fn come_through(&self) {
        if !self.healthy.send_replace(true) {
            tracing::info!("the log is followed");
        }
        metrics::log_followed(true);
    }

    /// The newest number that was taken.
    fn head(&self) -> u64 {
        self.seen().map_or(0, |seen| seen.number)
    }

    /// Takes everything that is there and was not heard.
    async fn catch_up(&self) -> Result<(), Away> {
        let seen = self.seen();
        let greeting = self.wire.greet(seen).await?;
        match seen {
            None => self.begin(&greeting).await?,
            Some(seen) if seen.epoch != greeting.epoch => self.begin_again(seen, &greeting).await?,
            Some(_) => {}
        }
        self.fill(greeting.head).await
    }

    /// The first time: what there is was delivered elsewhere, and is kept for those who come back here.
    async fn begin(&self, greeting: &Greeting) -> Result<(), Away> {
        let Greeting { epoch, head, oldest, now, .. } = *greeting;
        let start = Instant::now();
        self.live(|life| life.ages.begin(epoch));
        let mut from = oldest.saturating_sub(1).min(head);
        self.restart(epoch, from, head);
        while from < head {
            let records = self.wire.read(from).await?;
            let Some(last) = records.last().map(|record| record.number) else { break };
            for record in records.into_iter().filter(|record| record.number <= head) {
                if record.number > from + 1 {
                    // Trimmed meanwhile.
                    self.restart(epoch, record.number - 1, head);
                }
                from = record.number;
                let age = Duration::from_millis(now.saturating_sub(record.time));
                self.take(record, Some(start.checked_sub(age).unwrap_or(start)));
            }
            from = from.max(last);
        }
        if self.head() < head {
            self.restart(epoch, head, head);
        }
        Ok(())
    }

    /// The log has begun a new life: it may have lost what was delivered here, and may have what was not.
    async fn begin_again(&self, seen: Seen, greeting: &Greeting) -> Result<(), Away> {
        let from =
            if greeting.same { seen.number } else { self.newest_of_before(seen, greeting).await? };
        tracing::warn!(from, head = greeting.head, "the log has a new epoch");
        self.live(|life| life.ages.begin(greeting.epoch));
        self.restart(greeting.epoch, from, from);
        if greeting.same {
            self.live(|life| life.seen = Some(Seen { epoch: greeting.epoch, ..seen }));
        }
        self.above.renewed();
        Ok(())
    }

    /// Where events were lost, those that are newer than what was seen last are new.
    async fn newest_of_before(&self, seen: Seen, greeting: &Greeting) -> Result<u64, Away> {
        let mut before = greeting.oldest.saturating_sub(1).min(greeting.head);
        while before < greeting.head {
            let records = self.wire.read(before).await?;
            if records.is_empty() {
                break;
            }
            for Record { number, time, .. } in records {
                if time > seen.time {
                    return Ok(number - 1);
                }
                before = number;
            }
        }
        Ok(before)
    }

    /// Reads what is missing up to a number, and takes it in order. What is heard meanwhile waits.
    async fn fill(&self, to: u64) -> Result<(), Away> {
        while self.head() < to {
            let records = self.wire.read(self.head()).await?;
            if records.is_empty() {
                self.jump(to);
                return Ok(());
            }
            metrics::filled(records.len());
            for record in records {
                let head = self.head();
                if record.number > head + 1 {
                    self.jump(record.number - 1);
                }
                if record.number > head {
                    self.take(record, None);
                }
            }
        }
        Ok(())
    }

    /// Events are gone before they were had: who is connected begins anew, and is told so.
    fn jump(&self, to: u64) {
        metrics::gap("lost");
        tracing::error!(after = self.head(), to, "events were trimmed before they were had here");
        let epoch = self.ages(|ages| ages.epoch());
        self.above.holed();
        self.restart(epoch, to, to);
    }

    /// Begins the line anew after a number, with everything up to `complete` delivered.
    fn restart(&self, epoch: Epoch, from: u64, complete: u64) {
        let (from_id, complete) = self.ages(|ages| (ages.id(from), ages.id(complete)));
        self.line.restart(from_id, complete);
        self.live(|life| life.seen = Some(Seen { epoch, number: from, time: 0 }));
        self.appended.notify_waiters();
    }
}

/// The answer to a tick; never, where none is under way.
async fn answered<T>(ticking: &mut Option<BoxFuture<'_, T>>) -> T {
    match ticking {
        Some(ticking) => ticking.as_mut().await,
        None => std::future::pending().await,
    }
}
