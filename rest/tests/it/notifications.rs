//! Notifications, row by row of section 4's table.

use crier_domain::{Identity, Role, UserId, event::shop::SendNotification};
use serde_json::{Value, json};

use crate::{
    chat::{ask, ask_as, direct},
    client::{API_KEY, Rig, rig},
};

async fn notify(rig: &Rig, to: &str, title: &str) {
    let from = Identity {
        user: UserId::parse("a").unwrap(),
        role: Role::User,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    };
    let sending: SendNotification =
        serde_json::from_value(json!({ "toUserId": to, "title": title })).unwrap();
    rig.services.notifications.send(&from, sending, None).await.unwrap();
}

async fn unread(rig: &Rig) -> Value {
    ask(rig, "b", "GET", "/api/notifications/unread-count", None).await.data(200)
}

#[tokio::test]
async fn they_are_listed_read_one_by_one_and_all_at_once() {
    let rig = rig();
    for n in 0..5 {
        notify(&rig, "b", &n.to_string()).await;
    }
    assert_eq!(unread(&rig).await, json!({ "unreadCount": 5 }));
    let list = ask(&rig, "b", "GET", "/api/notifications?limit=2&page=2", None).await.data(200);
    let titles: Vec<_> =
        list["notifications"].as_array().unwrap().iter().map(|n| &n["title"]).collect();
    assert_eq!(titles, ["2", "1"]);
    assert_eq!(
        (&list["pagination"]["totalPages"], &list["pagination"]["prevPage"]),
        (&json!(3), &json!(1))
    );
    let id = list["notifications"][0]["_id"].as_str().unwrap();
    let one = format!("/api/notifications/{id}");
    let got = ask(&rig, "b", "GET", &one, None).await.data(200);
    assert_eq!(got["notification"]["read"], false);
    assert_eq!(got["notification"]["data"]["from"], "a");
    for _ in 0..2 {
        let read = ask(&rig, "b", "PATCH", &format!("{one}/read"), None).await.data(200);
        assert_eq!(read["notification"]["read"], true);
        assert_eq!(unread(&rig).await, json!({ "unreadCount": 4 }));
    }
    let mut expected = 4;
    for path in ["read-all", "mark-all-read"] {
        for method in ["PATCH", "PUT", "POST"] {
            let all = ask(&rig, "b", method, &format!("/api/notifications/{path}"), None).await;
            assert_eq!(all.data(200), json!({ "modifiedCount": expected }), "{method} {path}");
            notify(&rig, "b", "more").await;
            expected = 1;
        }
    }
}

#[tokio::test]
async fn they_are_the_callers_own() {
    let rig = rig();
    notify(&rig, "b", "x").await;
    let list = ask(&rig, "b", "GET", "/api/notifications", None).await.data(200);
    let id = list["notifications"][0]["_id"].as_str().unwrap().to_owned();
    for (method, path) in [("GET", id.clone()), ("PATCH", format!("{id}/read"))] {
        for (user, id) in [("c", &*id), ("b", "64a1b2c3d4e5f67890123456"), ("b", "x")] {
            let path = path.replace(path.split('/').next().unwrap(), id);
            let answer = ask(&rig, user, method, &format!("/api/notifications/{path}"), None).await;
            answer.expect_error(404, "NOT_FOUND");
        }
    }
    let none = ask(&rig, "c", "GET", "/api/notifications", None).await.data(200);
    assert_eq!(none["notifications"], json!([]));
    let key = format!("Bearer {API_KEY}");
    for path in ["", "/unread-count", "/read-all"] {
        let method = if path == "/read-all" { "PATCH" } else { "GET" };
        let answer = ask_as(&rig, &key, method, &format!("/api/notifications{path}"), None).await;
        answer.expect_error(401, "UNAUTHORIZED");
    }
    assert_eq!(unread(&rig).await, json!({ "unreadCount": 1 }));
}

#[tokio::test]
async fn a_message_to_somebody_who_is_away_is_one() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages");
    let sent = ask(&rig, "a", "POST", &path, Some(json!({ "content": "hi" }))).await.data(201);
    let list = ask(&rig, "b", "GET", "/api/notifications", None).await.data(200);
    let notification = &list["notifications"][0];
    assert_eq!(notification["type"], "chat-message");
    let data = json!({ "chatId": chat, "messageId": sent["message"]["_id"] });
    assert_eq!(notification["data"], data);
}
