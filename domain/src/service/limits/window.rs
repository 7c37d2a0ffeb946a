//! How often something was done in the last minute.
//!
//! ```text
//!      ◀────────────── 60 s ──────────────▶ now
//!   ─×─┼──×──────×××────────×──────────────┼▶      never more than the limit between the two lines,
//!      └ the oldest leaves here: as long as this one waits      wherever they stand
//! ```

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

/// How long something counts.
const WINDOW_MS: u64 = 60_000;

/// Moments that a window remembers at most. Up to this limit each doing has its own, so that the window
/// is exact; above it, those of about a second share the last one's, so that some count up to a
/// second longer, and none shorter.
const MOMENTS: u32 = 60;

/// What one person did of one kind in the last minute. At most [`MOMENTS`] + 1 pairs of 16 bytes.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When, and how often, the oldest first.
    done: VecDeque<(u64, u32)>,
}

impl Window {
    /// How long one more has to wait; `None` where it need not.
    pub(super) fn wait(&mut self, limit: NonZeroU32, now: u64) -> Option<Duration> {
        while self.done.front().is_some_and(|(at, _)| has_left(*at, now)) {
            self.done.pop_front();
        }
        let count: u32 = self.done.iter().map(|(_, count)| *count).sum();
        let (oldest, _) = self.done.front().filter(|_| count >= limit.get())?;
        Some(Duration::from_millis((oldest + WINDOW_MS).saturating_sub(now)))
    }

    /// Counts one, for which [`Window::wait`] found no need to wait.
    pub(super) fn count(&mut self, limit: NonZeroU32, now: u64) {
        let grain = if limit.get() <= MOMENTS { 1 } else { WINDOW_MS / u64::from(MOMENTS) };
        match self.done.back_mut() {
            Some((at, count)) if *at / grain == now / grain => (*at, *count) = (now, *count + 1),
            _ => self.done.push_back((now, 1)),
        }
    }

    /// Whether nothing is in it any more.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        self.done.back().is_none_or(|(at, _)| has_left(*at, now))
    }
}

fn has_left(at: u64, now: u64) -> bool {
    at + WINDOW_MS <= now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts one where it may be, or says how long it has to wait.
    fn take(window: &mut Window, limit: u32, now: u64) -> Result<(), u64> {
        let limit = NonZeroU32::new(limit).unwrap();
        match window.wait(limit, now) {
            None => {
                window.count(limit, now);
                Ok(())
            }
            Some(wait) => Err(wait.as_millis().try_into().unwrap()),
        }
    }

    #[test]
    fn one_too_many_waits_until_the_oldest_leaves() {
        let mut window = Window::default();
        // One a second, three are allowed.
        for (now, expected) in [
            (0, Ok(())),
            (1_000, Ok(())),
            (2_000, Ok(())),
            // A bucket that fills again would have let this one through.
            (21_000, Err(39_000)),
            (59_999, Err(1)),
            (60_000, Ok(())),
            (60_000, Err(1_000)),
            (61_000, Ok(())),
            (200_000, Ok(())),
        ] {
            assert_eq!(take(&mut window, 3, now), expected, "at {now}");
        }
        assert!(!window.is_idle(259_999));
        assert!(window.is_idle(260_000));
    }

    proptest! {
        #[test]
        fn no_60_seconds_hold_more_than_the_limit_and_little_less_is_let_through(
            limit in prop_oneof![1_u32..30, 55..70_u32, 200..400_u32],
            steps in prop::collection::vec(prop_oneof![0_u64..5, 0..900_u64, 0..30_000_u64], 1..600),
        ) {
            let (mut window, mut taken, mut now) = (Window::default(), Vec::<u64>::new(), 0);
            for step in steps {
                now += step;
                let within = |ms: u64| taken.iter().filter(|at| *at + ms > now).count();
                let (strict, long) = (within(WINDOW_MS), within(WINDOW_MS + 1_000));
                let limit_len = usize::try_from(limit).unwrap();
                match take(&mut window, limit, now) {
                    Ok(()) => {
                        prop_assert!(strict < limit_len);
                        taken.push(now);
                    }
                    Err(wait) => {
                        prop_assert!((1..=WINDOW_MS).contains(&wait));
                        let counted = if limit <= MOMENTS { strict } else { long };
                        prop_assert!(counted >= limit_len);
                    }
                }
                prop_assert!(window.done.len() <= usize::try_from(MOMENTS).unwrap() + 1);
            }
        }
    }
}
