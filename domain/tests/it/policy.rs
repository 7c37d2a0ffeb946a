//! Who may join which room.

use std::{future::Future, pin::pin, sync::Arc, task};

use crier_domain::{
    Identity, Membership, Policy, Refusal, Role, RoomName, RoomPattern, RoomRule, UserId,
    room::MembershipFuture,
};

/// Order 1 is of user 5, who takes part in chat 1; user 6 was granted `order:7` and `club`.
#[derive(Debug)]
struct Stored;

impl Membership for Stored {
    fn owner_of_order<'a>(&'a self, order_id: &'a str) -> MembershipFuture<'a, Option<UserId>> {
        let owner = (order_id == "1").then(|| UserId::parse("5").unwrap());
        Box::pin(async move { Ok(owner) })
    }

    fn is_participant<'a>(
        &'a self,
        chat_id: &'a str,
        who: &'a Identity,
    ) -> MembershipFuture<'a, bool> {
        Box::pin(async move { Ok(chat_id == "1" && who.user.as_str() == "5") })
    }

    fn is_granted<'a>(
        &'a self,
        room: &'a RoomName,
        user: &'a UserId,
    ) -> MembershipFuture<'a, bool> {
        let rooms = ["order:7", "club", "user:5"];
        Box::pin(async move { Ok(user.as_str() == "6" && rooms.contains(&room.as_str())) })
    }
}

/// Nothing is to be had from the store.
#[derive(Debug)]
struct Away;

impl Membership for Away {
    fn owner_of_order<'a>(&'a self, _: &'a str) -> MembershipFuture<'a, Option<UserId>> {
        Box::pin(async { Err(away()) })
    }
    fn is_participant<'a>(&'a self, _: &'a str, _: &'a Identity) -> MembershipFuture<'a, bool> {
        Box::pin(async { Err(away()) })
    }
    fn is_granted<'a>(&'a self, _: &'a RoomName, _: &'a UserId) -> MembershipFuture<'a, bool> {
        Box::pin(async { Err(away()) })
    }
}

fn away() -> Refusal {
    Refusal::Unavailable { retry_after: std::time::Duration::from_secs(1) }
}

fn production() -> Policy {
    Policy::new(Vec::new(), false, Arc::new(Stored))
}

fn development() -> Policy {
    Policy::new(Vec::new(), true, Arc::new(Stored))
}

fn with(rules: &[(&str, &[&str])]) -> Policy {
    let rules = rules.iter().map(|(pattern, who)| RoomRule::parse(pattern, who).unwrap());
    Policy::new(rules.collect(), false, Arc::new(Stored))
}

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

/// Runs what waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = task::Context::from_waker(task::Waker::noop());
    match pin!(future).poll(&mut context) {
        task::Poll::Ready(done) => done,
        task::Poll::Pending => panic!("it waits"),
    }
}

fn join(policy: &Policy, who: Option<&Identity>, room: &str) -> Result<(), Refusal> {
    now(policy.may_join(who, &RoomName::parse(room).unwrap()))
}

fn may(policy: &Policy, who: Option<&Identity>, room: &str) -> bool {
    join(policy, who, room).is_ok()
}

/// Who gets in, one letter each: `-` anonymous, `o` user 5, `x` user 6, `b`/`s` user 5 as buyer and
/// as seller, `g` user 6 with a token that grants all, `t` an agent, `a` an admin.
fn guests(policy: &Policy, room: &str) -> String {
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
        ("chat-1", "obsga", "oxbsgta"),
        ("chat-2", "ga", "oxbsgta"),
        ("order:1", "obsga", "oxbsgta"),
        ("order:2", "ga", "oxbsgta"),
        ("order:7", "xga", "oxbsgta"),
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
        assert_eq!(guests(&production(), room), in_production, "{room}");
        assert_eq!(guests(&development(), room), in_development, "{room}");
    }
}

#[test]
fn a_name_that_starts_like_a_row_and_fits_none_is_for_nobody() {
    let open = with(&[("*", &["public"]), ("user:*", &["public"]), ("leaderboard:*", &["public"])]);
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
        assert_eq!(guests(&development(), room), "", "{room}");
        assert_eq!(guests(&open, room), "", "{room}");
    }
}

#[test]
fn the_id_of_a_socket_is_no_room_to_join() {
    let open = with(&[("*", &["public"])]);
    for policy in [development(), open] {
        assert_eq!(guests(&policy, "AAAAAAAAAAAAAAAAAAAA"), "");
    }
    // A row's room of the same length stays that row's.
    let long = identity("123456789012345", Role::User, &[]);
    assert_eq!("user-123456789012345".len(), 20);
    assert!(may(&production(), Some(&long), "user-123456789012345"));
}

#[test]
fn an_owner_is_compared_in_the_encoded_form() {
    let spaced = identity("a b", Role::User, &[]);
    let literal = identity("a%20b", Role::User, &[]);
    let policy = production();
    assert!(may(&policy, Some(&spaced), "user:a%20b"));
    assert!(!may(&policy, Some(&literal), "user:a%20b"));
    assert!(may(&policy, Some(&literal), "user:a%2520b"));
    // Order 1, spelled so that no event for it would ever come here.
    let owner = identity("5", Role::User, &[]);
    assert!(!may(&policy, Some(&owner), "order:%31"));
}

#[test]
fn a_grant_opens_only_rows_that_say_so() {
    let by_token = identity("9", Role::User, &["user:5", "order:2*", "admin", "cart:*"]);
    let stored = identity("6", Role::User, &[]);
    for (who, room, expected) in [
        (&by_token, "order:22", true),
        (&by_token, "order:3", false),
        (&by_token, "user:5", false),
        (&by_token, "admin", false),
        (&by_token, "cart:5", false),
        (&stored, "order:7", true),
        (&stored, "order:8", false),
        (&stored, "user:5", false),
    ] {
        assert_eq!(may(&production(), Some(who), room), expected, "{room}");
    }
}

#[test]
fn an_operators_rules_are_over_the_table() {
    let rules: &[(&str, &[&str])] = &[
        ("club", &["granted", "admin"]),
        ("lobby*", &["public"]),
        ("lobby-5*", &["deny"]),
        ("home:*", &["owner"]),
        ("order:*", &["agent"]),
        ("order:1", &["owner"]),
        ("chat-*", &["participant"]),
        ("group:*", &["user"]),
        ("u*", &["public"]),
        ("admins", &["agent", "admin"]),
        ("*", &["admin"]),
    ];
    for (room, expected) in [
        ("club", "xga"),
        ("lobby", "-oxbsgta"),
        ("lobby-4", "-oxbsgta"),
        // The narrowest rule holds.
        ("lobby-55", ""),
        ("home:5", "obs"),
        ("order:2", "t"),
        ("order:1", "obs"),
        ("chat-1", "obs"),
        ("group:1", "oxbsgta"),
        // A rule that is wider than a row is not about that row's rooms.
        ("user:5", "obsa"),
        ("union", "-oxbsgta"),
        ("admin", "a"),
        ("admins", "ta"),
        ("anything", "a"),
        ("offers", "-oxbsgta"),
    ] {
        assert_eq!(guests(&with(rules), room), expected, "{room}");
    }
}

#[test]
fn refusals_differ_for_those_who_could_log_in() {
    let room = RoomName::parse("order:2").unwrap();
    let policy = production();
    assert_eq!(now(policy.may_join(None, &room)), Err(Refusal::Unauthorized));
    let stranger = identity("6", Role::User, &[]);
    let refused = now(policy.may_join(Some(&stranger), &room));
    assert_eq!(refused, Err(Refusal::AccessDenied { room }));
    assert_eq!(refused.unwrap_err().to_string(), "Access denied");
}

#[test]
fn a_store_that_is_away_is_asked_only_where_the_token_does_not_settle_it() {
    let policy = Policy::new(Vec::new(), false, Arc::new(Away));
    let user = identity("5", Role::User, &["order:1"]);
    for (room, expected) in [
        ("user:5", Ok(())),
        ("order:1", Ok(())),
        ("lobby", Ok(())),
        ("order:2", Err(away())),
        ("chat-1", Err(away())),
        ("user:6", Err(Refusal::AccessDenied { room: RoomName::parse("user:6").unwrap() })),
    ] {
        assert_eq!(join(&policy, Some(&user), room), expected, "{room}");
    }
}

#[test]
fn what_being_in_a_room_together_means() {
    let room = |name: &str| RoomName::parse(name).unwrap();
    let policy = with(&[("lobby", &["public"])]);
    for (name, public, anything_else) in [
        ("offers", true, false),
        ("product:1", true, false),
        ("lobby", true, true),
        ("club", false, true),
        ("order:1", false, false),
        ("leaderboard:hourly", false, false),
    ] {
        assert_eq!(policy.is_public(&room(name)), public, "{name}");
        assert_eq!(Policy::is_anything_else(&room(name)), anything_else, "{name}");
    }
}
