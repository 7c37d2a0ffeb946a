//! From the disk to the bus: oldest first, again and again until the bus has taken it.

use std::{sync::atomic::Ordering, time::Duration};

use crier_domain::{
    BusError, Publish, Store,
    store::{Commit, Expect, Key, Record, Scan, StoreError, Write},
};
use tokio_util::sync::CancellationToken;

use super::{Outbox, PAGE, WAITING, number_of, row};

/// Between two tries while the bus is away: from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Events that were refused for good, for people to look at.
const DEAD: &str = "dead";

/// How long they are kept: a week.
const DEAD_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// A row and the event in it; `None` = it cannot be read.
type Waiting = (Key, Record, Option<Publish>);

/// How one page went.
enum Page {
    Empty,
    Delivered,
    Away(Duration),
}

impl Outbox {
    /// Delivers what waits, and what will, until `stop`. To be run once. A page that is under way is
    /// finished; what is left waits for the next run.
    pub async fn relay(self, stop: CancellationToken) {
        let mut pause = PAUSES.0;
        loop {
            let filled = self.0.filled.notified();
            let wait = match self.deliver_page().await {
                Page::Empty => None,
                Page::Delivered => {
                    pause = PAUSES.0;
                    Some(Duration::ZERO)
                }
                Page::Away(after) => {
                    let wait = pause.max(after.min(PAUSES.1));
                    pause = (pause * 2).min(PAUSES.1);
                    Some(wait)
                }
            };
            let rest = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => filled.await,
                }
            };
            if stop.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    /// One page, from the oldest on.
    async fn deliver_page(&self) -> Page {
        let rows = match self.0.store.scan(Scan::of(Key::of(WAITING), PAGE)).await {
            Ok(rows) if rows.is_empty() => return Page::Empty,
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read now");
                return Page::Away(PAUSES.1);
            }
        };
        let read = |(key, record): (Key, Record)| {
            let event = row::read(&record.value, &self.0.limits).ok();
            (key, record, event)
        };
        let waiting: Vec<Waiting> = rows.into_iter().map(read).collect();
        let events = waiting.iter().filter_map(|(_, _, event)| event.clone()).collect();
        let mut outcomes = self.0.bus.publish_all(events).await.into_iter();
        let (mut done, mut away) = (Vec::new(), None);
        for (key, record, event) in waiting {
            let outcome = match &event {
                Some(_) => outcomes.next(),
                None => Some(Err(BusError::Conflict)),
            };
            match outcome {
                Some(Ok(_)) => done.push((key, record, false)),
                Some(Err(BusError::Conflict)) => done.push((key, record, true)),
                Some(Err(
                    BusError::Unavailable { retry_after } | BusError::Overloaded { retry_after },
                )) => {
                    away = Some(retry_after);
                    break;
                }
                None => break,
            }
        }
        if let Err(error) = self.take_out(&done).await {
            // They are published again under their ids, which changes nothing.
            tracing::warn!(%error, "what was delivered stays in the outbox for now");
            return Page::Away(PAUSES.1);
        }
        match away {
            Some(after) => Page::Away(after),
            None => Page::Delivered,
        }
    }

    /// Removes rows that have their end; those that the bus refused are kept apart.
    async fn take_out(&self, done: &[(Key, Record, bool)]) -> Result<(), StoreError> {
        if done.is_empty() {
            return Ok(());
        }
        let until = self.0.clock.unix_ms().saturating_add(DEAD_KEPT_MS);
        let mut commit = Commit::default();
        for (key, record, is_dead) in done {
            commit.writes.push(Write::delete(key.clone(), Expect::Anything));
            if *is_dead {
                let dead = Key::of(DEAD).number(number_of(key).unwrap_or_default());
                let value = record.value.clone();
                commit.writes.push(Write::put_until(dead, Expect::Anything, value, until));
            }
        }
        self.0.store.commit(commit).await?;
        for (key, record, is_dead) in done {
            self.forget(record.value.len());
            if *is_dead {
                self.0.dead.fetch_add(1, Ordering::AcqRel);
                let number = number_of(key);
                tracing::error!(number, "an event of the outbox was refused and is set aside");
            }
        }
        Ok(())
    }
}
