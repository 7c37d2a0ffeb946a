//! The catalogue has every event of the contract, and none besides.

use std::collections::BTreeSet;

use crier_domain::{
    App, Catalogue, Class, Direction, Row,
    event::{Audience, RateClass, Sender},
    service::limits::{Counted, PerMinute},
};

/// The events of one part of the contract, in its order.
struct Part {
    app: Option<App>,
    namespace: &'static str,
    /// C→S.
    to_server: &'static str,
    /// S→C that backends may publish.
    published: &'static str,
    /// S→C that only Crier sends.
    own: &'static str,
}

const CONTRACT: [Part; 5] = [
    // Sections 1 and 3.
    Part {
        app: None,
        namespace: "/",
        to_server: "subscribe unsubscribe heartbeat token_refresh",
        published: "system_maintenance force_update session_expired token_refresh",
        own: "connected disconnected heartbeat_ack error session_expiring",
    },
    // Section 4.
    Part {
        app: Some(App::Marketplace),
        namespace: "/",
        to_server: "join-user-room join-request-room leave-request-room join-seller-room leave-seller-room \
            join-buyer-room leave-buyer-room join-chat-room leave-chat-room user-online typing-start typing-stop",
        published: "new-purchase-request new-offer seller-offer-update purchase-request-update \
            transaction-completed delivery-code-generated delivery-update delivery-confirmed \
            buyer-confirmed-delivery template-checkout-payment-confirmed template-checkout-payment-pending \
            template-checkout-payment-failed payment-created payment-received payment-update payout-created \
            payout-completed payout-updated new-message messages-read message-edited message-deleted \
            participants-added participant-removed user-typing new-notification unread-count-update level-up \
            referral-reward referral-signup",
        own: "user-status-change",
    },
    // Section 5.
    Part {
        app: Some(App::Storefront),
        namespace: "/",
        to_server: "join_ticket leave_ticket user_typing_start user_typing_stop message_read",
        published: "new_offer offer_updated offer_expired deal_notification order_status_update \
            order_location_update order_eta_update order_delivered order_cancelled cart_sync price_update \
            stock_update cart_item_reserved cart_item_released support_message_received \
            support_message_delivered support_message_read support_agent_assigned support_agent_typing_start \
            support_agent_typing_stop support_agent_status_changed support_ticket_status_changed \
            support_queue_position_updated group_member_joined group_member_left group_complete group_message \
            group_cancelled store_message store_typing store_online store_offline feed_new_post feed_post_liked \
            feed_post_commented feed_user_followed leaderboard_update leaderboard_rank_change \
            leaderboard_achievement",
        own: "user_typing_start user_typing_stop",
    },
    // Section 6.
    Part {
        app: Some(App::Shop),
        namespace: "/",
        to_server: "joinRoom leaveRoom message whoami notification:send order:create order:updateStatus typing",
        published: "notification:received",
        own: "joined left message presence:update order:created order:updated product:stockUpdated typing",
    },
    // Section 7.
    Part {
        app: Some(App::VendorChat),
        namespace: "/chat",
        to_server: "joinChat joinRooms sendMessage markAsRead deleteMessage typing stoppedTyping getUserChats",
        published: "",
        own: "userChats offlineMessages loadMessages receiveMessage newChat updateReadReceipts messageDeleted \
            userTyping stoppedTyping appError",
    },
];

type Key = (Option<App>, &'static str, bool, bool, &'static str);

/// App, namespace, whether it goes to clients, whether backends may publish it, name.
fn keys(part: &Part) -> impl Iterator<Item = Key> {
    let of = move |names: &'static str, to_client, published, part: &Part| {
        let (app, namespace) = (part.app, part.namespace);
        names.split_whitespace().map(move |name| (app, namespace, to_client, published, name))
    };
    let to_server = of(part.to_server, false, false, part);
    to_server.chain(of(part.published, true, true, part)).chain(of(part.own, true, false, part))
}

fn key(row: &Row) -> Key {
    let to_client = row.direction == Direction::ToClient;
    (row.app, row.namespace, to_client, row.sender == Sender::Backend, row.name)
}

fn rows_of(apps: impl IntoIterator<Item = App>) -> BTreeSet<Key> {
    Catalogue::new(apps).rows().map(key).collect()
}

#[test]
fn every_event_of_the_contract_has_its_row_and_there_is_no_other() {
    let wanted: BTreeSet<Key> = CONTRACT.iter().flat_map(keys).collect();
    assert_eq!(rows_of(App::ALL), wanted);
    assert_eq!(Catalogue::new(App::ALL).rows().count(), wanted.len(), "each is there once");
}

#[test]
fn an_app_that_is_off_has_no_events() {
    for off in App::ALL {
        let on = App::ALL.into_iter().filter(|app| *app != off);
        let parts = CONTRACT.iter().filter(|part| part.app != Some(off));
        assert_eq!(rows_of(on), parts.flat_map(keys).collect(), "without {}", off.as_str());
    }
    assert_eq!(rows_of([]), CONTRACT.iter().take(1).flat_map(keys).collect());
}

#[test]
fn no_event_from_clients_occurs_twice_in_a_namespace() {
    let mut seen = BTreeSet::new();
    for part in &CONTRACT {
        for name in part.to_server.split_whitespace() {
            assert!(seen.insert((part.namespace, name)), "{name}");
        }
    }
}

/// What is missed and not made up for (section 3), in the words of the contract.
const EXEMPT: &str = "user-typing typing user_typing_start user_typing_stop support_agent_typing_start \
    support_agent_typing_stop store_typing userTyping stoppedTyping presence:update user-status-change \
    store_online store_offline support_agent_status_changed connected disconnected error heartbeat_ack \
    session_expiring session_expired token_refresh userChats offlineMessages loadMessages appError";

/// What is in the store before its sender is answered.
const DURABLE: &str = "new-message messages-read message-edited message-deleted participants-added \
    participant-removed new-notification unread-count-update notification:received order:created order:updated \
    receiveMessage newChat updateReadReceipts messageDeleted";

#[test]
fn the_class_says_what_is_owed_to_those_who_were_away() {
    let named = |list: &str, name: &str| list.split_whitespace().any(|word| word == name);
    for row in Catalogue::new(App::ALL).rows() {
        let wanted = match row.direction {
            Direction::ToServer => Class::Ephemeral,
            Direction::ToClient if named(EXEMPT, row.name) => Class::Ephemeral,
            Direction::ToClient if named(DURABLE, row.name) => Class::Durable,
            Direction::ToClient => Class::Recoverable,
        };
        assert_eq!(row.class, wanted, "{}", row.name);
    }
}

#[test]
fn only_the_newest_is_owed_of_what_the_contract_says() {
    let mut found: Vec<_> = Catalogue::new(App::ALL)
        .rows()
        .filter_map(|row| Some((row.name, row.latest_of?)))
        .collect();
    found.sort_unstable();
    let wanted = [
        ("cart_sync", "{userId}"),
        ("leaderboard_update", "{period}"),
        ("order_eta_update", "{orderId}"),
        ("order_location_update", "{orderId}"),
        ("price_update", "{productId}"),
        ("product:stockUpdated", "{productId}"),
        ("stock_update", "{productId}"),
        ("support_queue_position_updated", "{ticketId}"),
        ("unread-count-update", "{userId}"),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn the_dearer_events_are_counted_a_user() {
    let mut found: Vec<_> = Catalogue::new(App::ALL)
        .rows()
        .filter(|row| row.direction == Direction::ToServer)
        .filter_map(|row| match row.rate {
            RateClass::User(what) => Some((row.name, what)),
            RateClass::Socket => None,
            other => panic!("{}: {other:?}", row.name),
        })
        .collect();
    found.sort_unstable_by_key(|(name, _)| *name);
    let wanted = [
        ("message", Counted::RoomMessage),
        ("notification:send", Counted::Notification),
        ("order:create", Counted::Order),
        ("sendMessage", Counted::ChatMessage),
    ];
    assert_eq!(found, wanted);
    let per_minute = PerMinute::default();
    let of = |what| per_minute.of(what).get();
    assert_eq!(wanted.map(|(_, what)| of(what)), [20, 30, 10, 20]);
}

#[test]
fn every_event_from_clients_has_an_ack_and_no_other_has() {
    for row in Catalogue::new(App::ALL).rows() {
        assert_eq!(row.ack.is_some(), row.direction == Direction::ToServer, "{}", row.name);
    }
}

#[test]
fn what_backends_publish_has_receivers_that_follow_from_it() {
    for row in Catalogue::new(App::ALL).rows().filter(|row| row.sender == Sender::Backend) {
        let audience = row.audience;
        let by_crier =
            matches!(audience, Audience::Direct | Audience::Chosen(_) | Audience::Presence);
        assert!(!by_crier, "{}: {audience:?}", row.name);
        assert_eq!(row.rate, RateClass::Backend, "{}", row.name);
        assert_eq!(row.namespace, "/", "{}", row.name);
    }
}

#[test]
fn only_what_is_not_kept_may_wait() {
    for row in Catalogue::new(App::ALL).rows() {
        let settled = matches!(row.audience, Audience::Settled { .. });
        assert!(!settled || row.class == Class::Ephemeral, "{}", row.name);
    }
}
