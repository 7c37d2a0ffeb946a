//! Requests in time: events by caller, wrong credentials by address.

use std::{
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use crier_domain::time::unix_seconds;
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
};

use crate::error::ApiError;

/// Callers or addresses that are counted each by itself. Some 100 bytes each.
const KEYS_MAX: usize = 10_000;

/// A token bucket for each key, in bounded memory: while [`KEYS_MAX`] keys are active, all further
/// ones share one bucket.
pub(crate) struct Rate<K: Hash + Eq + Clone> {
    keyed: DefaultKeyedRateLimiter<K>,
    shared: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// The second in which idle keys were last thrown out.
    swept: AtomicU64,
    keys_max: usize,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            keyed: RateLimiter::keyed(quota),
            shared: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
            swept: AtomicU64::new(0),
            keys_max: KEYS_MAX,
        }
    }

    /// Takes `n` from the key's bucket, all or nothing.
    ///
    /// # Errors
    ///
    /// 429 with the time after which there is enough again.
    pub(crate) fn take(&self, key: &K, n: NonZeroU32) -> Result<(), ApiError> {
        let outcome =
            if self.has_room() { self.keyed.check_key_n(key, n) } else { self.shared.check_n(n) };
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(self.limited(&not_until)),
            // More at once than the bucket ever holds; the bucket is full after a second at most.
            Err(_) => Err(ApiError::RateLimited { retry_after: std::time::Duration::from_secs(1) }),
        }
    }

    fn limited<P: Reference>(&self, not_until: &NotUntil<P>) -> ApiError
    where
        DefaultClock: Clock<Instant = P>,
    {
        ApiError::RateLimited { retry_after: not_until.wait_time_from(self.clock.now()) }
    }

    /// Whether one more key fits. A full table is swept at most once a second: it costs a pass over
    /// all keys.
    fn has_room(&self) -> bool {
        if self.keyed.len() < self.keys_max {
            return true;
        }
        let now = unix_seconds();
        if self.swept.swap(now, Ordering::Relaxed) != now {
            self.keyed.retain_recent();
        }
        self.keyed.len() < self.keys_max
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Rate<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({} keys)", self.keyed.len())
    }
}

/// The part of an address that one party has: all of IPv4, the /64 of IPv6.
pub(crate) fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(keys_max: usize) -> Rate<u32> {
        let one = NonZeroU32::MIN;
        let mut rate = Rate::new(one, one.saturating_add(2));
        rate.keys_max = keys_max;
        rate
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_wait_is_told() {
        let rate = rate(10);
        let three = NonZeroU32::new(3).unwrap();
        assert_eq!(rate.take(&1, three), Ok(()));
        let refused = rate.take(&1, NonZeroU32::MIN);
        assert!(
            matches!(refused, Err(ApiError::RateLimited { retry_after }) if retry_after.as_millis() <= 1_000),
            "{refused:?}"
        );
        assert_eq!(rate.take(&2, three), Ok(()), "another key has its own");
    }

    #[test]
    fn the_table_of_keys_is_bounded() {
        let rate = rate(100);
        for key in 0..10_000 {
            let _ = rate.take(&key, NonZeroU32::MIN);
        }
        assert!(rate.keyed.len() <= 100, "{}", rate.keyed.len());
        assert!(rate.take(&20_000, NonZeroU32::MIN).is_err(), "the shared bucket is empty");
    }

    #[test]
    fn a_party_of_ipv6_is_a_64() {
        let of = |text: &str| party(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(of("10.0.0.1"), "10.0.0.1");
    }
}
