//! What one user may do in a minute, counted over all sockets and the sidecar together.

use std::{fmt, num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::error::Refusal;

/// What is counted a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// How many of each a user may do in a minute (contract, section 9).
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

/// The counters. Users who did nothing for a while take no memory: see [`UserLimits::forget_idle`].
pub struct UserLimits {
    chat_messages: DefaultKeyedRateLimiter<String>,
    new_chats: DefaultKeyedRateLimiter<String>,
    room_messages: DefaultKeyedRateLimiter<String>,
    orders: DefaultKeyedRateLimiter<String>,
    notifications: DefaultKeyedRateLimiter<String>,
}

impl UserLimits {
    /// Counters that all stand at zero.
    pub fn new(limits: &PerMinute) -> Self {
        let keyed = |max| RateLimiter::keyed(Quota::per_minute(max));
        Self {
            chat_messages: keyed(limits.chat_messages),
            new_chats: keyed(limits.new_chats),
            room_messages: keyed(limits.room_messages),
            orders: keyed(limits.orders),
            notifications: keyed(limits.notifications),
        }
    }

    /// Counts one; `person` is the text of a user id, or `CUSTOMER:5` where ids alone are not unique.
    ///
    /// # Errors
    ///
    /// [`Refusal::RateLimited`] where it is one too many. It is not counted then.
    pub fn take(&self, what: Counted, person: &str) -> Result<(), Refusal> {
        let limiter = self.limiter(what);
        limiter.check_key(&person.to_owned()).map_err(|later| {
            let wait: Duration = later.wait_time_from(limiter.clock().now());
            Refusal::RateLimited { retry_after: wait }
        })
    }

    /// Lets go of users whose counters stand at zero; to be called every minute or so.
    pub fn forget_idle(&self) {
        for what in [
            Counted::ChatMessage,
            Counted::NewChat,
            Counted::RoomMessage,
            Counted::Order,
            Counted::Notification,
        ] {
            self.limiter(what).retain_recent();
            self.limiter(what).shrink_to_fit();
        }
    }

    fn limiter(&self, what: Counted) -> &DefaultKeyedRateLimiter<String> {
        match what {
            Counted::ChatMessage => &self.chat_messages,
            Counted::NewChat => &self.new_chats,
            Counted::RoomMessage => &self.room_messages,
            Counted::Order => &self.orders,
            Counted::Notification => &self.notifications,
        }
    }
}

impl fmt::Debug for UserLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserLimits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_a_counter_of_each_kind() {
        let limits = UserLimits::new(&PerMinute::default());
        for _ in 0..20 {
            assert_eq!(limits.take(Counted::ChatMessage, "a"), Ok(()));
        }
        let refused = limits.take(Counted::ChatMessage, "a");
        assert!(
            matches!(refused, Err(Refusal::RateLimited { retry_after }) if retry_after <= Duration::from_secs(3)),
            "{refused:?}"
        );
        assert_eq!(limits.take(Counted::ChatMessage, "b"), Ok(()));
        assert_eq!(limits.take(Counted::Order, "a"), Ok(()));
    }
}
