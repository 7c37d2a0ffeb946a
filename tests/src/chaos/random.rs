//! A small generator of chance whose seed is printed, so that a run can be repeated.

use std::time::Duration;

/// xorshift64*: enough to choose victims and moments.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(high % bound).unwrap_or(0)
    }

    /// Between half of it and one and a half.
    pub fn around(&mut self, mean: Duration) -> Duration {
        let share = 500 + u32::try_from(self.below(1001)).unwrap_or(500);
        mean * share / 1000
    }
}
