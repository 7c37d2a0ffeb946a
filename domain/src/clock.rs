//! The time of day, as something that a test can set.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::time::{Timestamp, unix_ms};

/// Tells the time of day. Cheap to clone.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands, at this many milliseconds since 1970, until it is moved.
    pub fn standing_at(unix_ms: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(unix_ms))))
    }

    /// Moves a standing clock and all of its clones; the system's clock goes by itself.
    pub fn advance(&self, ms: u64) {
        if let Some(standing) = &self.0 {
            standing.fetch_add(ms, Ordering::Relaxed);
        }
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        self.0.as_ref().map_or_else(unix_ms, |standing| standing.load(Ordering::Relaxed))
    }

    /// Milliseconds since some moment in the past, which only grow: for how long something lasts. Of a
    /// clock that stands, the same as the time of day; of the system's, whatever is done to that.
    pub fn steady_ms(&self) -> u64 {
        self.0.as_ref().map_or_else(
            || u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX),
            |standing| standing.load(Ordering::Relaxed),
        )
    }

    /// The present as ISO-8601.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.unix_ms())
    }
}

/// What the system's clock counts its steady time from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(standing)" } else { "Clock(system)" })
    }
}
