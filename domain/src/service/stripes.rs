//! Whoever wants to change the same record waits in this process, instead of losing a race in the
//! store and trying again.
//!
//! This makes hot records cheap, not safe: another replica has locks of its own, and it is the
//! versions of a commit that keep both right.

use std::{collections::BTreeSet, fmt, hash::BuildHasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::store::Key;

/// Locks, fewer than there are records: two records may share one.
pub(super) struct Stripes {
    locks: Box<[Mutex<()>]>,
    hasher: std::hash::RandomState,
}

/// What is held; others go on once it is dropped.
#[must_use = "dropped, it locks nothing"]
pub(super) struct Held<'a> {
    _guards: Vec<MutexGuard<'a, ()>>,
}

/// 256: with a hundred orders at work, few wait for one that has nothing to do with theirs.
const STRIPES: usize = 256;

impl Default for Stripes {
    fn default() -> Self {
        let locks = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { locks, hasher: std::hash::RandomState::new() }
    }
}

impl Stripes {
    /// Waits until nobody else is at work on any of these records.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets go of what it had got.
    pub(super) async fn hold<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Held<'_> {
        // Each once and in one order, so that no two callers wait for each other.
        let stripes: BTreeSet<usize> = keys.into_iter().map(|key| self.stripe(key)).collect();
        let mut guards = Vec::with_capacity(stripes.len());
        for lock in stripes.into_iter().filter_map(|stripe| self.locks.get(stripe)) {
            guards.push(lock.lock().await);
        }
        Held { _guards: guards }
    }

    fn stripe(&self, key: &Key) -> usize {
        // A remainder of 256 fits.
        usize::try_from(self.hasher.hash_one(key) % STRIPES as u64).unwrap_or_default()
    }
}

impl fmt::Debug for Stripes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripes").finish_non_exhaustive()
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}
