//! The marketplace's rooms and its typing.

use std::time::{Duration, Instant};

use crier_domain::Role;
use serde_json::{Value, json};

use super::crier::{Client, Crier};

#[test]
fn each_join_has_its_rooms_and_each_leave_leaves_them() {
    let crier = Crier::start(&[]);
    for room in ["request-7", "chat-7"] {
        crier.grant(room, "5");
    }
    // An id is text or a number: they are the same user, and the same room.
    let mut user = crier.user("5");
    for (word, id, rooms) in [
        ("request", json!(7), &["request-7"][..]),
        ("chat", json!("7"), &["chat-7"]),
        ("seller", json!(5), &["seller-5", "sellers"]),
        ("buyer", json!("5"), &["buyer-5", "buyers"]),
    ] {
        let ok = json!({ "ok": true, "room": rooms[0] });
        assert_eq!(user.call(&format!("join-{word}-room"), &id), ok);
        assert_eq!(user.call(&format!("join-{word}-room"), &id), ok);
        assert_eq!(
            rooms.iter().map(|room| crier.members(room)).collect::<Vec<_>>(),
            vec![1; rooms.len()]
        );
        assert_eq!(user.call(&format!("leave-{word}-room"), &id), ok);
        assert_eq!(rooms.iter().map(|room| crier.members(room)).sum::<u64>(), 0, "{word}");
    }
    for event in ["join-user-room", "user-online"] {
        assert_eq!(user.call(event, &json!("5")), json!({ "ok": true, "room": "user-5" }));
    }
    user.expect_nothing();
}

#[test]
fn an_id_that_is_not_ones_own_is_refused() {
    let crier = Crier::start(&[]);
    let mut ann = crier.user("ann");
    let (mut seller, mut buyer) =
        (crier.with_role("sam", Role::Seller), crier.with_role("bea", Role::Buyer));
    let denied = json!({ "error": "Access denied" });
    for event in [
        "join-user-room",
        "user-online",
        "join-seller-room",
        "join-buyer-room",
        "leave-seller-room",
        "leave-buyer-room",
        "join-request-room",
        "join-chat-room",
    ] {
        assert_eq!(ann.call(event, &json!("ben")), denied, "{event}");
    }
    assert_eq!(seller.call("join-buyer-room", &json!("sam")), denied);
    assert_eq!(buyer.call("join-seller-room", &json!("bea")), denied);
    assert_eq!(seller.call("join-seller-room", &json!("sam"))["ok"], json!(true));
    for room in ["user-ben", "seller-ben", "buyer-ben", "buyers", "request-ben", "chat-ben"] {
        assert_eq!(crier.members(room), 0, "{room}");
    }
    // An admin may look on, and is nobody else for it.
    let mut admin = crier.with_role("boss", Role::Admin);
    assert_eq!(admin.call("join-user-room", &json!("ben"))["ok"], json!(true));
    assert_eq!(admin.call("user-online", &json!("ben")), denied);
    let mut nobody = crier.anonymous();
    assert_eq!(nobody.call("join-user-room", &json!("x")), json!({ "error": "Unauthorized" }));
    for (payload, error) in [
        (
            json!({ "chatId": "5" }),
            "chatId: invalid type: map, expected an id: text of 1 to 256 bytes \
            without control characters, or a whole number",
        ),
        (json!("x".repeat(200)), "chatId: is too long for the name of a room"),
    ] {
        assert_eq!(ann.call("join-chat-room", &payload), json!({ "error": error }), "{payload}");
    }
}

#[test]
fn in_mode_off_the_first_id_is_who_a_socket_is() {
    let crier = Crier::start(&["auth.mode=off"]);
    let mut client = crier.anonymous();
    assert_eq!(client.call("join-seller-room", &json!("sam"))["ok"], json!(true));
    assert_eq!(client.call("join-user-room", &json!("sam"))["ok"], json!(true));
    for event in ["join-user-room", "user-online", "join-buyer-room"] {
        assert_eq!(
            client.call(event, &json!("ben")),
            json!({ "error": "Access denied" }),
            "{event}"
        );
    }
    // Granted reads any user in this mode.
    assert_eq!(client.call("join-request-room", &json!("7"))["ok"], json!(true));
}

/// Three who were granted a chat; the first two are in it.
fn chat(crier: &Crier) -> [Client; 3] {
    let mut all = ["ann", "ben", "eve"].map(|user| {
        crier.grant("chat-7", user);
        crier.user(user)
    });
    for client in all.iter_mut().take(2) {
        assert_eq!(client.call("join-chat-room", &json!(7))["ok"], json!(true));
    }
    all
}

const STOPPED: fn(&str) -> Value =
    |user| json!({ "chatId": "7", "userId": user, "isTyping": false });

#[test]
fn typing_is_told_to_the_others_in_the_chat() {
    let crier = Crier::start(&[]);
    let [mut ann, mut ben, mut eve] = chat(&crier);
    // The name in the payload is not believed; this token has none.
    let start = json!({ "chatId": "7", "userId": "ann", "userName": "Ben" });
    assert_eq!(ann.call("typing-start", &start), json!({ "ok": true }));
    let typing = json!({ "chatId": "7", "userId": "ann", "isTyping": true });
    ben.expect("user-typing", "", &typing);
    let stop = json!({ "chatId": "7", "userId": "ann" });
    assert_eq!(ann.call("typing-stop", &stop), json!({ "ok": true }));
    ben.expect("user-typing", "", &STOPPED("ann"));
    // Not in the chat, and as somebody else.
    let denied = json!({ "error": "Access denied" });
    let as_eve = json!({ "chatId": "7", "userId": "eve" });
    for event in ["typing-start", "typing-stop"] {
        assert_eq!(eve.call(event, &as_eve), denied);
        assert_eq!(ann.call(event, &json!({ "chatId": "7", "userId": "ben" })), denied);
        assert_eq!(
            ann.call(event, &json!({ "chatId": "7" })),
            json!({ "error": "userId: missing field" })
        );
    }
    for client in [&mut ann, &mut ben, &mut eve] {
        client.expect_nothing();
    }
}

#[test]
fn typing_ends_by_itself_by_leaving_and_with_the_connection() {
    let crier = Crier::start(&[]);
    let [mut ann, mut ben, mut eve] = chat(&crier);
    let start = |user: &str| json!({ "chatId": "7", "userId": user });
    ann.call("typing-start", &start("ann"));
    assert_eq!(ann.call("leave-chat-room", &json!("7"))["ok"], json!(true));
    assert_eq!(ben.news().last().unwrap().1, STOPPED("ann"));
    eve.call("join-chat-room", &json!("7"));
    eve.call("typing-start", &start("eve"));
    ben.event("user-typing");
    eve.reset();
    assert_eq!(ben.event("user-typing"), STOPPED("eve"));
    ann.call("join-chat-room", &json!("7"));
    ann.call("typing-start", &start("ann"));
    let began = Instant::now();
    assert_eq!(ben.event("user-typing")["isTyping"], json!(true));
    assert_eq!(ben.event_within("user-typing", Duration::from_secs(20)), STOPPED("ann"));
    let took = began.elapsed();
    assert!((Duration::from_millis(9_500)..Duration::from_secs(13)).contains(&took), "{took:?}");
    ann.expect_nothing();
}
