//! `joinRoom`, `leaveRoom`, `message`: who hears what, and who is refused.

use crier_domain::Role;
use serde_json::{Value, json};

use super::crier::Crier;

#[test]
fn the_others_hear_who_comes_and_goes() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben, mut eve) = (crier.user("ann"), crier.user("ben"), crier.user("eve"));
    let joined = json!({ "ok": true, "room": "lobby" });
    assert_eq!(ann.call("joinRoom", &json!("lobby")), joined);
    assert_eq!(ben.call("joinRoom", &json!("lobby")), joined);
    let by_ben = json!({ "event": "joined", "room": "lobby", "by": ben.id });
    ann.expect("joined", "", &by_ben);
    // A repeated join is no news.
    assert_eq!(ben.call("joinRoom", &json!("lobby")), joined);
    ann.expect_nothing();
    assert_eq!(ben.call("leaveRoom", &json!("lobby")), joined);
    ann.expect("left", "", &json!({ "event": "left", "room": "lobby", "by": ben.id }));
    assert_eq!(ben.call("leaveRoom", &json!("lobby")), joined);
    for client in [&mut ann, &mut ben, &mut eve] {
        client.expect_nothing();
    }
    assert_eq!(crier.members("lobby"), 1);
}

#[test]
fn rooms_are_joined_by_the_one_policy() {
    let crier = Crier::start(&[]);
    let (mut ann, mut nobody) = (crier.user("ann"), crier.anonymous());
    let other = nobody.id.clone();
    for room in [
        "user:ben",
        "user-ben",
        "cart:ben",
        "admin",
        "sellers",
        "order:5",
        "chat-5",
        "support_ticket:1",
        "leaderboard:hourly",
        &other,
    ] {
        assert_eq!(
            ann.call("joinRoom", &json!(room)),
            json!({ "error": "Access denied" }),
            "{room}"
        );
    }
    let name = "room: a room is named by 1 to 128 bytes of A-Z a-z 0-9 _ - : . @ / %";
    for (payload, error) in [
        (json!("a b"), name),
        (json!(""), name),
        (json!(null), "room: invalid type: null, expected a string"),
        (json!({ "room": "a" }), "room: invalid type: map, expected a string"),
    ] {
        assert_eq!(ann.call("joinRoom", &payload), json!({ "error": error }), "{payload}");
        assert_eq!(ann.call("leaveRoom", &payload), json!({ "error": error }), "{payload}");
    }
    assert_eq!(nobody.call("joinRoom", &json!("lobby")), json!({ "error": "Unauthorized" }));
    let public = nobody.call("joinRoom", &json!("offers:food"));
    assert_eq!(public, json!({ "ok": true, "room": "offers:food" }));
    crier.grant("order:5", "ann");
    assert_eq!(ann.call("joinRoom", &json!("order:5"))["ok"], json!(true));
    // Without an ack, a refusal is an event.
    ann.emit("joinRoom", &json!("user:ben"));
    let error = json!({ "code": "ACCESS_DENIED", "message": "Access denied",
        "details": { "room": "user:ben" } });
    ann.expect("error", "timestamp", &error);
    assert_eq!(crier.members("user:ben"), 0);
}

#[test]
fn a_message_goes_to_the_others_in_the_room() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben, mut eve) = (crier.user("ann"), crier.user("ben"), crier.user("eve"));
    for client in [&mut ann, &mut ben] {
        client.call("joinRoom", &json!("lobby"));
    }
    ann.news();
    let text = "<b>hi</b>\n\t😀";
    let sent = ann.call("message", &json!({ "room": "lobby", "text": text, "meta": { "a": [1] } }));
    assert_eq!(sent, json!({ "ok": true, "sentTo": "room:lobby" }));
    let from = json!({ "id": "ann", "name": null });
    let expected = json!({ "room": "lobby", "text": text, "from": from, "meta": { "a": [1] } });
    ben.expect("message", "ts", &expected);
    ann.emit("message", &json!({ "room": "lobby", "text": "x" }));
    ann.expect_nothing();
    ben.expect("message", "ts", &json!({ "room": "lobby", "text": "x", "from": from }));
    eve.expect_nothing();
}

#[test]
fn a_message_that_is_not_to_be_sent() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben) = (crier.user("ann"), crier.user("ben"));
    for client in [&mut ann, &mut ben] {
        client.call("joinRoom", &json!("lobby"));
        client.call("joinRoom", &json!("offers"));
    }
    ann.news();
    ben.call("joinRoom", &json!("ben's".replace('\'', "-")));
    let long = "x".repeat(5_001);
    let missing = "text: missing field";
    for (payload, error) in [
        // Not in it, and in it but of the table.
        (json!({ "room": "ben-s", "text": "x" }), "Access denied"),
        (json!({ "room": "offers", "text": "x" }), "Access denied"),
        (json!({ "room": "user:ann", "text": "x" }), "Access denied"),
        (json!({ "room": "lobby" }), missing),
        (json!({ "room": "lobby", "text": "" }), "text: expected 1 to 5000 characters"),
        (json!({ "room": "lobby", "text": long }), "text: expected 1 to 5000 characters"),
        (
            json!({ "room": "lobby", "text": "x", "from": "ben" }),
            "from: unknown field, expected one \
            of `room`, `text`, `meta`, `clientId`",
        ),
        (
            json!({ "room": "lobby", "text": "x", "clientId": "" }),
            "clientId: expected 1 to 64 bytes",
        ),
    ] {
        assert_eq!(ann.call("message", &payload), json!({ "error": error }), "{payload}");
    }
    let refused = ann.call("message", &json!({ "room": "lobby", "text": "a\u{0}" }));
    assert!(
        refused["error"].as_str().unwrap().starts_with("text: control characters"),
        "{refused}"
    );
    ben.expect_nothing();
    let mut nobody = crier.anonymous();
    let refused = nobody.call("message", &json!({ "room": "lobby", "text": "x" }));
    assert_eq!(refused, json!({ "error": "Access denied" }));
}

#[test]
fn a_message_with_an_id_is_sent_once_and_twenty_a_minute_are() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben) = (crier.user("ann"), crier.user("ben"));
    for client in [&mut ann, &mut ben] {
        client.call("joinRoom", &json!("lobby"));
    }
    let message = |text: &str, id: &str| json!({ "room": "lobby", "text": text, "clientId": id });
    let sent = json!({ "ok": true, "sentTo": "room:lobby" });
    for _ in 0..30 {
        assert_eq!(ann.call("message", &message("x", "1")), sent);
    }
    let mut again = crier.user("ann");
    again.call("joinRoom", &json!("lobby"));
    assert_eq!(again.call("message", &message("x", "1")), sent, "on another socket");
    let other = ann.call("message", &message("y", "1"));
    assert_eq!(other, json!({ "error": "the id was used for something else" }));
    let count = |news: Vec<(String, Value)>| news.iter().filter(|(n, _)| n == "message").count();
    assert_eq!(count(ben.news()), 1);
    for n in 2..=20 {
        assert_eq!(ann.call("message", &message("x", &n.to_string())), sent, "{n}");
    }
    let refused = ann.call("message", &message("x", "21"));
    assert_eq!(refused["error"], json!("Rate limit exceeded"));
    assert!((30..=60).contains(&refused["retryAfter"].as_u64().unwrap()), "{refused}");
    assert_eq!(count(ben.news()), 19);
    // Who sends again what arrived is told so, though it may not be sent any more.
    ann.call("leaveRoom", &json!("lobby"));
    assert_eq!(ann.call("message", &message("x", "2")), sent);
    let refused = ann.call("message", &message("x", "22"));
    assert_eq!(refused, json!({ "error": "Access denied" }));
}

#[test]
fn an_anonymous_socket_may_write_where_the_operator_lets_it() {
    let crier = Crier::start(&["rooms.policy=lobby=public"]);
    let (mut nobody, mut ann) = (crier.anonymous(), crier.user("ann"));
    for client in [&mut nobody, &mut ann] {
        assert_eq!(client.call("joinRoom", &json!("lobby"))["ok"], json!(true));
    }
    let sent = nobody.call("message", &json!({ "room": "lobby", "text": "x", "clientId": "1" }));
    assert_eq!(sent, json!({ "ok": true, "sentTo": "room:lobby" }));
    ann.expect("message", "ts", &json!({ "room": "lobby", "text": "x", "from": null }));
}

#[test]
fn whoami_answers_the_bare_identity() {
    let crier = Crier::start(&[]);
    let mut ann = crier.with_role("ann", Role::Seller);
    let expected = json!({ "userId": "ann", "role": "seller", "email": null, "isVerified": false });
    assert_eq!(ann.call("whoami", &Value::Null), expected);
    assert_eq!(ann.call_with("whoami", &[]), expected);
    let mut nobody = crier.anonymous();
    assert_eq!(nobody.call("whoami", &Value::Null), json!({ "error": "Unauthorized" }));
}
