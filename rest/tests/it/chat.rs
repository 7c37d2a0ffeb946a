//! Chats, row by row of section 4's table.

use std::time::Duration;

use crier_domain::{DEVELOPMENT_SECRET, Role, mint};
use http::Method;
use serde_json::{Value, json};

use crate::client::{API_KEY, Answer, Rig, call, rig};

/// A token of this user.
pub(crate) fn token(user: &str, role: Role) -> String {
    let secret = DEVELOPMENT_SECRET.as_bytes();
    format!("Bearer {}", mint(secret, user, role, None, Duration::from_secs(60)))
}

pub(crate) async fn ask_as(
    rig: &Rig,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let call = call(method, path).header("authorization", token);
    match body {
        Some(body) => call.json(&body).send(rig).await,
        None => call.send(rig).await,
    }
}

/// A call of a user of role `user`.
pub(crate) async fn ask(
    rig: &Rig,
    user: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    ask_as(rig, &token(user, Role::User), method, path, body).await
}

impl Answer {
    /// Checks the status and `{ success: true, data }`; gives the data.
    #[track_caller]
    pub(crate) fn data(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let mut json = self.json();
        assert_eq!(json["success"], true);
        assert_eq!(json.as_object().unwrap().len(), 2);
        json["data"].take()
    }
}

pub(crate) async fn direct(rig: &Rig, a: &str, b: &str) -> String {
    let made = ask(rig, a, "POST", "/api/chat", Some(json!({ "participantIds": [b] }))).await;
    made.data(201)["chat"]["_id"].as_str().unwrap().to_owned()
}

async fn group(rig: &Rig, members: &[&str]) -> String {
    let body = json!({ "participantIds": members, "type": "group", "title": "Team" });
    let made = ask(rig, members[0], "POST", "/api/chat", Some(body)).await;
    made.data(201)["chat"]["_id"].as_str().unwrap().to_owned()
}

async fn say(rig: &Rig, user: &str, chat: &str, text: &str) -> String {
    let path = format!("/api/chat/{chat}/messages");
    let sent = ask(rig, user, "POST", &path, Some(json!({ "content": text }))).await;
    sent.data(201)["message"]["_id"].as_str().unwrap().to_owned()
}

fn events(rig: &Rig) -> Vec<String> {
    rig.bus.published().into_iter().map(|event| event.event).collect()
}

#[tokio::test]
async fn a_chat_is_made_and_a_direct_one_found_again() {
    let rig = rig();
    let body = json!({ "participantIds": ["b", "a", "b"] });
    let made = ask(&rig, "a", "POST", "/api/chat", Some(body)).await.data(201);
    let chat = &made["chat"];
    assert_eq!(
        (&chat["type"], &chat["participants"], &chat["createdBy"]),
        (&json!("direct"), &json!(["a", "b"]), &json!("a"))
    );
    assert_eq!((&chat["unreadCount"], &chat["archived"]), (&json!(0), &json!(false)));
    let body = json!({ "participantIds": ["a"], "type": "direct" });
    let again = ask(&rig, "b", "POST", "/api/chat", Some(body)).await.data(200);
    assert_eq!(again["chat"]["_id"], chat["_id"]);
    let body = json!({
        "participantIds": ["b", "c"], "type": "group", "title": "Team", "metadata": { "x": [1] },
    });
    let group = ask(&rig, "a", "POST", "/api/chat", Some(body)).await.data(201);
    assert_eq!(
        (&group["chat"]["title"], &group["chat"]["metadata"]),
        (&json!("Team"), &json!({ "x": [1] }))
    );
}

#[tokio::test]
async fn what_makes_no_chat_is_refused_by_its_field() {
    let rig = rig();
    for (body, status, path) in [
        (json!({}), 422, "participantIds"),
        (json!({ "participantIds": "b" }), 422, "participantIds"),
        (json!({ "participantIds": ["b", {}] }), 422, "participantIds.1"),
        (json!({ "participantIds": ["b"], "type": "support" }), 422, "type"),
        (json!({ "participantIds": ["b"], "extra": 1 }), 422, "extra"),
        (json!({ "participantIds": ["b"], "type": "group", "title": "\u{7}" }), 422, "title"),
        (json!({ "participantIds": ["b"], "metadata": [] }), 422, "metadata"),
        (
            json!({ "participantIds": ["b"], "metadata": { "x": "y".repeat(5_000) } }),
            422,
            "metadata",
        ),
        (json!({ "participantIds": [] }), 400, "participantIds"),
        (json!({ "participantIds": ["a"] }), 400, "participantIds"),
        (json!({ "participantIds": ["b", "c"] }), 400, "participantIds"),
        (json!({ "participantIds": ["b"], "title": "x" }), 400, "title"),
    ] {
        let answer = ask(&rig, "a", "POST", "/api/chat", Some(body.clone())).await;
        let code = if status == 422 { "VALIDATION_ERROR" } else { "BAD_REQUEST" };
        answer.expect_error(status, code);
        assert_eq!(answer.json()["error"]["details"]["path"], path, "{body}");
    }
    // Unknown users are unknown once any are known.
    let profile = json!({ "name": "Bee" });
    ask_as(&rig, &token("s", Role::Service), "PUT", "/api/users/b", Some(profile)).await;
    let body = json!({ "participantIds": ["nobody"] });
    ask(&rig, "a", "POST", "/api/chat", Some(body)).await.expect_error(404, "NOT_FOUND");
    let stats = ask(&rig, "a", "GET", "/api/chat/stats", None).await.data(200);
    assert_eq!(stats, json!({ "totalChats": 0, "totalMessages": 0, "totalUnread": 0 }));
}

#[tokio::test]
async fn a_purchase_request_has_one_chat() {
    let rig = rig();
    let path = "/api/chat/purchase-request";
    let body = || Some(json!({ "purchaseRequestId": 7, "sellerId": "s" }));
    let first = ask(&rig, "a", "POST", path, body()).await.data(201);
    assert_eq!(ask(&rig, "a", "POST", path, body()).await.data(200)["chat"], first["chat"]);
    let chat = &first["chat"];
    assert_eq!(
        (&chat["purchaseRequestId"], &chat["buyerId"], &chat["sellerId"]),
        (&json!(7), &json!("a"), &json!("s"))
    );
    let other = ask(&rig, "b", "POST", path, body()).await.data(201);
    assert_ne!(other["chat"]["_id"], chat["_id"]);
    let own = ask(&rig, "s", "POST", path, body()).await;
    own.expect_error(400, "BAD_REQUEST");
    let path = format!("/api/chat/{}/info", chat["_id"].as_str().unwrap());
    ask(&rig, "b", "GET", &path, None).await.expect_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn support_answers_as_one() {
    let rig = rig();
    let body = json!({ "subject": "Help", "initialMessage": "it broke" });
    let made = ask(&rig, "a", "POST", "/api/chat/support", Some(body)).await.data(201);
    let chat = &made["chat"];
    assert_eq!(
        (&chat["participants"], &chat["subject"]),
        (&json!(["a", "support"]), &json!("Help"))
    );
    assert_eq!(chat["lastMessage"]["content"], "it broke");
    ask(&rig, "a", "POST", "/api/chat/support", None).await.data(201);
    let id = chat["_id"].as_str().unwrap();
    let agent = token("g", Role::Agent);
    let list = ask_as(&rig, &agent, "GET", "/api/chat?type=support", None).await.data(200);
    // Both may be of one millisecond.
    let listed = list["chats"].as_array().unwrap().iter().find(|chat| chat["_id"] == id).unwrap();
    assert_eq!(
        (&list["pagination"]["totalRecords"], &listed["unreadCount"]),
        (&json!(2), &json!(1))
    );
    let path = format!("/api/chat/{id}/messages");
    let answer = ask_as(&rig, &agent, "POST", &path, Some(json!({ "content": "try again" }))).await;
    assert_eq!(answer.data(201)["message"]["senderId"], "g");
    ask(&rig, "b", "GET", &path, None).await.expect_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn chats_are_listed_with_figures_and_everything_about_them() {
    let rig = rig();
    let (first, second) = (direct(&rig, "a", "b").await, group(&rig, &["a", "b", "c"]).await);
    say(&rig, "b", &second, "one").await;
    say(&rig, "b", &first, "two").await;
    let list = ask(&rig, "a", "GET", "/api/chat?limit=1", None).await.data(200);
    assert_eq!(list["chats"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&list["chats"][0]["_id"], &list["chats"][0]["unreadCount"]),
        (&json!(first), &json!(1))
    );
    let pagination = json!({
        "currentPage": 1, "nextPage": 2, "prevPage": null, "hasNext": true, "hasPrev": false,
        "totalPages": 2, "totalRecords": 2,
    });
    assert_eq!(list["pagination"], pagination);
    let groups = ask(&rig, "a", "GET", "/api/chat?type=group", None).await.data(200);
    assert_eq!(groups["chats"][0]["_id"], json!(second));
    for query in ["limit=101", "limit=0", "page=0", "type=x", "x=1", "page=a"] {
        let name = query.split('=').next().unwrap();
        let answer = ask(&rig, "a", "GET", &format!("/api/chat?{query}"), None).await;
        assert_eq!(answer.expect_invalid(), name);
    }
    let stats = ask(&rig, "a", "GET", "/api/chat/stats", None).await.data(200);
    assert_eq!(stats, json!({ "totalChats": 2, "totalMessages": 2, "totalUnread": 2 }));
    let info = ask(&rig, "a", "GET", &format!("/api/chat/{second}/info"), None).await.data(200);
    assert_eq!(info["unread"], json!({ "a": 1, "b": 0, "c": 1 }));
    assert_eq!((&info["type"], &info["title"]), (&json!("group"), &json!("Team")));
    assert_eq!(info["lastMessage"]["content"], "one");
    let creator = json!({ "_id": "a", "name": null, "avatar": null, "role": "user" });
    assert_eq!(info["participants"][0], creator);
}

#[tokio::test]
async fn archiving_toggles_by_put_and_patch() {
    let rig = rig();
    let path = format!("/api/chat/{}/archive", direct(&rig, "a", "b").await);
    for (method, archived) in [("PUT", true), ("PATCH", false), ("PATCH", true)] {
        let answer = ask(&rig, "a", method, &path, None).await;
        assert_eq!(answer.data(200), json!({ "archived": archived }));
    }
    let chats = ask(&rig, "b", "GET", "/api/chat", None).await.data(200);
    assert_eq!(chats["chats"][0]["archived"], false);
    let answer = ask(&rig, "a", "POST", &path, None).await;
    answer.expect_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn participants_come_and_go() {
    let rig = rig();
    let (pair, group) = (direct(&rig, "a", "b").await, group(&rig, &["a", "b"]).await);
    let path = |chat: &str| format!("/api/chat/{chat}/participants");
    let new = |user: &str| Some(json!({ "userId": user }));
    let added = ask(&rig, "a", "POST", &path(&group), new("c")).await.data(200);
    assert_eq!(added["chat"]["participants"], json!(["a", "b", "c"]));
    ask(&rig, "b", "POST", &path(&group), new("d")).await.expect_error(403, "FORBIDDEN");
    ask(&rig, "a", "POST", &path(&pair), new("d")).await.expect_error(400, "BAD_REQUEST");
    let wrong = ask(&rig, "a", "POST", &path(&group), Some(json!({ "userId": "" }))).await;
    assert_eq!(wrong.expect_invalid(), "userId");
    let admin = token("root", Role::Admin);
    ask_as(&rig, &admin, "POST", &path(&group), new("d")).await.data(200);
    let one = |user: &str| format!("{}/{user}", path(&group));
    ask(&rig, "b", "DELETE", &one("c"), None).await.expect_error(403, "FORBIDDEN");
    ask(&rig, "a", "DELETE", &one("nobody"), None).await.expect_error(404, "NOT_FOUND");
    ask(&rig, "d", "DELETE", &one("d"), None).await.data(200);
    let left = ask(&rig, "a", "DELETE", &one("c"), None).await.data(200);
    assert_eq!(left["chat"]["participants"], json!(["a", "b"]));
    ask(&rig, "c", "GET", &format!("/api/chat/{group}/info"), None)
        .await
        .expect_error(403, "FORBIDDEN");
    let order = rig.cluster.orders.lock().unwrap().pop().unwrap();
    assert_eq!(order.rooms[0].as_str(), format!("chat-{group}"));
}

#[tokio::test]
async fn messages_are_sent_listed_read_changed_and_deleted() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages");
    let first = say(&rig, "a", &chat, "one <b>").await;
    let body = json!({ "content": "two", "type": "text", "replyToMessageId": first, "metadata": { "x": 1 } });
    let second = ask(&rig, "a", "POST", &path, Some(body)).await.data(201)["message"].clone();
    assert_eq!(
        (&second["replyToMessageId"], &second["metadata"]),
        (&json!(first), &json!({ "x": 1 }))
    );
    assert_eq!(
        (&second["chatId"], &second["type"], &second["senderId"]),
        (&json!(chat), &json!("text"), &json!("a"))
    );
    say(&rig, "a", &chat, "three").await;

    let list = ask(&rig, "b", "GET", &format!("{path}?limit=2"), None).await.data(200);
    let contents: Vec<_> =
        list["messages"].as_array().unwrap().iter().map(|m| &m["content"]).collect();
    assert_eq!(contents, ["three", "two"]);
    assert_eq!(list["pagination"]["totalRecords"], 3);
    for before in [second["_id"].as_str().unwrap(), second["createdAt"].as_str().unwrap()] {
        let list = ask(&rig, "b", "GET", &format!("{path}?before={before}"), None).await.data(200);
        assert_eq!(list["messages"].as_array().unwrap().len(), 1, "{before}");
        assert_eq!(list["messages"][0]["_id"], json!(first));
    }
    for query in ["before=yesterday", "before=64a1b2c3d4e5f67890123456", "limit=101"] {
        let answer = ask(&rig, "b", "GET", &format!("{path}?{query}"), None).await;
        assert_eq!(answer.expect_invalid(), query.split('=').next().unwrap());
    }

    let read = format!("{path}/read");
    for (body, count) in [
        (Some(json!({ "messageIds": [first] })), 1),
        (Some(json!({ "messageIds": [first] })), 0),
        (Some(json!({ "messageIds": [] })), 2),
        (Some(json!({})), 0),
        (None, 0),
    ] {
        let answer = ask(&rig, "b", "PATCH", &read, body).await;
        assert_eq!(answer.data(200), json!({ "modifiedCount": count }));
    }
    let wrong = ask(&rig, "b", "PATCH", &read, Some(json!({ "messageIds": [first, "x"] }))).await;
    assert_eq!(wrong.expect_invalid(), "messageIds.1");

    let one = format!("{path}/{first}");
    for (method, text) in [("PUT", "uno"), ("PATCH", "eins")] {
        let edited = ask(&rig, "a", method, &one, Some(json!({ "content": text }))).await.data(200);
        assert_eq!(edited["message"]["content"], text);
        assert!(edited["message"]["editedAt"].is_string());
    }
    let foreign = ask(&rig, "b", "PUT", &one, Some(json!({ "content": "x" }))).await;
    foreign.expect_error(403, "FORBIDDEN");
    ask(&rig, "b", "DELETE", &one, None).await.expect_error(403, "FORBIDDEN");
    let deleted = ask(&rig, "a", "DELETE", &one, None).await.data(200);
    assert_eq!(deleted["message"]["content"], "");
    assert!(deleted["message"]["deletedAt"].is_string());
    let list = ask(&rig, "b", "GET", &path, None).await.data(200);
    assert_eq!(list["messages"][2]["deletedAt"], deleted["message"]["deletedAt"]);
    ask(&rig, "a", "PUT", &one, Some(json!({ "content": "x" })))
        .await
        .expect_error(409, "CONFLICT");
    let unknown = format!("{path}/64a1b2c3d4e5f67890123456");
    ask(&rig, "a", "DELETE", &unknown, None).await.expect_error(404, "NOT_FOUND");
    let told = events(&rig);
    for name in ["new-message", "messages-read", "message-edited", "message-deleted"] {
        assert!(told.iter().any(|event| event == name), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_its_field() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages");
    for (body, field) in [
        (json!({}), "content"),
        (json!({ "content": 5 }), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": "x".repeat(5_001) }), "content"),
        (json!({ "content": "\u{1b}[2J" }), "content"),
        (json!({ "content": "x", "type": "image" }), "type"),
        (json!({ "content": "x", "replyToMessageId": "x" }), "replyToMessageId"),
        (
            json!({ "content": "x", "replyToMessageId": "64a1b2c3d4e5f67890123456" }),
            "replyToMessageId",
        ),
        (json!({ "content": "x", "metadata": "x" }), "metadata"),
        (json!({ "content": "x", "senderId": "b" }), "senderId"),
        (json!({ "content": "x", "clientId": "" }), "clientId"),
    ] {
        let answer = ask(&rig, "a", "POST", &path, Some(body.clone())).await;
        assert_eq!(answer.expect_invalid(), field, "{body}");
    }
    let list = ask(&rig, "a", "GET", &path, None).await.data(200);
    assert_eq!(list["pagination"]["totalRecords"], 0);
    assert!(events(&rig).is_empty());
    let system = || Some(json!({ "content": "x", "type": "system" }));
    ask(&rig, "a", "POST", &path, system()).await.expect_error(403, "FORBIDDEN");
    let service = token("s", Role::Service);
    let sent = ask_as(&rig, &service, "POST", &path, system()).await.data(201);
    assert_eq!(sent["message"]["type"], "system");
}

#[tokio::test]
async fn a_client_id_makes_a_retry_harmless() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages");
    let send = async |text: &str| {
        let body = json!({ "content": text, "clientId": "1" });
        ask(&rig, "a", "POST", &path, Some(body)).await
    };
    let first = send("x").await;
    assert_eq!(first.data(201), send("x").await.data(201));
    send("y").await.expect_error(409, "CONFLICT");
    let list = ask(&rig, "a", "GET", &path, None).await.data(200);
    assert_eq!(list["pagination"]["totalRecords"], 1);
}

#[tokio::test]
async fn every_call_asks_for_the_chat_and_for_being_in_it() {
    let rig = rig();
    let chat = group(&rig, &["a", "b"]).await;
    let message = say(&rig, "a", &chat, "x").await;
    let content = || Some(json!({ "content": "x" }));
    let user = || Some(json!({ "userId": "d" }));
    let calls: Vec<(&str, String, Option<Value>)> = vec![
        ("GET", "info".into(), None),
        ("PUT", "archive".into(), None),
        ("POST", "participants".into(), user()),
        ("DELETE", "participants/b".into(), None),
        ("GET", "messages".into(), None),
        ("POST", "messages".into(), content()),
        ("PATCH", "messages/read".into(), None),
        ("PUT", format!("messages/{message}"), content()),
        ("DELETE", format!("messages/{message}"), None),
        ("GET", "attachments/64a1b2c3d4e5f67890123456".into(), None),
    ];
    for (method, rest, body) in calls {
        let path = format!("/api/chat/{chat}/{rest}");
        let outside = ask(&rig, "outsider", method, &path, body.clone()).await;
        outside.expect_error(403, "FORBIDDEN");
        for unknown in ["64a1b2c3d4e5f67890123456", "x"] {
            let path = format!("/api/chat/{unknown}/{rest}");
            let missing = ask(&rig, "a", method, &path, body.clone()).await;
            missing.expect_error(404, "NOT_FOUND");
        }
        let key = format!("Bearer {API_KEY}");
        ask_as(&rig, &key, method, &path, body.clone()).await.expect_error(401, "UNAUTHORIZED");
        let nobody = call(Method::from_bytes(method.as_bytes()).unwrap(), &path).send(&rig).await;
        nobody.expect_error(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn twenty_messages_and_ten_chats_a_minute() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    for _ in 0..20 {
        say(&rig, "a", &chat, "x").await;
    }
    let path = format!("/api/chat/{chat}/messages");
    let refused = ask(&rig, "a", "POST", &path, Some(json!({ "content": "x" }))).await;
    refused.expect_error(429, "RATE_LIMITED");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    for n in 1..10 {
        direct(&rig, "a", &format!("u{n}")).await;
    }
    let body = json!({ "participantIds": ["one more"] });
    let refused = ask(&rig, "a", "POST", "/api/chat", Some(body)).await;
    refused.expect_error(429, "RATE_LIMITED");
}
