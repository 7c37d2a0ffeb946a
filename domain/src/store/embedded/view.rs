//! Reading: from the state after the last commit, which the writer puts here.
//!
//! Reads run where they are called, on the runtime's own threads. What they touch is in redb's cache or
//! in the system's page cache, some microseconds away, which a hop to another thread and back would
//! cost several times over; and they take no lock that a commit holds while it waits for the disk,
//! since nobody begins a transaction but the writer. A long scan gives way between its chunks.

use std::{
    collections::HashSet,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase, StorageError};

use super::{row::RecordRow, schema::RECORDS};
use crate::store::{Key, Record, Scan, StoreError};

/// When a next try makes sense after the file could not be used.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) const UNAVAILABLE: StoreError = StoreError::Unavailable { retry_after: RETRY_AFTER };

/// Rows that are looked at between two chances for others to run.
const CHUNK: usize = 128;

/// Damaged rows that are told of; a file with more of them is told of enough.
const TOLD_MAX: usize = 1_000;

/// What readers see.
#[derive(Debug, Default)]
pub(super) struct View {
    /// `None` while the file cannot be used.
    now: RwLock<Option<Arc<Snapshot>>>,
    told: Mutex<HashSet<Vec<u8>>>,
}

/// The state after one commit.
struct Snapshot {
    records: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl View {
    /// Shows what is committed by now.
    pub(super) fn show(&self, database: &Database) -> Result<(), redb::Error> {
        let records = database.begin_read()?.open_table(RECORDS)?;
        self.set(Some(Arc::new(Snapshot { records })));
        Ok(())
    }

    /// Shows nothing: reads are refused.
    pub(super) fn hide(&self) {
        self.set(None);
    }

    fn set(&self, snapshot: Option<Arc<Snapshot>>) {
        let old = {
            let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, snapshot)
        };
        // Its end is work of redb's, and not done under our lock.
        drop(old);
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone().ok_or(UNAVAILABLE)
    }

    pub(super) fn get(&self, key: &Key, now: u64) -> Result<Option<Record>, StoreError> {
        let snapshot = self.snapshot()?;
        let Some(row) = snapshot.records.get(key.as_bytes()).map_err(failed)? else {
            return Ok(None);
        };
        match RecordRow::decode(key.as_bytes(), row.value()) {
            Ok(row) => Ok(row.is_live(now).then(|| record(&row))),
            Err(_) => {
                self.tell_damaged(key.as_bytes());
                Err(StoreError::Damaged)
            }
        }
    }

    /// # Cancel safety
    ///
    /// It only reads.
    pub(super) async fn scan(
        &self,
        scan: &Scan,
        now: u64,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let snapshot = self.snapshot()?;
        let mut found = Vec::with_capacity(scan.limit.min(CHUNK));
        let mut range = Some(Range::of(scan));
        while let Some(rest) = range.take().filter(|rest| !rest.is_empty()) {
            range = self.chunk(&snapshot, scan, rest, now, &mut found)?;
            if range.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(found)
    }

    /// Looks at some rows; what is left to look at, if anything.
    fn chunk(
        &self,
        snapshot: &Snapshot,
        scan: &Scan,
        range: Range,
        now: u64,
        found: &mut Vec<(Key, Record)>,
    ) -> Result<Option<Range>, StoreError> {
        let mut rows = snapshot.records.range::<&[u8]>(range.bounds()).map_err(failed)?;
        let mut last = Vec::new();
        for _ in 0..CHUNK {
            if found.len() >= scan.limit {
                return Ok(None);
            }
            let next = if scan.backwards { rows.next_back() } else { rows.next() };
            let Some(row) = next else {
                return Ok(None);
            };
            let (key, row) = row.map_err(failed)?;
            last.clear();
            last.extend_from_slice(key.value());
            match RecordRow::decode(key.value(), row.value()) {
                Ok(row) if row.is_live(now) => {
                    found.push((Key::from_bytes(key.value()), record(&row)));
                }
                Ok(_) => {}
                // One bad row does not take its neighbours along.
                Err(_) => self.tell_damaged(key.value()),
            }
        }
        let (low, high) = (range.low, range.high);
        Ok(Some(match scan.backwards {
            true => Range { low, high: Bound::Excluded(last) },
            false => Range { low: Bound::Excluded(last), high },
        }))
    }

    /// Logs that a row cannot be read, once for each.
    pub(super) fn tell_damaged(&self, key: &[u8]) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(key.to_owned()) {
            tracing::error!(
                key = %key.escape_ascii(),
                "a stored row is damaged; it is left as it is, and treated as unreadable"
            );
        }
    }
}

/// Keys between two bounds.
#[derive(Debug)]
struct Range {
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl Range {
    fn of(scan: &Scan) -> Self {
        let prefix = scan.prefix.as_bytes();
        let above = scan.above.as_ref().map_or(prefix, |above| above.as_bytes().max(prefix));
        let behind = behind(prefix);
        let below = scan.below.as_ref().map(|below| below.as_bytes().to_owned());
        let high = match (below, behind) {
            (Some(below), Some(behind)) => Some(below.min(behind)),
            (below, behind) => below.or(behind),
        };
        let high = high.map_or(Bound::Unbounded, Bound::Excluded);
        Self { low: Bound::Excluded(above.to_owned()), high }
    }

    /// Nothing can be between them; redb is not asked for such a range.
    fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
            _ => false,
        }
    }

    fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        fn part(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
            bound.as_ref().map(Vec::as_slice)
        }
        (part(&self.low), part(&self.high))
    }
}

/// The first key that is behind all that begin with this one; `None` where there is no such key.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut behind = prefix.get(..=last)?.to_owned();
    *behind.last_mut()? += 1;
    Some(behind)
}

fn record(row: &RecordRow<'_>) -> Record {
    Record { version: row.version, value: Bytes::copy_from_slice(row.value) }
}

/// What a failure of the file means for a reader. The writer meets it too, and sees to the file.
pub(super) fn failed(error: StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(what) => {
            tracing::error!(what, "the store's file is damaged");
            StoreError::Damaged
        }
        _ => UNAVAILABLE,
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_prefix() {
        for (prefix, expected) in [
            (&b"a"[..], Some(&b"b"[..])),
            (b"ab", Some(b"ac")),
            (b"a\xff", Some(b"b")),
            (b"\xff\xff", None),
            (b"", None),
        ] {
            assert_eq!(behind(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
