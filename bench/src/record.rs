//! What came, in which order, and how long it took.

use std::{collections::BTreeSet, time::Duration};

use hdrhistogram::Histogram;

/// The numbered events of one receiver, 0, 1, 2 and on.
#[derive(Debug, Default)]
pub struct Sequence {
    /// The number after the highest that has come.
    next: u64,
    /// Numbers below it that have not come.
    missing: BTreeSet<u64>,
    /// Missing numbers that were not written down because there were too many.
    uncounted: u64,
    doubled: u64,
    reordered: u64,
}

/// Missing numbers that are remembered for one receiver. With more, a late one counts as doubled:
/// the run has failed anyway.
const MISSING_MAX: usize = 10_000;

/// What went wrong; none of it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Did not come.
    pub lost: u64,
    /// Came a second time.
    pub doubled: u64,
    /// Came after a later one.
    pub reordered: u64,
}

impl Sequence {
    /// Notes a number; true if it came for the first time.
    pub fn note(&mut self, number: u64) -> bool {
        if number >= self.next {
            let room = MISSING_MAX.saturating_sub(self.missing.len());
            let gap = number - self.next;
            let kept = gap.min(u64::try_from(room).unwrap_or(u64::MAX));
            self.missing.extend(self.next..self.next + kept);
            self.uncounted += gap - kept;
            self.next = number + 1;
            return true;
        }
        if self.missing.remove(&number) {
            self.reordered += 1;
            return true;
        }
        self.doubled += 1;
        false
    }

    /// The verdict, where `sent` events should have come.
    pub fn faults(&self, sent: u64) -> Faults {
        let missing = u64::try_from(self.missing.len()).unwrap_or(u64::MAX);
        Faults {
            lost: missing + self.uncounted + sent.saturating_sub(self.next),
            // A number that was never sent is one too many.
            doubled: self.doubled + self.next.saturating_sub(sent),
            reordered: self.reordered,
        }
    }
}

impl Faults {
    /// Whether all is well.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Adds those of another receiver.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
    }
}

/// Latencies of one kind, within one part in a thousand, up to a minute.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

/// Longer ones are counted as this.
const LONGEST: Duration = Duration::from_secs(60);

impl Default for Latencies {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        #[expect(clippy::expect_used, reason = "the bounds are constants that fit")]
        let histogram = Histogram::new_with_bounds(1, longest, 3).expect("three digits");
        Self(histogram)
    }
}

impl Latencies {
    /// Notes one.
    pub fn note(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanos);
    }

    /// Adds those of another receiver.
    pub fn add(&mut self, other: &Self) {
        // The same bounds everywhere, so nothing is left out.
        let _ = self.0.add(&other.0);
    }

    /// The time within which this part of them came, in milliseconds; 0.5 is the median.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes these, of so many that were sent.
    fn faults(numbers: &[u64], sent: u64) -> (u64, u64, u64) {
        let mut sequence = Sequence::default();
        for number in numbers {
            sequence.note(*number);
        }
        let Faults { lost, doubled, reordered } = sequence.faults(sent);
        (lost, doubled, reordered)
    }

    #[test]
    fn lost_doubled_and_reordered_are_told_apart() {
        assert_eq!(faults(&[], 0), (0, 0, 0));
        assert_eq!(faults(&[0, 1, 2, 3], 4), (0, 0, 0));
        assert_eq!(faults(&[0, 1, 3], 4), (1, 0, 0), "one in the middle");
        assert_eq!(faults(&[0, 1], 4), (2, 0, 0), "the end");
        assert_eq!(faults(&[2, 3], 4), (2, 0, 0), "the beginning");
        assert_eq!(faults(&[0, 1, 1, 2, 3], 4), (0, 1, 0));
        assert_eq!(faults(&[0, 2, 1, 3], 4), (0, 0, 1));
        assert_eq!(faults(&[0, 2, 1, 1, 3], 4), (0, 1, 1));
        assert_eq!(faults(&[0, 1, 2, 3], 3), (0, 1, 0), "never sent");
    }

    #[test]
    fn a_huge_gap_is_counted_without_being_kept() {
        let gap = 1 << 40;
        assert_eq!(faults(&[gap], gap + 1), (gap, 0, 0));
    }

    #[test]
    fn only_the_first_of_a_number_is_new() {
        let mut sequence = Sequence::default();
        assert!(sequence.note(1));
        assert!(sequence.note(0));
        assert!(!sequence.note(0));
        assert!(!sequence.note(1));
    }

    #[test]
    fn quantiles_of_latencies() {
        let mut all = Latencies::default();
        for ms in 1..=100 {
            let mut one = Latencies::default();
            one.note(Duration::from_millis(ms));
            all.add(&one);
        }
        assert!((all.quantile_ms(0.5) - 50.0).abs() < 0.1);
        assert!((all.quantile_ms(0.99) - 99.0).abs() < 0.1);
        all.note(Duration::from_secs(3_600));
        assert!((all.quantile_ms(1.0) - 60_000.0).abs() < 60.0, "the longest");
    }
}
