//! What the services are held to, as an operator configured it.

use std::time::Duration;

use crier_domain::service::{
    chat::ChatSettings, limits::PerMinute, notifications::NotificationSettings,
};

use crate::config::Config;

/// What each user may do in a minute.
pub(crate) fn per_minute(config: &Config) -> PerMinute {
    PerMinute {
        chat_messages: config.chat.messages_per_minute,
        new_chats: config.chat.new_per_minute,
        room_messages: config.shop.messages_per_minute,
        orders: config.shop.orders_per_minute,
        notifications: config.notifications.per_minute,
    }
}

/// What chats are held to.
pub(crate) fn chat(config: &Config) -> ChatSettings {
    ChatSettings {
        edit_window_ms: milliseconds(config.chat.edit_window),
        message_max: config.chat.message_max,
        members_max: config.chat.group_max,
    }
}

/// What notifications are held to.
pub(crate) fn notifications(config: &Config) -> NotificationSettings {
    NotificationSettings {
        kept_ms: milliseconds(config.notifications.kept),
        max: u64::try_from(config.notifications.max).unwrap_or(u64::MAX),
        send_from: config.notifications.send_from,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MapVars;

    #[test]
    fn the_defaults_are_the_contracts() {
        let config = Config::parse(&MapVars::default(), None, &[]).unwrap();
        assert_eq!(per_minute(&config), PerMinute::default());
        assert_eq!(chat(&config), ChatSettings::default());
        assert_eq!(notifications(&config), NotificationSettings::default());
    }
}
