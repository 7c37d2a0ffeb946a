//! Notifications: kept for a while, counted exactly, told of at every change.

use std::sync::Arc;

use crier_domain::{
    Refusal, Role, UserId,
    event::shop::SendNotification,
    service::{
        Deps, ObjectId,
        notifications::{NewNotification, NotificationSettings, Notifications, Sent},
        once::{Once, Outcome},
        page::Page,
        users::NewProfile,
    },
    store::Commit,
};
use serde_json::{Value, json};

use crate::chat::house::{House, identity};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn id(user: &str) -> UserId {
    UserId::parse(user).unwrap()
}

fn sending(json: Value) -> SendNotification {
    serde_json::from_value(json).unwrap()
}

async fn send(house: &House, json: Value) -> Result<Outcome<Sent>, Refusal> {
    let from = identity("a", Role::User);
    house.services.notifications.send(&from, sending(json), None).await
}

/// The counts that a user was told of.
fn counts(house: &House) -> Vec<u64> {
    let events = house.events().into_iter();
    let counts = events.filter(|(name, ..)| name == "unread-count-update");
    counts.map(|(.., payload)| payload["unreadCount"].as_u64().unwrap()).collect()
}

async fn titles(house: &House, page: u64, limit: u64) -> Vec<String> {
    let page = Page::of(Some(page), Some(limit)).unwrap();
    let list = house.services.notifications.list(&id("b"), page).await.unwrap();
    list.items.iter().map(|n| n.title.as_ref().unwrap().to_string()).collect()
}

#[tokio::test]
async fn what_is_sent_is_stored_and_told_on_both_sides() {
    let house = House::open();
    let sent = send(
        &house,
        json!({ "toUserId": "b", "type": "warning", "title": "T", "body": "B", "meta": { "x": 1 }, "priority": "high" }),
    );
    assert_eq!(sent.await, Ok(Outcome::Done(Sent { queued: false, saved: true })));
    let at = "2026-01-01T00:00:00.000Z";
    let events = house.events();
    let names: Vec<_> =
        events.iter().map(|(name, room, _)| (name.as_str(), room.as_str())).collect();
    assert_eq!(
        names,
        [
            ("notification:received", "user:b"),
            ("new-notification", "user-b"),
            ("unread-count-update", "user-b")
        ]
    );
    let received = json!({
        "event": "notification:received", "type": "warning", "title": "T", "body": "B",
        "meta": { "x": 1 }, "from": "a", "ts": at,
    });
    assert_eq!(events[0].2, received);
    let mut stored = events[1].2["notification"].clone();
    let stored_id = stored.as_object_mut().unwrap().remove("_id").unwrap();
    let data = json!({ "from": "a", "meta": { "x": 1 }, "priority": "high" });
    assert_eq!(
        stored,
        json!({ "type": "warning", "title": "T", "body": "B", "data": data, "createdAt": at })
    );
    let stored_id = ObjectId::parse(stored_id.as_str().unwrap()).unwrap();
    let notification = house.services.notifications.get(&id("b"), stored_id).await.unwrap();
    assert_eq!(notification.read, Some(false));
    let foreign = house.services.notifications.get(&id("a"), stored_id).await;
    assert_eq!(foreign, Err(Refusal::NotFound { what: "Notification" }));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_its_field() {
    let house = House::open();
    for (json, field) in [
        (json!({ "toUserId": "b", "title": "x".repeat(201) }), "title"),
        (json!({ "toUserId": "b", "body": "x".repeat(5_001) }), "body"),
        (json!({ "toUserId": "b", "meta": { "x": "y".repeat(17_000) } }), "meta"),
        (json!({ "toUserId": "b", "meta": { "x": "\u{7}" } }), "meta"),
    ] {
        match send(&house, json).await {
            Err(Refusal::Invalid { path, .. }) => assert_eq!(path, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let profile: NewProfile = serde_json::from_value(json!({ "name": "Bee" })).unwrap();
    house.services.users.put(&id("b"), &profile).await.unwrap();
    assert!(send(&house, json!({ "toUserId": "b" })).await.is_ok());
    let unknown = send(&house, json!({ "toUserId": "c" })).await.unwrap_err();
    assert_eq!(unknown.to_string(), "User not found");
    assert_eq!(house.services.notifications.unread_count(&id("c")).await, Ok(0));
}

#[tokio::test]
async fn a_user_sends_30_a_minute_and_a_retry_is_none() {
    let house = House::limited(30);
    let from = identity("a", Role::User);
    let once = || Once::of_client("/", "a", "notification:send", "1", &()).unwrap();
    for n in 0..30 {
        let to = sending(json!({ "toUserId": "b" }));
        let sent = house.services.notifications.send(&from, to, (n == 0).then(once)).await;
        assert!(matches!(sent, Ok(Outcome::Done(_))));
    }
    let to = || sending(json!({ "toUserId": "b" }));
    let again = house.services.notifications.send(&from, to(), Some(once())).await.unwrap();
    assert_eq!(again, Outcome::Repeated(r#"{"queued":false,"saved":true}"#.into()));
    let more = house.services.notifications.send(&from, to(), None).await;
    assert!(matches!(more, Err(Refusal::RateLimited { .. })), "{more:?}");
    assert_eq!(house.services.notifications.unread_count(&id("b")).await, Ok(30));
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_though_the_directory_knows_nobody_of_that_id_by_now()
{
    let house = House::open();
    let from = identity("a", Role::User);
    let to = || sending(json!({ "toUserId": "b" }));
    let once = |id| Some(Once::of_client("/", "a", "notification:send", id, &()).unwrap());
    let send = async |id| house.services.notifications.send(&from, to(), once(id)).await;
    assert!(matches!(send("1").await, Ok(Outcome::Done(_))));
    let profile: NewProfile = serde_json::from_value(json!({ "name": "Cee" })).unwrap();
    house.services.users.put(&id("c"), &profile).await.unwrap();
    assert!(matches!(send("1").await, Ok(Outcome::Repeated(_))));
    assert_eq!(send("2").await, Err(Refusal::NotFound { what: "User" }));
}

#[tokio::test]
async fn boxes_that_were_made_smaller_are_emptied_by_five_hundred_a_commit() {
    let house = House::open();
    let sized = |max| {
        let deps = Deps {
            store: Arc::clone(&house.store),
            clock: house.clock.clone(),
            cluster: Arc::clone(&house.outside) as _,
            limits: Arc::clone(&house.services.limits),
        };
        let settings = NotificationSettings { max, ..NotificationSettings::default() };
        Notifications::new(&deps, Arc::clone(&house.services.users), settings)
    };
    let new = || NewNotification {
        kind: "info".into(),
        title: None,
        body: None,
        data: serde_json::Map::new(),
    };
    let add = async |to: &Notifications, users: &[&str], count: usize| {
        let mut commit = Commit::default();
        let news = users.iter().flat_map(|user| (0..count).map(|_| (id(user), new())));
        let held = to.add_to(&mut commit, news.collect()).await.unwrap();
        house.store.commit(commit).await.expect("as many writes as a commit may have");
        drop(held);
    };
    let (large, small) = (sized(3_000), sized(100));
    for _ in 0..3 {
        add(&large, &["b"], 1_000).await;
        add(&large, &["c"], 1_000).await;
    }
    let unread = async |user: &str| small.unread_count(&id(user)).await.unwrap();
    // Both in one commit, which has room for 500 between them; each new one takes an old one's place.
    for (b, c) in [(2_500, 3_000), (2_000, 3_000), (1_500, 3_000)] {
        add(&small, &["b", "c"], 1).await;
        assert_eq!((unread("b").await, unread("c").await), (b, c));
    }
    for _ in 0..6 {
        add(&small, &["b", "c"], 1).await;
    }
    assert_eq!((unread("b").await, unread("c").await), (100, 1_400));
    for left in [900, 400, 100, 100] {
        add(&small, &["c"], 1).await;
        assert_eq!(unread("c").await, left);
    }
}

#[tokio::test]
async fn every_change_of_the_count_is_told_and_nothing_else() {
    let house = House::open();
    let notifications = &house.services.notifications;
    for n in 0..4 {
        send(&house, json!({ "toUserId": "b", "title": n.to_string() })).await.unwrap();
    }
    assert_eq!(counts(&house), [1, 2, 3, 4]);
    let list = notifications.list(&id("b"), Page::default()).await.unwrap();
    let second = ObjectId::parse(list.items[1].id.as_str()).unwrap();
    for _ in 0..2 {
        assert_eq!(notifications.read(&id("b"), second).await.unwrap().read, Some(true));
    }
    assert_eq!(counts(&house), [3]);
    assert_eq!(notifications.read_all(&id("b")).await, Ok(3));
    assert_eq!(notifications.read_all(&id("b")).await, Ok(0));
    assert_eq!(counts(&house), [0]);
    send(&house, json!({ "toUserId": "b", "title": "4" })).await.unwrap();
    assert_eq!(counts(&house), [1]);
    let list = notifications.list(&id("b"), Page::default()).await.unwrap();
    let read: Vec<_> = list.items.iter().map(|n| n.read.unwrap()).collect();
    assert_eq!(read, [false, true, true, true, true]);
}

#[tokio::test]
async fn the_newest_come_first_page_by_page() {
    let house = House::open();
    for n in 0..45 {
        send(&house, json!({ "toUserId": "b", "title": n.to_string() })).await.unwrap();
    }
    let expected =
        |from: u64, to: u64| (to..=from).rev().map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(titles(&house, 1, 20).await, expected(44, 25));
    assert_eq!(titles(&house, 3, 20).await, expected(4, 0));
    assert!(titles(&house, 4, 20).await.is_empty());
    house.reads();
    titles(&house, 2, 20).await;
    assert!(house.reads() <= 22);
}

#[tokio::test]
async fn what_is_90_days_old_is_gone_and_no_longer_counted() {
    let house = House::open();
    let notifications = &house.services.notifications;
    send(&house, json!({ "toUserId": "b", "title": "old" })).await.unwrap();
    send(&house, json!({ "toUserId": "b", "title": "old too" })).await.unwrap();
    house.clock.advance(89 * DAY_MS);
    send(&house, json!({ "toUserId": "b", "title": "new" })).await.unwrap();
    assert_eq!(notifications.unread_count(&id("b")).await, Ok(3));
    house.clock.advance(DAY_MS);
    assert_eq!(notifications.unread_count(&id("b")).await, Ok(1));
    assert_eq!(titles(&house, 1, 20).await, ["new"]);
    house.events();
    send(&house, json!({ "toUserId": "b", "title": "newer" })).await.unwrap();
    assert_eq!(counts(&house), [2]);
    assert_eq!(notifications.read_all(&id("b")).await, Ok(2));
}

#[tokio::test]
async fn a_user_has_a_thousand_and_the_oldest_goes_first() {
    let house = House::open();
    let notifications = &house.services.notifications;
    let new = |n: usize| NewNotification {
        kind: "info".into(),
        title: Some(n.to_string()),
        body: None,
        data: serde_json::Map::new(),
    };
    // One commit of another service may bring several, to several users.
    let mut commit = Commit::default();
    let news = (0..1_002).map(|n| (id("b"), new(n))).chain([(id("c"), new(0))]).collect();
    let held = notifications.add_to(&mut commit, news).await.unwrap();
    assert_eq!(held.ids.len(), 1_003);
    house.store.commit(commit).await.unwrap();
    drop(held);
    assert_eq!(notifications.unread_count(&id("b")).await, Ok(1_000));
    assert_eq!(notifications.unread_count(&id("c")).await, Ok(1));
    assert_eq!(titles(&house, 10, 100).await.last().unwrap(), "2");
    // An old one that was read is not missed in the count.
    let last = Page::of(Some(10), Some(100)).unwrap();
    let oldest = notifications.list(&id("b"), last).await.unwrap().items.pop().unwrap();
    let oldest = ObjectId::parse(oldest.id.as_str()).unwrap();
    notifications.read(&id("b"), oldest).await.unwrap();
    house.events();
    send(&house, json!({ "toUserId": "b", "title": "new" })).await.unwrap();
    assert_eq!(counts(&house), [1_000]);
    let gone = notifications.get(&id("b"), oldest).await;
    assert_eq!(gone, Err(Refusal::NotFound { what: "Notification" }));
    send(&house, json!({ "toUserId": "b", "title": "newer" })).await.unwrap();
    assert!(counts(&house).is_empty(), "one came and one went");
    assert_eq!(titles(&house, 10, 100).await.last().unwrap(), "4");
}
