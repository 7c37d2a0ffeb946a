//! Who may join which room.

use crier_domain::{Identity, Policy, Refusal, Role, RoomName, RoomPattern, UserId};

fn identity(user: &str, role: Role, rooms: &[&str]) -> Identity {
    Identity {
        user: UserId::parse(user).unwrap(),
        role,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: rooms.iter().map(|p| RoomPattern::parse(p).unwrap()).collect(),
        expires_at: None,
        issued_at: None,
    }
}

fn may(policy: Policy, who: Option<&Identity>, room: &str) -> bool {
    policy.may_join(who, &RoomName::parse(room).unwrap()).is_ok()
}

/// Who gets in, one letter each: `-` anonymous, `o` user 5, `x` user 6, `b`/`s` user 5 as buyer and
/// as seller, `g` user 6 with a grant for all, `t` an agent, `a` an admin.
fn guests(policy: Policy, room: &str) -> String {
    let guests = [
        ('o', identity("5", Role::User, &[])),
        ('x', identity("6", Role::User, &[])),
        ('b', identity("5", Role::Buyer, &[])),
        ('s', identity("5", Role::Seller, &[])),
        ('g', identity("6", Role::User, &["*"])),
        ('t', identity("7", Role::Agent, &[])),
        ('a', identity("8", Role::Admin, &[])),
    ];
    let anonymous = may(policy, None, room).then_some('-');
    let named = guests.iter().filter(|(_, who)| may(policy, Some(who), room));
    anonymous.into_iter().chain(named.map(|(letter, _)| *letter)).collect()
}

#[test]
fn every_row_of_the_table() {
    for (room, in_production, in_development) in [
        ("user-5", "obsa", "obsa"),
        ("user:5", "obsa", "obsa"),
        ("orders:5", "obsa", "obsa"),
        ("cart:5", "obsa", "obsa"),
        ("feed:5", "obsa", "obsa"),
        ("buyer-5", "oba", "oba"),
        ("seller-5", "osa", "osa"),
        ("buyers", "", ""),
        ("sellers", "", ""),
        ("request-1", "ga", "oxbsgta"),
        ("template-checkout-1", "ga", "oxbsgta"),
        ("chat-1", "ga", "oxbsgta"),
        ("order:1", "ga", "oxbsgta"),
        ("support_ticket:1", "gta", "oxbsgta"),
        ("group:1", "ga", "oxbsgta"),
        ("store_conversation:1", "ga", "oxbsgta"),
        ("leaderboard:daily", "-oxbsgta", "-oxbsgta"),
        ("leaderboard:all_time", "-oxbsgta", "-oxbsgta"),
        ("offers", "-oxbsgta", "-oxbsgta"),
        ("offers:food", "-oxbsgta", "-oxbsgta"),
        ("product:1", "-oxbsgta", "-oxbsgta"),
        ("admin", "a", "a"),
        ("admins", "a", "a"),
        ("lobby", "oxbsgta", "oxbsgta"),
        ("administration", "oxbsgta", "oxbsgta"),
    ] {
        assert_eq!(guests(Policy::new(false), room), in_production, "{room}");
        assert_eq!(guests(Policy::new(true), room), in_development, "{room}");
    }
}

#[test]
fn a_name_that_starts_like_a_row_and_fits_none_is_for_nobody() {
    for room in [
        "user-",
        "user:",
        "orders:",
        "order:",
        "chat-",
        "leaderboard:hourly",
        "leaderboard:",
        "leaderboard:daily2",
        "offers:",
        "offers-food",
        "admin-x",
        "admin:x",
        "admins/x",
        "admin%20",
        "buyers-2",
        "sellers.x",
        "product:",
    ] {
        assert_eq!(guests(Policy::new(true), room), "", "{room}");
    }
}

#[test]
fn the_id_of_a_socket_is_no_room_to_join() {
    assert_eq!(guests(Policy::new(true), "AAAAAAAAAAAAAAAAAAAA"), "");
    // A row's room of the same length stays that row's.
    let long = identity("123456789012345", Role::User, &[]);
    assert_eq!("user-123456789012345".len(), 20);
    assert!(may(Policy::new(false), Some(&long), "user-123456789012345"));
}

#[test]
fn an_owner_is_compared_in_the_encoded_form() {
    let spaced = identity("a b", Role::User, &[]);
    let literal = identity("a%20b", Role::User, &[]);
    let policy = Policy::new(false);
    assert!(may(policy, Some(&spaced), "user:a%20b"));
    assert!(!may(policy, Some(&literal), "user:a%20b"));
    assert!(may(policy, Some(&literal), "user:a%2520b"));
}

#[test]
fn a_grant_opens_only_rows_that_say_so() {
    let granted = identity("6", Role::User, &["user:5", "order:1*", "admin", "cart:*"]);
    let policy = Policy::new(false);
    assert!(may(policy, Some(&granted), "order:12"));
    for room in ["order:2", "user:5", "admin", "cart:5"] {
        assert!(!may(policy, Some(&granted), room), "{room}");
    }
}

#[test]
fn refusals_differ_for_those_who_could_log_in() {
    let room = RoomName::parse("order:1").unwrap();
    let policy = Policy::new(false);
    assert_eq!(policy.may_join(None, &room), Err(Refusal::Unauthorized));
    let stranger = identity("6", Role::User, &[]);
    let refused = policy.may_join(Some(&stranger), &room);
    assert_eq!(refused, Err(Refusal::AccessDenied { room }));
    assert_eq!(refused.unwrap_err().to_string(), "Access denied");
}
