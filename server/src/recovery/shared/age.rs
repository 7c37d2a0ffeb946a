//! Numbers of events in one process, across the lives of a shared log.
//!
//! A shared log that loses events begins a new life, an epoch, and its numbers may begin lower. Within a
//! process numbers must only ever grow: sockets, outboxes and memberships compare them. So the number of
//! an event here has the count of epochs that this process has seen above it.

use super::super::Epoch;

/// Bits of the log's own number: 2^48 events are 890 years at 10,000 a second.
const BITS: u32 = 48;

/// The lives of the log that this process has seen, the newest last. Never empty.
#[derive(Debug)]
pub(super) struct Ages(Vec<Epoch>);

impl Ages {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self(vec![epoch])
    }

    pub(super) fn begin(&mut self, epoch: Epoch) {
        self.0.push(epoch);
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.0.last().copied().unwrap_or(Epoch::NONE)
    }

    /// The number here of a number of the log as it is now.
    pub(super) fn id(&self, number: u64) -> u64 {
        (self.age() << BITS) | (number & MASK)
    }

    /// The log's own number; `None` where it is of a former life.
    pub(super) fn number(&self, id: u64) -> Option<u64> {
        (id >> BITS == self.age()).then_some(id & MASK)
    }

    pub(super) fn offset(&self, id: u64) -> String {
        let age = usize::try_from(id >> BITS).ok();
        let epoch = age.and_then(|age| self.0.get(age)).copied().unwrap_or(Epoch::NONE);
        epoch.offset(id & MASK)
    }

    pub(super) fn parse(&self, offset: &str) -> Option<u64> {
        let number = self.epoch().parse(offset)?;
        (number <= MASK).then(|| self.id(number))
    }

    fn age(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX).saturating_sub(1)
    }
}

const MASK: u64 = (1 << BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_from_one_life_of_the_log_to_the_next() {
        let mut ages = Ages::new(Epoch::from_random([1; 8]));
        let (before, offset) = (ages.id(1_000), ages.offset(ages.id(1_000)));
        assert_eq!((before, ages.parse(&offset)), (1_000, Some(1_000)));
        ages.begin(Epoch::from_random([2; 8]));
        assert!(ages.id(1) > before);
        assert_eq!((ages.number(ages.id(1)), ages.number(before)), (Some(1), None));
        // What was sent says where it was sent.
        assert_eq!((ages.offset(before), ages.parse(&offset)), (offset.clone(), None));
        let of_now = ages.offset(ages.id(1));
        assert_eq!(ages.parse(&of_now), Some(ages.id(1)));
        assert_eq!(ages.parse(&format!("{:?}~{}", ages.epoch(), u64::MAX)), None);
    }
}
