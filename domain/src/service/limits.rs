//! What one user may do in a minute, counted over all sockets and the sidecar together.

mod window;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use self::window::Window;
use crate::{clock::Clock, error::Refusal};

/// What is counted a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Chat messages: the sidecar's and `sendMessage` together.
    ChatMessage,
    /// New chats.
    NewChat,
    /// `message` of the shop.
    RoomMessage,
    /// `order:create`.
    Order,
    /// `notification:send`.
    Notification,
}

/// How many of each a user may do in any 60 seconds (contract, section 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerMinute {
    /// Default 20.
    pub chat_messages: NonZeroU32,
    /// Default 10.
    pub new_chats: NonZeroU32,
    /// Default 20.
    pub room_messages: NonZeroU32,
    /// Default 10.
    pub orders: NonZeroU32,
    /// Default 30.
    pub notifications: NonZeroU32,
}

impl PerMinute {
    /// How many of these.
    pub fn of(&self, what: Counted) -> NonZeroU32 {
        match what {
            Counted::ChatMessage => self.chat_messages,
            Counted::NewChat => self.new_chats,
            Counted::RoomMessage => self.room_messages,
            Counted::Order => self.orders,
            Counted::Notification => self.notifications,
        }
    }
}

impl Default for PerMinute {
    fn default() -> Self {
        let n = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self {
            chat_messages: n(20),
            new_chats: n(10),
            room_messages: n(20),
            orders: n(10),
            notifications: n(30),
        }
    }
}

/// Persons that are counted at one time: as many as a replica has connections by default. One more is
/// refused, and told to come again in a second. A person who does all that the default limits allow
/// costs some 2 KB, one who only chats some 600 bytes; nobody costs more than 5 × 1 KB.
const PERSONS_MAX: usize = 100_000;

/// Parts of the table, so that few wait for each other, and a sweep holds up one part at a time.
const SHARDS: usize = 16;

/// The counters: for each person a sliding window of each kind. Who did nothing for a minute takes no
/// memory after the next [`UserLimits::forget_idle`].
pub struct UserLimits {
    limits: PerMinute,
    clock: Clock,
    shards: Box<[Shard]>,
    hasher: RandomState,
    persons_max: usize,
}

#[derive(Default)]
struct Shard {
    persons: Mutex<HashMap<String, Windows>>,
    /// The second in which a full shard was last swept: it costs a pass over all of it.
    swept: AtomicU64,
}

type Windows = BTreeMap<Counted, Window>;

impl UserLimits {
    /// Counters that all stand at zero, by the system's clock.
    pub fn new(limits: &PerMinute) -> Self {
        Self {
            limits: limits.clone(),
            clock: Clock::system(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            persons_max: PERSONS_MAX,
        }
    }

    /// The same by another clock.
    #[must_use]
    pub fn by(mut self, clock: &Clock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// Counts one; `person` is the text of a user id, or `CUSTOMER:5` where ids alone are not unique.
    ///
    /// # Errors
    ///
    /// [`Refusal::RateLimited`] where it is one too many, with the time until the oldest in the
    /// window leaves it. It is not counted then.
    pub fn take(&self, what: Counted, person: &str) -> Result<(), Refusal> {
        self.take_all(&[what], person)
    }

    /// Counts one of each kind, or none of any.
    ///
    /// # Errors
    ///
    /// As [`UserLimits::take`], with the longest of the times.
    pub fn take_all(&self, kinds: &[Counted], person: &str) -> Result<(), Refusal> {
        let now = self.clock.steady_ms();
        let Some(shard) = self.shard(person) else { return Ok(()) };
        let mut persons = shard.lock();
        if !persons.contains_key(person) {
            self.make_room(shard, &mut persons, now)?;
        }
        let windows = persons.entry(person.to_owned()).or_default();
        let mut wait = None;
        for what in kinds {
            let window = windows.entry(*what).or_default();
            wait = wait.max(window.wait(self.limits.of(*what), now));
        }
        if let Some(retry_after) = wait {
            return Err(Refusal::RateLimited { retry_after });
        }
        for what in kinds {
            windows.entry(*what).or_default().count(self.limits.of(*what), now);
        }
        Ok(())
    }

    /// Lets go of persons whose windows are empty; to be called every minute or so.
    pub fn forget_idle(&self) {
        let now = self.clock.steady_ms();
        for shard in &self.shards {
            let mut persons = shard.lock();
            sweep(&mut persons, now);
            persons.shrink_to_fit();
        }
    }

    /// Sees that one more person fits into a shard.
    fn make_room(
        &self,
        shard: &Shard,
        persons: &mut HashMap<String, Windows>,
        now: u64,
    ) -> Result<(), Refusal> {
        let max = self.persons_max / SHARDS;
        if persons.len() >= max && shard.swept.swap(now / 1_000, Ordering::Relaxed) != now / 1_000 {
            sweep(persons, now);
        }
        if persons.len() >= max {
            return Err(Refusal::RateLimited { retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }

    /// Where a person is counted.
    fn shard(&self, person: &str) -> Option<&Shard> {
        // A remainder of 16 fits, and there are so many.
        let index = self.hasher.hash_one(person) % SHARDS as u64;
        self.shards.get(usize::try_from(index).unwrap_or_default())
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Windows>> {
        self.persons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sweep(persons: &mut HashMap<String, Windows>, now: u64) {
    persons.retain(|_, windows| {
        windows.retain(|_, window| !window.is_idle(now));
        !windows.is_empty()
    });
}

impl fmt::Debug for UserLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserLimits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> (UserLimits, Clock) {
        let clock = Clock::standing_at(1_700_000_000_000);
        (UserLimits::new(&PerMinute::default()).by(&clock), clock)
    }

    fn persons(limits: &UserLimits) -> usize {
        limits.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    #[test]
    fn each_user_has_a_counter_of_each_kind() {
        let (limits, _) = limits();
        for _ in 0..20 {
            assert_eq!(limits.take(Counted::ChatMessage, "a"), Ok(()));
        }
        let retry_after = Duration::from_secs(60);
        let refused = Err(Refusal::RateLimited { retry_after });
        assert_eq!(limits.take(Counted::ChatMessage, "a"), refused);
        assert_eq!(limits.take(Counted::ChatMessage, "b"), Ok(()));
        assert_eq!(limits.take(Counted::Order, "a"), Ok(()));
    }

    #[test]
    fn what_is_taken_together_is_counted_together_or_not_at_all() {
        let (limits, clock) = limits();
        let both = [Counted::NewChat, Counted::ChatMessage];
        for _ in 0..20 {
            assert_eq!(limits.take(Counted::ChatMessage, "a"), Ok(()));
        }
        for _ in 0..50 {
            assert!(limits.take_all(&both, "a").is_err(), "no messages are left");
        }
        clock.advance(60_000);
        assert_eq!(limits.take_all(&both, "a"), Ok(()), "no chat was counted meanwhile");
    }

    #[test]
    fn idle_persons_take_no_memory_and_a_full_table_takes_nobody_in() {
        let (mut limits, clock) = limits();
        limits.persons_max = 16 * SHARDS;
        let refused = (0..10_000).filter(|n| limits.take(Counted::Order, &n.to_string()).is_err());
        let refused = refused.count();
        assert_eq!((persons(&limits), refused), (16 * SHARDS, 10_000 - 16 * SHARDS));
        clock.advance(60_000);
        assert_eq!(limits.take(Counted::Order, "one more"), Ok(()), "a full table is swept");
        limits.forget_idle();
        assert_eq!(persons(&limits), 1);
    }
}
