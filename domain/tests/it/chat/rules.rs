//! What a message is held to, who may change it, and how often.

use std::time::Duration;

use crier_domain::{
    Refusal, Role, UserType,
    service::{
        ObjectId,
        chat::{Actor, Attachment, Dialect, Draft, MessageKind},
        once::{Once, Outcome},
    },
};

use super::house::{House, draft, identity, of_role, user};

const WINDOW_MS: u64 = 15 * 60 * 1_000;

fn object(json: serde_json::Value) -> Option<serde_json::Map<String, serde_json::Value>> {
    json.as_object().cloned()
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_its_field_and_changes_nothing() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let (chat, other) = (house.direct(&a, &b).await, house.group(&[&a, &b]).await);
    let elsewhere = house.say(&a, &other, "x").await.id;
    house.seen();
    let with = |text: &str| draft(text);
    for (what, draft, field) in [
        ("nothing", Draft::default(), "content"),
        ("an empty text", with(""), "content"),
        ("5,001 characters", with(&"x".repeat(5_001)), "content"),
        ("2,501 pairs of surrogates", with(&"😀".repeat(2_501)), "content"),
        ("NUL", with("a\u{0}"), "content"),
        ("ESC", with("\u{1b}[2J"), "content"),
        ("C1", with("\u{9b}2J"), "content"),
        (
            "an answer to another chat's message",
            Draft { reply_to: Some(elsewhere), ..with("x") },
            "replyToMessageId",
        ),
        (
            "much metadata",
            Draft { metadata: object(serde_json::json!({ "x": "y".repeat(5_000) })), ..with("x") },
            "metadata",
        ),
        (
            "metadata that beeps",
            Draft { metadata: object(serde_json::json!({ "x": ["\u{7}"] })), ..with("x") },
            "metadata",
        ),
    ] {
        match house.try_say(&a, &chat, draft).await {
            Err(Refusal::Invalid { path, .. }) => assert_eq!(path, field, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(house.unread(&b, &chat).await, 0);
    assert!(house.seen().is_empty());
}

#[tokio::test]
async fn what_is_a_message_is_kept_as_given() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let first = house.say(&a, &chat, "first").await;
    let longest = "x".repeat(5_000);
    let astral = "😀".repeat(2_500);
    for text in
        ["a\tb\r\nc", " <script>alert(1)</script> ", "\u{202e}abc\u{200b}", &longest, &astral]
    {
        let draft = Draft { reply_to: Some(first.id), ..draft(text) };
        let message = house.try_say(&a, &chat, draft).await.unwrap();
        assert_eq!(message.content.as_deref(), Some(text));
        assert_eq!(message.reply_to, Some(first.id));
    }
    let file = Attachment {
        id: ObjectId::generate(0),
        url: Some("https://shop.example/a.png".into()),
        filename: Some("a.png".into()),
        mime_type: "image/png".into(),
        size: 5,
    };
    let alone = Draft { attachments: vec![file], ..Draft::default() };
    assert_eq!(house.try_say(&a, &chat, alone).await.unwrap().content, None);
}

#[tokio::test]
async fn only_backends_write_system_messages_and_need_not_be_in_the_chat() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let system = || Draft { kind: MessageKind::System, ..draft("shipped") };
    for role in Role::ALL {
        let who = of_role("someone else", role);
        let backend = matches!(role, Role::Service | Role::Admin);
        assert_eq!(house.try_say(&who, &chat, system()).await.is_ok(), backend, "{role:?}");
        assert!(house.try_say(&who, &chat, draft("x")).await.is_err(), "{role:?}");
    }
    assert!(house.try_say(&a, &chat, system()).await.is_err());
    // From outside, it is news for both.
    assert_eq!((house.unread(&a, &chat).await, house.unread(&b, &chat).await), (2, 2));
}

#[tokio::test]
async fn the_author_may_change_a_message_for_15_minutes() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let message = house.say(&a, &chat, "x").await.id;
    let edit = async |who: &Actor, text: &str| {
        let edited = house.services.chat.edit(&house.voice, who, chat.id, message, text).await;
        edited.map_or_else(|refusal| refusal.code(), |_| "ok")
    };
    assert_eq!(edit(&b, "y").await, "FORBIDDEN");
    assert_eq!(edit(&user("c"), "y").await, "FORBIDDEN");
    assert_eq!(edit(&of_role("root", Role::Admin), "y").await, "FORBIDDEN");
    assert_eq!(edit(&a, "").await, "VALIDATION_ERROR");
    assert_eq!(edit(&a, "\u{1b}").await, "VALIDATION_ERROR");
    house.clock.advance(WINDOW_MS);
    assert_eq!(edit(&a, "y").await, "ok");
    house.clock.advance(1);
    assert_eq!(edit(&a, "z").await, "EDIT_WINDOW_EXPIRED");
    let chat = house.services.chat.get(Dialect::Marketplace, &a, chat.id).await.unwrap();
    let stored = house.services.chat.last_message(&chat);
    assert_eq!(stored.await.unwrap().unwrap().content.as_deref(), Some("y"));
}

#[tokio::test]
async fn author_and_admin_may_delete_and_what_is_deleted_is_empty() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.group(&[&a, &b]).await;
    let chats = &house.services.chat;
    for (who, code) in [
        (a.clone(), "ok"),
        (of_role("root", Role::Admin), "ok"),
        (b.clone(), "FORBIDDEN"),
        (user("c"), "FORBIDDEN"),
        (of_role("s", Role::Service), "FORBIDDEN"),
    ] {
        let message = house.say(&a, &chat, "x").await.id;
        let before = house.unread(&b, &chat).await;
        let deleted = chats.delete(&house.voice, &who, chat.id, message).await;
        assert_eq!(deleted.as_ref().map_or_else(Refusal::code, |_| "ok"), code, "{who:?}");
        assert_eq!(house.unread(&b, &chat).await, before - u64::from(deleted.is_ok()));
        if let Ok((left, _)) = deleted {
            assert_eq!((left.message.content, left.message.deleted_at.is_some()), (None, true));
            let edited = chats.edit(&house.voice, &a, chat.id, message, "y").await;
            assert!(matches!(edited, Err(Refusal::Conflict { .. })), "{edited:?}");
        }
    }
    let unknown = chats.delete(&house.voice, &a, chat.id, ObjectId::generate(0)).await;
    assert_eq!(unknown.err(), Some(Refusal::NotFound { what: "Message" }));
}

#[tokio::test]
async fn a_user_sends_20_messages_a_minute_over_all_chats_and_dialects() {
    let house = House::limited(20);
    let (a, b) = (user("a"), user("b"));
    let (one, two) = (house.direct(&a, &b).await, house.group(&[&a, &b]).await);
    for _ in 0..10 {
        house.say(&a, &one, "x").await;
        house.say(&a, &two, "x").await;
    }
    house.seen();
    // Any 60 seconds hold 20. Counters that fill up again while they are used let through some 39.
    for second in 0..60 {
        let refused = house.try_say(&a, &one, draft("x")).await;
        let retry_after = Duration::from_secs(60 - second);
        assert_eq!(refused.err(), Some(Refusal::RateLimited { retry_after }), "at {second} s");
        house.clock.advance(1_000);
    }
    assert!(house.seen().is_empty());
    house.say(&b, &one, "another user").await;
    for _ in 0..20 {
        house.say(&a, &one, "a minute later").await;
    }
    assert!(house.try_say(&a, &one, draft("x")).await.is_err());
    // Whose token names a side is counted as that person, as `sendMessage` counts.
    let mut customer = identity("5", Role::User);
    customer.user_type = Some(UserType::Customer);
    let chat = house.direct(&Actor::user(&customer), &b).await;
    for _ in 0..20 {
        house
            .services
            .limits
            .take(crier_domain::service::limits::Counted::ChatMessage, "CUSTOMER:5")
            .unwrap();
    }
    let refused = house.try_say(&Actor::user(&customer), &chat, draft("x")).await;
    assert!(matches!(refused, Err(Refusal::RateLimited { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_retry_under_one_client_id_sends_once_and_is_not_counted() {
    let house = House::limited(2);
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let send = async |text: &str| {
        let once = Once::of_client("/", "a", "send", "id-1", &text).unwrap();
        house.services.chat.send(&house.voice, &a, chat.id, draft(text), Some(once)).await
    };
    assert!(matches!(send("x").await, Ok(Outcome::Done(_))));
    for _ in 0..5 {
        assert!(matches!(send("x").await, Ok(Outcome::Repeated(_))));
    }
    assert!(matches!(send("y").await, Err(Refusal::Conflict { .. })));
    assert_eq!(house.unread(&b, &chat).await, 1);
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_though_its_sender_has_left_the_chat() {
    let house = House::open();
    let (a, b, c) = (user("a"), user("b"), user("c"));
    let chat = house.group(&[&a, &b, &c]).await;
    let send = async |id: &str| {
        let once = Once::of_client("/", "b", "send", id, &"x").unwrap();
        house.services.chat.send(&house.voice, &b, chat.id, draft("x"), Some(once)).await
    };
    assert!(matches!(send("id-1").await, Ok(Outcome::Done(_))));
    house.services.chat.remove(&house.voice, &b, chat.id, &b.party).await.unwrap();
    assert!(matches!(send("id-1").await, Ok(Outcome::Repeated(_))));
    assert!(matches!(send("id-2").await, Err(Refusal::Forbidden { .. })));
    assert_eq!(house.unread(&a, &chat).await, 1);
}

#[tokio::test]
async fn reading_names_the_id_that_is_no_message_and_then_reads_nothing() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let message = house.say(&a, &chat, "x").await.id;
    let ids = [message, ObjectId::generate(0)];
    let refused = house.services.chat.read(&house.voice, &b, chat.id, &ids).await;
    assert!(
        matches!(refused, Err(Refusal::Invalid { ref path, .. }) if path == "messageIds.1"),
        "{refused:?}"
    );
    assert_eq!(house.unread(&b, &chat).await, 1);
    assert_eq!(house.read(&b, &chat, &[message, message]).await, 1);
    assert_eq!(house.read(&b, &chat, &[message]).await, 0);
}

#[tokio::test]
async fn messages_sent_at_once_on_two_replicas_are_numbered_without_holes() {
    let house = std::sync::Arc::new(House::open());
    let other = std::sync::Arc::new(house.replica());
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..60 {
        let house = std::sync::Arc::clone(if n % 2 == 0 { &house } else { &other });
        let chat = chat.clone();
        tasks.spawn(async move { house.say(&user("a"), &chat, &n.to_string()).await.number });
    }
    let mut numbers = tasks.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
    assert_eq!(house.unread(&b, &chat).await, 60);
    let told = house.events();
    assert_eq!(told.iter().filter(|(name, ..)| name == "new-message").count(), 60);
    let counts = told.iter().filter(|(name, ..)| name == "unread-count-update");
    let counts: Vec<_> =
        counts.map(|(.., payload)| payload["unreadCount"].as_u64().unwrap()).collect();
    assert_eq!(counts, (1..=60).collect::<Vec<_>>(), "in the order of the commits");
}
