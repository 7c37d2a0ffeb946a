//! `subscribe { channel }`: the storefront's names for rooms.

use super::RoomName;
use crate::{error::Refusal, identity::UserId};

/// Channels of one's own: the name, and the room's prefix before the user's id.
const OWN: [(&str, &str); 3] = [("orders", "orders:"), ("cart", "cart:"), ("feed", "feed:")];

/// Channels without an id.
const FIXED: [(&str, &str); 2] = [("offers", "offers"), ("leaderboard", "leaderboard:daily")];

/// Channels with an id: what comes before it in the channel, and in the room.
const WITH_ID: [(&str, &str); 6] = [
    ("offers_", "offers:"),
    ("leaderboard_", "leaderboard:"),
    ("support_ticket_", "support_ticket:"),
    ("order_", "order:"),
    ("group_", "group:"),
    ("store_conversation_", "store_conversation:"),
];

/// The periods that a leaderboard is kept for.
const PERIODS: [&str; 4] = ["daily", "weekly", "monthly", "all_time"];

/// The room of a channel, for this user. Whether the user may join it is the policy's to say.
///
/// The id is what follows the prefix, verbatim, and is encoded as a template's value is: a channel
/// and an event about the same thing always meet in one room.
///
/// # Errors
///
/// [`Refusal::UnknownChannel`]; [`Refusal::Unauthorized`] for an anonymous socket's own channel.
pub fn channel(channel: &str, user: Option<&UserId>) -> Result<RoomName, Refusal> {
    if let Some((_, prefix)) = OWN.iter().find(|(name, _)| *name == channel) {
        let user = user.ok_or(Refusal::Unauthorized)?;
        return RoomName::of(prefix, user.as_str()).map_err(|_| Refusal::UnknownChannel);
    }
    if let Some((_, room)) = FIXED.iter().find(|(name, _)| *name == channel) {
        return RoomName::parse(room).map_err(|_| Refusal::UnknownChannel);
    }
    for (before, prefix) in WITH_ID {
        if let Some(id) = channel.strip_prefix(before) {
            if before == "leaderboard_" && !PERIODS.contains(&id) {
                return Err(Refusal::UnknownChannel);
            }
            return RoomName::of(prefix, id).map_err(|_| Refusal::UnknownChannel);
        }
    }
    Err(Refusal::UnknownChannel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_of_the_contract_has_its_room() {
        let user = UserId::parse("u 1").unwrap();
        for (name, room) in [
            ("orders", "orders:u%201"),
            ("cart", "cart:u%201"),
            ("feed", "feed:u%201"),
            ("offers", "offers"),
            ("offers_food", "offers:food"),
            ("leaderboard", "leaderboard:daily"),
            ("leaderboard_weekly", "leaderboard:weekly"),
            ("leaderboard_all_time", "leaderboard:all_time"),
            ("support_ticket_123", "support_ticket:123"),
            ("order_ORD_1", "order:ORD_1"),
            ("group_g:1", "group:g:1"),
            ("store_conversation_c1", "store_conversation:c1"),
            ("order_a b%", "order:a%20b%25"),
        ] {
            let got = channel(name, Some(&user)).map(|room| room.to_string());
            assert_eq!(got, Ok(room.to_owned()), "{name}");
        }
    }

    #[test]
    fn what_is_no_channel_is_refused() {
        let long = format!("order_{}", "x".repeat(200));
        for name in [
            "",
            "order",
            "order_",
            "leaderboard_hourly",
            "Orders",
            "orders:5",
            "user:5",
            "offers ",
            &long,
        ] {
            assert_eq!(channel(name, None), Err(Refusal::UnknownChannel), "{name}");
        }
        assert_eq!(channel("orders", None), Err(Refusal::Unauthorized));
        assert!(channel("offers", None).is_ok());
    }
}
