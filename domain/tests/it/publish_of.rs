//! Events of Crier's own services: what the row says about them.

use crier_domain::{
    App, Class, Filter, Publish, Timestamp, UserId,
    event::{
        Id, ObjectId, ProductAudience, Text, Whole,
        chat::{Message, NewMessage, UnreadCountUpdate, UserStatusChange},
        publish_of,
        shop::{StockUpdated, UserTyping},
        vendor_chat::{AppError, Pair, Reply},
    },
};
use crier_protocol::Room;
use serde_json::{Value, json};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn rooms(names: &[&str]) -> Vec<Room> {
    names.iter().map(|name| Room::from(*name)).collect()
}

fn payload(publish: &Publish) -> Value {
    serde_json::from_str(publish.args.elements()).unwrap()
}

fn stock() -> Publish {
    let stock = StockUpdated {
        event: Default::default(),
        product_id: ObjectId::parse("64a1b2c3d4e5f67890123456").unwrap(),
        stock: Whole::new(3).unwrap(),
    };
    publish_of("product:stockUpdated", &stock, rooms(&["product:64a1b2c3d4e5f67890123456"]))
}

#[test]
fn namespace_class_and_app_come_from_the_row() {
    let now = Timestamp::from_unix_ms(0);
    let message = NewMessage {
        chat_id: Id::from(7),
        message: Message {
            id: Id::from(1),
            content: Text::parse("hi").unwrap(),
            sender_id: user("u"),
            created_at: now,
            attachments: None,
            chat_id: None,
            kind: None,
            reply_to_message_id: None,
            metadata: None,
            edited_at: None,
            deleted_at: None,
        },
        sender_id: user("u"),
    };
    let sent = publish_of("new-message", &message, rooms(&["chat-7"]));
    let expected = json!({
        "chatId": 7, "senderId": "u",
        "message": { "_id": 1, "content": "hi", "senderId": "u", "createdAt": "1970-01-01T00:00:00.000Z" },
    });
    assert_eq!(payload(&sent), expected);
    assert_eq!((sent.namespace.as_str(), sent.class), ("/", Class::Durable));
    assert_eq!(sent.filter, Filter { app: Some(App::Marketplace), ..Filter::default() });
    assert_eq!((sent.rooms, sent.key, sent.everyone_up_to), (rooms(&["chat-7"]), None, None));

    let error = AppError { error: true, message: "no".into(), status_code: 400 };
    let sent = publish_of("appError", &error, rooms(&["socket"]));
    assert_eq!((sent.namespace.as_str(), sent.class), ("/chat", Class::Ephemeral));
}

#[test]
fn the_key_comes_from_the_payload_else_from_the_room() {
    assert_eq!(stock().key.as_deref(), Some("product:stockUpdated:64a1b2c3d4e5f67890123456"));
    let count = UnreadCountUpdate { unread_count: Whole::new(2).unwrap() };
    let sent = publish_of("unread-count-update", &count, rooms(&["user-a%20b"]));
    assert_eq!(sent.key.as_deref(), Some("unread-count-update:a%20b"), "as the sidecar's");
    let sent = publish_of("unread-count-update", &count, rooms(&["lobby"]));
    assert_eq!(sent.key, None);
}

#[test]
fn a_product_goes_to_whom_the_operator_says() {
    let room = rooms(&["product:64a1b2c3d4e5f67890123456"]);
    for (audience, to, everyone_up_to) in [
        (ProductAudience::Auto, room.clone(), Some(1_000)),
        (ProductAudience::Everyone, vec![], None),
        (ProductAudience::Room, room.clone(), None),
    ] {
        let sent = audience.aim(stock());
        assert_eq!((sent.rooms, sent.everyone_up_to), (to, everyone_up_to), "{audience:?}");
    }
    assert_eq!(stock(), ProductAudience::Auto.aim(stock()), "as it is by default");
}

#[test]
fn presence_to_everyone_leaves_anonymous_sockets_out() {
    let change = UserStatusChange {
        user_id: user("u"),
        status: crier_domain::cluster::Status::Online,
        last_seen: Timestamp::from_unix_ms(0),
    };
    let sent = publish_of("user-status-change", &change, vec![]);
    assert!(sent.filter.signed_in && sent.rooms.is_empty());
    assert_eq!(sent.class, Class::Ephemeral);
}

#[test]
#[should_panic(expected = "typing: needs rooms")]
fn what_is_for_one_user_never_goes_to_everyone() {
    let typing =
        UserTyping { event: Default::default(), from: user("u"), at: Timestamp::from_unix_ms(0) };
    publish_of("typing", &typing, vec![]);
}

#[test]
#[should_panic(expected = "userTyping: data.chatId")]
fn a_payload_that_does_not_fit_is_found() {
    let wrong =
        Reply::new("User is typing", Pair { product_id: Id::from(1), recipient_id: user("u") });
    publish_of("userTyping", &json!({ "data": { "chatId": {} }, "rest": wrong }), rooms(&["r"]));
}

#[test]
#[should_panic(expected = "no such event")]
fn an_unknown_name_is_found() {
    publish_of("user-typping", &json!({}), rooms(&["r"]));
}
