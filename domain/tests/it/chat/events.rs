//! What is told of a change, to whom, and what those who are away find.

use crier_domain::{UserId, service::page::Page};
use serde_json::{Value, json};

use super::house::{House, user};

fn room_of(house: &str) -> String {
    format!("chat-{house}")
}

#[tokio::test]
async fn every_change_has_its_event() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    house.put_online(&["a", "b"]);
    let group = house.group(&[&a, &b]).await;
    assert!(house.seen().is_empty(), "a chat without a message is told to nobody");
    let (id, at) = (group.id.to_string(), "2026-01-01T00:00:00.000Z");
    let chats = &house.services.chat;

    let message = house.say(&a, &group, "hi <b>").await;
    let message_id = message.id.to_string();
    house.read(&b, &group, &[]).await;
    chats.edit(&house.voice, &a, group.id, message.id, "ho").await.unwrap();
    chats.delete(&house.voice, &a, group.id, message.id).await.unwrap();
    chats.add(&house.voice, &a, group.id, user("c").party).await.unwrap();
    chats.remove(&house.voice, &a, group.id, &user("c").party).await.unwrap();
    let expected = [
        (
            "new-message",
            json!({ "chatId": id, "senderId": "a", "message": {
                "_id": message_id, "content": "hi <b>", "senderId": "a", "createdAt": at,
            } }),
        ),
        (
            "messages-read",
            json!({ "chatId": id, "userId": "b", "upToMessageId": message_id, "modifiedCount": 1 }),
        ),
        (
            "message-edited",
            json!({ "chatId": id, "messageId": message_id, "content": "ho", "editedAt": at }),
        ),
        ("message-deleted", json!({ "chatId": id, "messageId": message_id, "deletedAt": at })),
        ("participants-added", json!({ "chatId": id, "addedUserIds": ["c"] })),
        ("participant-removed", json!({ "chatId": id, "removedUserId": "c" })),
    ];
    let events = house.events();
    let expected: Vec<(String, String, Value)> = expected
        .into_iter()
        .map(|(name, payload)| (name.to_owned(), room_of(&id), payload))
        .collect();
    assert_eq!(events, expected);
    // What changes nothing is told to nobody.
    house.read(&b, &group, &[]).await;
    chats.delete(&house.voice, &a, group.id, message.id).await.unwrap();
    assert!(house.seen().is_empty());
}

#[tokio::test]
async fn whoever_is_away_gets_a_notification_with_the_message() {
    let house = House::open();
    let (a, b, c) = (user("a"), user("b"), user("c"));
    let group = house.group(&[&a, &b, &c]).await;
    house.put_online(&["a", "b"]);
    let message = house.say(&a, &group, "hi").await;
    assert!(message.recipient_online);
    let events = house.events();
    let told: Vec<_> =
        events.iter().map(|(name, room, _)| (name.as_str(), room.as_str())).collect();
    let room = room_of(&group.id.to_string());
    assert_eq!(
        told,
        [
            ("new-message", &*room),
            ("new-notification", "user-c"),
            ("unread-count-update", "user-c")
        ]
    );
    let notification = &events[1].2["notification"];
    assert_eq!(notification["type"], "chat-message");
    assert_eq!(notification["data"], json!({ "chatId": group.id, "messageId": message.id }));
    assert_eq!(notification["body"], "hi");
    assert_eq!(events[2].2, json!({ "unreadCount": 1 }));
    let stored = &house.services.notifications;
    let list = stored.list(&UserId::parse("c").unwrap(), Page::default()).await.unwrap();
    assert_eq!(list.items.len(), 1);
    for user in ["a", "b"] {
        assert_eq!(stored.unread_count(&UserId::parse(user).unwrap()).await, Ok(0));
    }
}

#[tokio::test]
async fn a_message_that_everyone_is_away_for_says_so() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    assert!(!house.say(&a, &chat, "hi").await.recipient_online);
}
