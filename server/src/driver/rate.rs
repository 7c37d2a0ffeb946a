//! How many events a connection may send: a token bucket, and patience.

use std::time::{Duration, Instant};

use crate::options::EventRate;

/// The bucket of one connection.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f32,
    refilled: Instant,
    over: Option<Over>,
}

/// A connection that was refused lately.
#[derive(Clone, Copy, Debug)]
struct Over {
    since: Instant,
    last: Instant,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    /// Refused; the next is welcome after this time.
    Later(Duration),
    /// Refused once too long.
    Expelled,
}

/// A pause after which a connection that was over its limit has its full patience again.
const FORGIVEN: Duration = Duration::from_secs(1);

impl Bucket {
    pub(super) fn new(rate: &EventRate, now: Instant) -> Self {
        Self { tokens: to_f32(rate.burst), refilled: now, over: None }
    }

    /// An event came in.
    pub(super) fn take(&mut self, rate: &EventRate, now: Instant) -> Verdict {
        if rate.per_second == 0 {
            return Verdict::Welcome;
        }
        let per_second = to_f32(rate.per_second);
        let gained = now.saturating_duration_since(self.refilled).as_secs_f32() * per_second;
        self.tokens = (self.tokens + gained).min(to_f32(rate.burst.max(1)));
        self.refilled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Welcome;
        }
        let fresh = Over { since: now, last: now };
        let over = self.over.filter(|o| now.saturating_duration_since(o.last) < FORGIVEN);
        let over = Over { last: now, ..over.unwrap_or(fresh) };
        self.over = Some(over);
        if now.saturating_duration_since(over.since) >= rate.patience {
            return Verdict::Expelled;
        }
        Verdict::Later(Duration::from_secs_f32((1.0 - self.tokens) / per_second))
    }
}

/// Rates are small numbers; above 2^24 the loss does not matter.
#[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
fn to_f32(n: u32) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: EventRate =
        EventRate { per_second: 50, burst: 100, patience: Duration::from_secs(10) };

    #[test]
    fn a_burst_is_welcome_and_the_next_event_has_to_wait() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&RATE, start);
        for _ in 0..100 {
            assert_eq!(bucket.take(&RATE, start), Verdict::Welcome);
        }
        assert!(matches!(bucket.take(&RATE, start), Verdict::Later(_)));
        assert_eq!(bucket.take(&RATE, start + Duration::from_millis(40)), Verdict::Welcome);
    }

    #[test]
    fn whoever_keeps_on_for_ten_seconds_is_expelled() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&RATE, start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        let verdicts: Vec<Verdict> = (0..20_000).map(|ms| bucket.take(&RATE, at(ms))).collect();
        let first_refusal = verdicts.iter().position(|v| matches!(v, Verdict::Later(_))).unwrap();
        let expelled = verdicts.iter().position(|v| *v == Verdict::Expelled).unwrap();
        assert!(
            (9_990..10_100).contains(&(expelled - first_refusal)),
            "{first_refusal} {expelled}"
        );
    }

    #[test]
    fn a_pause_restores_patience() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&RATE, start);
        for second in 0..60 {
            // 150 at once, then silence: refused each time, expelled never.
            let now = start + Duration::from_secs(2 * second);
            let verdicts: Vec<Verdict> = (0..150).map(|_| bucket.take(&RATE, now)).collect();
            assert!(!verdicts.contains(&Verdict::Expelled));
        }
    }
}
