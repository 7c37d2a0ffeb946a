//! The storefront's events: offers, orders, carts, support, groups, stores, feed, leaderboards
//! (contract, section 5).

pub mod groups;
pub mod leaderboard;
pub mod offers;
pub mod orders;
pub mod products;
pub mod social;
pub mod stores;
pub mod support;

use std::time::Duration;

use super::{App, Audience, Class, Done, Joined, Object, Payload, Row};

/// Section 5 of the contract.
pub(super) const ROWS: &[Row] = &[
    command::<support::Ticket, Joined>("join_ticket"),
    command::<support::Ticket, Joined>("leave_ticket"),
    command::<support::Ticket, Done>("user_typing_start"),
    command::<support::Ticket, Done>("user_typing_stop"),
    command::<support::MessageRead, Done>("message_read"),
    event::<offers::Offer>("new_offer", OFFERS),
    event::<offers::Offer>("offer_updated", OFFERS),
    event::<offers::OfferExpired>("offer_expired", OFFERS),
    event::<offers::Deal>("deal_notification", Audience::Rooms(&["offers"])),
    event::<orders::OrderStatusUpdate>("order_status_update", ORDER),
    event::<orders::OrderLocationUpdate>("order_location_update", ORDER).latest_of("{orderId}"),
    event::<orders::OrderEtaUpdate>("order_eta_update", ORDER).latest_of("{orderId}"),
    event::<orders::OrderDelivered>("order_delivered", ORDER_AND_USER),
    event::<orders::OrderCancelled>("order_cancelled", ORDER_AND_USER),
    event::<Object>("cart_sync", CART).latest_of("{userId}"),
    event::<products::PriceUpdate>("price_update", Audience::Product).latest_of("{productId}"),
    event::<products::StockUpdate>("stock_update", Audience::Product).latest_of("{productId}"),
    event::<products::CartItemReserved>("cart_item_reserved", CART),
    event::<products::CartItemReleased>("cart_item_released", CART),
    event::<support::SupportMessage>("support_message_received", TICKET),
    event::<support::MessageDelivered>("support_message_delivered", TICKET),
    event::<support::SupportMessageRead>("support_message_read", TICKET),
    event::<support::AgentAssigned>("support_agent_assigned", TICKET),
    event::<support::AgentTyping>("support_agent_typing_start", TICKET).kept(Class::Ephemeral),
    event::<support::AgentStoppedTyping>("support_agent_typing_stop", TICKET)
        .kept(Class::Ephemeral),
    event::<support::AgentStatusChanged>(
        "support_agent_status_changed",
        Audience::RoomsElseGlobal(&["support_ticket:{ticketId}"]),
    )
    .kept(Class::Ephemeral),
    event::<support::TicketStatusChanged>("support_ticket_status_changed", TICKET),
    event::<support::QueuePosition>("support_queue_position_updated", TICKET)
        .latest_of("{ticketId}"),
    event::<support::UserTyping>("user_typing_start", TICKET).by_crier().kept(Class::Ephemeral),
    event::<support::UserTyping>("user_typing_stop", TICKET).by_crier().kept(Class::Ephemeral),
    event::<groups::MemberJoined>("group_member_joined", GROUP),
    event::<groups::MemberLeft>("group_member_left", GROUP),
    event::<groups::GroupComplete>("group_complete", GROUP),
    event::<groups::GroupMessage>("group_message", GROUP),
    event::<groups::GroupCancelled>("group_cancelled", GROUP),
    event::<stores::StoreMessage>("store_message", CONVERSATION),
    event::<stores::StoreTyping>("store_typing", CONVERSATION).kept(Class::Ephemeral),
    event::<stores::StorePresence>("store_online", STORE).kept(Class::Ephemeral),
    event::<stores::StorePresence>("store_offline", STORE).kept(Class::Ephemeral),
    event::<social::Post>("feed_new_post", FOLLOWERS),
    event::<social::PostLiked>("feed_post_liked", POST_OWNER),
    event::<social::PostCommented>("feed_post_commented", POST_OWNER),
    event::<social::UserFollowed>("feed_user_followed", Audience::Rooms(&["user:{followedId}"])),
    event::<leaderboard::LeaderboardUpdate>(
        "leaderboard_update",
        Audience::Rooms(&["leaderboard:{period}"]),
    )
    .latest_of("{period}"),
    event::<leaderboard::RankChange>("leaderboard_rank_change", USER),
    event::<leaderboard::Achievement>("leaderboard_achievement", USER),
];

const USER: Audience = Audience::Rooms(&["user:{userId}"]);
const POST_OWNER: Audience = Audience::Rooms(&["user:{ownerId}"]);
const FOLLOWERS: Audience = Audience::Rooms(&["feed:{followerIds[]}", "user:{followerIds[]}"]);
const OFFERS: Audience = Audience::Rooms(&["offers", "offers:{category}"]);
const ORDER: Audience = Audience::Rooms(&["order:{orderId}", "orders:{userId}"]);
const ORDER_AND_USER: Audience =
    Audience::Rooms(&["order:{orderId}", "orders:{userId}", "user:{userId}"]);
const CART: Audience = Audience::Rooms(&["cart:{userId}", "user:{userId}"]);
const TICKET: Audience = Audience::Rooms(&["support_ticket:{ticketId}"]);
const GROUP: Audience = Audience::Rooms(&["group:{groupId}"]);
const CONVERSATION: Audience = Audience::Rooms(&["store_conversation:{conversationId}"]);

/// A store that comes and goes is told of once, as it is after 5 s.
const STORE: Audience = Audience::Settled {
    about: "store:{storeId}",
    after: Duration::from_secs(5),
    everyone_up_to: 1_000,
};

const fn command<T: Payload, A: Payload>(name: &'static str) -> Row {
    Row::command::<T, A>(App::Storefront, name)
}

const fn event<T: Payload>(name: &'static str, audience: Audience) -> Row {
    Row::event::<T>(App::Storefront, name, audience)
}
