//! How many control frames a peer may send.

use std::time::{Duration, Instant};

/// A token bucket that refills at a rate and holds twice what a second brings: the second's share
/// and a burst of as many again.
///
/// Kept as the moment at which it would be full again (the generic cell rate algorithm), so that
/// an idle connection pays for one instant, not for a count too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_second: u32,
    full_at: Option<Instant>,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, full_at: None }
    }

    /// Takes one; false when the bucket is empty.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let Some(one) = Duration::from_secs(1).checked_div(self.per_second) else {
            return false;
        };
        let busy_until = self.full_at.map_or(now, |at| at.max(now));
        let Some(full_at) = busy_until.checked_add(one) else {
            return false;
        };
        let allowed = full_at.saturating_duration_since(now) <= CAPACITY;
        if allowed {
            self.full_at = Some(full_at);
        }
        allowed
    }

    /// How many are let through in a second, sustained.
    pub(super) fn per_second(&self) -> u32 {
        self.per_second
    }
}

/// What a full bucket holds, in time at the sustained rate.
const CAPACITY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::assembler::tests::start;

    #[test]
    fn a_burst_of_twice_the_rate_and_then_the_rate() {
        let mut rate = Rate::new(10);
        let mut now = start();
        assert_eq!((0..50).filter(|_| rate.take(now)).count(), 20);
        for _ in 0..5 {
            now += Duration::from_secs(1);
            assert_eq!((0..50).filter(|_| rate.take(now)).count(), 10);
        }
        now += Duration::from_secs(3600);
        assert_eq!((0..50).filter(|_| rate.take(now)).count(), 20);
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through() {
        assert!(!Rate::new(0).take(start()));
    }
}
