//! Grants, subscriptions, an operator's rules: who is in which room.

use crier_domain::{Role, RoomName, RoomRule, UserId};
use serde_json::{Value, json};

use super::rig::{Client, Live, Setup};

fn subscribe(client: &mut Client, channel: &str) -> Value {
    client.call("subscribe", &json!({ "channel": channel }))
}

fn denied() -> Value {
    json!({ "error": "Access denied" })
}

fn ok(channel: &str) -> Value {
    json!({ "ok": true, "channel": channel })
}

#[test]
fn a_grant_opens_a_room_and_its_end_closes_it_at_once() {
    let live = Live::start(Setup::default());
    let (mut ann, mut ben) = (live.user("ann"), live.user("ben"));
    let (room, user) = (RoomName::parse("group:5").unwrap(), UserId::parse("ann").unwrap());
    let grants = &live.context.services.grants;
    assert_eq!(subscribe(&mut ann, "group_5"), denied());
    live.runtime.block_on(grants.put(&room, &user, None)).unwrap();
    assert_eq!(subscribe(&mut ann, "group_5"), ok("group_5"));
    assert_eq!(subscribe(&mut ben, "group_5"), denied());
    let reached = live.runtime.block_on(grants.delete(&room, &user)).unwrap();
    assert_eq!(reached.matched, 1);
    assert!(!live.has_room("group:5"));
    assert_eq!(subscribe(&mut ann, "group_5"), denied());
    // Nothing is taken from who has none.
    let reached = live.runtime.block_on(grants.delete(&room, &user)).unwrap();
    assert_eq!(reached.matched, 0);
}

#[test]
fn subscriptions_are_restored_and_asked_about_again() {
    let live = Live::start(Setup::default());
    let mut ann = live.with_role("ann", Role::Agent);
    for channel in ["offers_food", "support_ticket_7", "cart", "leaderboard"] {
        assert_eq!(subscribe(&mut ann, channel), ok(channel));
    }
    let answer = ann.call("unsubscribe", &json!({ "channel": "cart" }));
    assert_eq!(answer, ok("cart"));
    assert!(!live.has_room("cart:ann"));
    ann.reset();
    tests::raw::eventually(tests::raw::WAIT, || match live.io.main().rooms().len() {
        0 => Ok(()),
        rooms => Err(format!("{rooms} rooms")),
    });
    // No agent any more.
    let mut ann = live.user("ann");
    for (room, is_in) in [
        ("offers:food", true),
        ("leaderboard:daily", true),
        ("support_ticket:7", false),
        ("cart:ann", false),
    ] {
        assert_eq!(live.has_room(room), is_in, "{room}");
    }
    assert_eq!(ann.count(&["error"]), 0);
    drop(ann);
    // What was denied stays remembered.
    let _agent = live.with_role("ann", Role::Agent);
    assert!(live.has_room("support_ticket:7"));
}

#[test]
fn an_operators_rules_hold_for_subscriptions() {
    let rules = [("group:*", &["user"][..]), ("offers:*", &["deny"])];
    let rules = rules.map(|(pattern, who)| RoomRule::parse(pattern, who).unwrap());
    let live = Live::start(Setup { rules: rules.into(), ..Setup::default() });
    let mut ann = live.user("ann");
    assert_eq!(subscribe(&mut ann, "group_5"), ok("group_5"));
    assert_eq!(subscribe(&mut ann, "offers_food"), denied());
    assert_eq!(subscribe(&mut ann, "offers"), ok("offers"));
}

#[test]
fn the_development_key_grants_every_user() {
    let live = Live::start(Setup { any_user_is_granted: true, ..Setup::default() });
    assert_eq!(subscribe(&mut live.user("ann"), "order_9"), ok("order_9"));
    let mut nobody = live.client(&json!({}));
    assert_eq!(subscribe(&mut nobody, "order_9"), json!({ "error": "Unauthorized" }));
}

#[test]
fn a_side_of_the_market_is_entered_and_left_with_its_rooms() {
    let live = Live::start(Setup::default());
    let mut boss = live.with_role("boss", Role::Admin);
    for (event, room, sellers) in [
        ("joinRoom", "seller-5", true),
        ("leaveRoom", "seller-5", false),
        ("join-seller-room", "5", true),
        ("leaveRoom", "seller-5", false),
        ("join-seller-room", "5", true),
        ("joinRoom", "seller-6", true),
        ("leaveRoom", "seller-6", true),
        ("joinRoom", "seller-6", true),
        ("leave-seller-room", "5", true),
        ("leave-seller-room", "6", false),
    ] {
        let answer = boss.call(event, &json!(room));
        assert_eq!(answer["ok"], json!(true), "{event} {room}: {answer}");
        assert_eq!(live.has_room("sellers"), sellers, "{event} {room}");
    }
    // Where a backend has put it is not undone with a room of its own.
    boss.call("joinRoom", &json!("seller-5"));
    live.order("boss", crier_domain::cluster::Action::Join(vec!["sellers".into()]));
    boss.call("leaveRoom", &json!("seller-5"));
    assert!(live.has_room("sellers"));
}

#[test]
fn one_room_too_many_is_refused() {
    let live = Live::start(Setup::default());
    let mut ann = live.user("ann");
    let own = 2;
    for n in own..256 {
        assert_eq!(subscribe(&mut ann, &format!("offers_{n}"))["ok"], json!(true), "{n}");
    }
    let refused = subscribe(&mut ann, "offers");
    assert_eq!(refused, json!({ "error": "a socket may be in at most 256 rooms" }));
    assert!(!live.has_room("offers"));
}
