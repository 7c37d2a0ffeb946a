//! The time of day, as something that a test can set.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
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

    /// The present as ISO-8601.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.unix_ms())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(standing)" } else { "Clock(system)" })
    }
}
