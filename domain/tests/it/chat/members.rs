//! Who may change who is in a group, and what it does to them.

use crier_domain::{
    Refusal, Role,
    cluster::Action,
    service::chat::{Actor, Dialect, Kind},
};

use super::house::{House, Seen, chat_of, of_role, support_of, user};

fn word(result: Result<impl Sized, Refusal>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(refusal) => refusal.code(),
    }
}

#[tokio::test]
async fn who_may_add_and_remove() {
    let house = House::open();
    let (creator, member, outsider) = (user("a"), user("b"), user("c"));
    let (admin, service) = (of_role("root", Role::Admin), of_role("svc", Role::Service));
    let group = house.group(&[&creator, &member]).await;
    let direct = house.direct(&creator, &member).await;
    let support = house.make(&creator, support_of(&creator)).await.unwrap().chat;
    let request = Kind::PurchaseRequest { request: "7".into() };
    let request = house.make(&creator, chat_of(request, &[&creator, &member])).await.unwrap().chat;
    let new = user("new");
    let chats = &house.services.chat;
    for (who, chat, add, remove) in [
        (&creator, &group, "ok", "ok"),
        (&admin, &group, "ok", "ok"),
        (&member, &group, "FORBIDDEN", "FORBIDDEN"),
        (&outsider, &group, "FORBIDDEN", "FORBIDDEN"),
        (&service, &group, "FORBIDDEN", "FORBIDDEN"),
        (&new, &group, "FORBIDDEN", "FORBIDDEN"),
        (&creator, &direct, "BAD_REQUEST", "BAD_REQUEST"),
        (&member, &direct, "BAD_REQUEST", "BAD_REQUEST"),
        (&outsider, &direct, "FORBIDDEN", "FORBIDDEN"),
        (&creator, &support, "BAD_REQUEST", "BAD_REQUEST"),
        (&creator, &request, "BAD_REQUEST", "BAD_REQUEST"),
    ] {
        let added = chats.add(&house.voice, who, chat.id, new.party.clone()).await;
        assert_eq!(word(added), add, "{who:?} adds to {:?}", chat.kind);
        let removed = chats.remove(&house.voice, who, chat.id, &new.party).await;
        assert_eq!(word(removed), remove, "{who:?} removes from {:?}", chat.kind);
    }
    let gone = chats.remove(&house.voice, &creator, group.id, &outsider.party).await;
    assert_eq!(gone, Err(Refusal::NotFound { what: "Participant" }));
    // Everybody may go; a creator who has gone decides nothing any more.
    assert_eq!(word(chats.remove(&house.voice, &member, group.id, &member.party).await), "ok");
    assert_eq!(word(chats.remove(&house.voice, &creator, group.id, &creator.party).await), "ok");
    let back = chats.add(&house.voice, &creator, group.id, creator.party.clone()).await;
    assert_eq!(word(back), "FORBIDDEN");
}

#[tokio::test]
async fn whoever_is_removed_hears_it_and_then_leaves_the_room() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let group = house.group(&[&a, &b]).await;
    house.seen();
    house.services.chat.remove(&house.voice, &a, group.id, &b.party).await.unwrap();
    let room = format!("chat-{}", group.id);
    let seen = house.seen();
    let [Seen::Event(event), Seen::Order(order)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((event.event.as_str(), event.rooms[0].as_str()), ("participant-removed", &*room));
    assert_eq!(order.user.as_ref().map(|user| user.as_str()), Some("b"));
    assert!(matches!(&order.action, Action::Leave(rooms) if rooms[0].as_str() == room));
    let refused = house.services.chat.get(Dialect::Marketplace, &b, group.id).await;
    assert_eq!(word(refused), "FORBIDDEN");
}

#[tokio::test]
async fn whoever_comes_late_owes_nothing_and_is_told_of_once() {
    let house = House::open();
    let (a, b, late) = (user("a"), user("b"), user("late"));
    let group = house.group(&[&a, &b]).await;
    house.say(&a, &group, "before").await;
    house.seen();
    for _ in 0..2 {
        house.services.chat.add(&house.voice, &a, group.id, late.party.clone()).await.unwrap();
    }
    let events = house.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].2["addedUserIds"], serde_json::json!(["late"]));
    assert_eq!(house.unread(&late, &group).await, 0);
    house.say(&a, &group, "after").await;
    assert_eq!(house.unread(&late, &group).await, 1);
}

#[tokio::test]
async fn a_group_that_is_full_takes_nobody() {
    let house = House::open();
    let members: Vec<Actor> = (0..100).map(|n| user(&n.to_string())).collect();
    let group = house.group(&members.iter().collect::<Vec<_>>()).await;
    let refused =
        house.services.chat.add(&house.voice, &members[0], group.id, user("x").party).await;
    assert!(matches!(refused, Err(Refusal::Unfit { path: "userId", .. })), "{refused:?}");
    // And one message to all of them, none of whom is there, is one commit.
    house.say(&members[0], &group, "all").await;
    assert_eq!(house.unread(&members[99], &group).await, 1);
}

#[tokio::test]
async fn putting_a_chat_away_is_for_oneself() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    house.seen();
    let chats = &house.services.chat;
    for archived in [true, false, true] {
        let got = chats.archive(Dialect::Marketplace, &a, chat.id).await.unwrap();
        assert_eq!(got, archived);
    }
    let stored = chats.get(Dialect::Marketplace, &b, chat.id).await.unwrap();
    assert!(stored.member(&a.party).unwrap().archived);
    assert!(!stored.member(&b.party).unwrap().archived);
    assert!(house.seen().is_empty());
    assert_eq!(word(chats.archive(Dialect::Marketplace, &user("c"), chat.id).await), "FORBIDDEN");
    assert_eq!(word(chats.archive(Dialect::VendorChat, &a, chat.id).await), "NOT_FOUND");
}
