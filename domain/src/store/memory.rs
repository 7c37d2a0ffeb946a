//! The store as a map: the model that backends are compared with, and what tests run on.

use std::{
    collections::BTreeMap,
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Change, Claim, Commit, Committed, Expect, Key, Record, Scan, Store, StoreError, StoreFuture,
};
use crate::{clock::Clock, publish::Outlet};

/// Keeps everything in memory. For tests: it forgets at its end, and nothing bounds it.
pub struct MemoryStore {
    outlet: Arc<dyn Outlet>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Key, (Record, Option<u64>)>,
    claims: BTreeMap<String, Claim>,
    version: u64,
}

impl MemoryStore {
    /// An empty store that hands its events to this outlet.
    pub fn new(outlet: Arc<dyn Outlet>, clock: Clock) -> Self {
        Self { outlet, clock, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, commit: Commit) -> Result<Committed, StoreError> {
        commit.check()?;
        let now = self.clock.unix_ms();
        let mut state = self.lock();
        if let Some(claim) = &commit.claim
            && let Some(known) = state.claims.get(&claim.key).filter(|c| c.expires_at > now)
        {
            return if known.fingerprint == claim.fingerprint {
                Ok(Committed::Repeated { answer: known.answer.clone() })
            } else {
                Err(StoreError::Claimed)
            };
        }
        for write in &commit.writes {
            let met = match (write.expect, state.live(&write.key, now)) {
                (Expect::Anything, _) | (Expect::Absent, None) => true,
                (Expect::Version(expected), Some(record)) => record.version == expected,
                (Expect::Absent | Expect::Version(_), _) => false,
            };
            if !met {
                return Err(StoreError::Conflict { key: write.key.clone() });
            }
        }
        state.version += 1;
        let version = state.version;
        for write in commit.writes {
            match write.change {
                Change::Keep => {}
                Change::Put { value, expires_at } => {
                    state.records.insert(write.key, (Record { version, value }, expires_at));
                }
                Change::Delete => {
                    state.records.remove(&write.key);
                }
            }
        }
        if let Some(claim) = commit.claim {
            state.claims.insert(claim.key.clone(), claim);
        }
        // Under the lock, so that events go out in the order of the commits.
        for event in commit.events {
            self.outlet.publish(event);
        }
        Ok(Committed::Done { version })
    }

    fn scan_now(&self, scan: &Scan) -> Vec<(Key, Record)> {
        let now = self.clock.unix_ms();
        let state = self.lock();
        let within = |key: &Key| {
            scan.prefix.holds(key)
                && scan.above.as_ref().is_none_or(|above| key > above)
                && scan.below.as_ref().is_none_or(|below| key < below)
        };
        let found = state
            .records
            .range(&scan.prefix..)
            .take_while(|(key, _)| **key == scan.prefix || scan.prefix.holds(key));
        let found = found.filter(|(key, _)| within(key));
        let found = found.filter(|(_, (_, expires))| expires.is_none_or(|at| at > now));
        let found = found.map(|(key, (record, _))| (key.clone(), record.clone()));
        if scan.backwards {
            let mut all: Vec<_> = found.collect();
            all.reverse();
            all.truncate(scan.limit);
            all
        } else {
            found.take(scan.limit).collect()
        }
    }
}

impl State {
    fn live(&self, key: &Key, now: u64) -> Option<&Record> {
        let (record, expires) = self.records.get(key)?;
        expires.is_none_or(|at| at > now).then_some(record)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>> {
        let found = self.lock().live(&key, self.clock.unix_ms()).cloned();
        Box::pin(ready(Ok(found)))
    }

    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>> {
        Box::pin(ready(Ok(self.scan_now(&scan))))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(ready(self.commit_now(commit)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
