//! Lists of chats: whose, in which order, on which page.

use crier_domain::{
    Role,
    service::{
        chat::{Actor, Dialect, Kind, Shelf},
        page::Page,
    },
};

use super::house::{House, chat_of, of_role, support_of, user};

const ALL: &[Shelf] = &[Shelf::Direct, Shelf::Group, Shelf::Support];

async fn listed(house: &House, who: &Actor, shelves: &[Shelf], page: u64) -> (Vec<String>, u64) {
    let page = Page::of(Some(page), Some(2)).unwrap();
    let list = house.services.chat.list(Dialect::Marketplace, who, shelves, page).await.unwrap();
    let titles = list.items.iter().map(|chat| chat.title.clone().unwrap_or_default());
    (titles.collect(), list.pagination.total_records)
}

async fn group(
    house: &House,
    title: &str,
    members: &[&Actor],
) -> crier_domain::service::chat::Chat {
    let new = chat_of(Kind::Group, members);
    let new = crier_domain::service::chat::NewChat { title: Some(title.into()), ..new };
    house.clock.advance(1_000);
    house.make(members[0], new).await.unwrap().chat
}

#[tokio::test]
async fn the_chat_with_the_latest_message_comes_first() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let first = group(&house, "first", &[&a, &b]).await;
    group(&house, "second", &[&a, &b]).await;
    group(&house, "third", &[&a, &b]).await;
    assert_eq!(listed(&house, &a, ALL, 1).await, (vec!["third".into(), "second".into()], 3));
    house.clock.advance(1_000);
    house.say(&b, &first, "up").await;
    assert_eq!(listed(&house, &a, ALL, 1).await, (vec!["first".into(), "third".into()], 3));
    assert_eq!(listed(&house, &a, ALL, 2).await, (vec!["second".into()], 3));
    assert_eq!(listed(&house, &a, ALL, 3).await, (vec![], 3));
    // Reading, editing and deleting move nothing.
    let message = house.say(&a, &first, "x").await;
    house.clock.advance(1_000);
    house.read(&b, &first, &[]).await;
    house.services.chat.delete(&house.voice, &a, first.id, message.id).await.unwrap();
    assert_eq!(listed(&house, &b, ALL, 1).await.0, ["first", "third"]);
}

#[tokio::test]
async fn shelves_are_listed_together_or_one_by_one() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    house.direct(&a, &b).await;
    let request = Kind::PurchaseRequest { request: "7".into() };
    house.make(&a, chat_of(request, &[&a, &b])).await.unwrap();
    group(&house, "group", &[&a, &b]).await;
    house.make(&a, support_of(&a)).await.unwrap();
    for (shelves, total) in
        [(ALL, 4), (&[Shelf::Direct][..], 2), (&[Shelf::Group], 1), (&[Shelf::Support], 1)]
    {
        assert_eq!(listed(&house, &a, shelves, 1).await.1, total, "{shelves:?}");
    }
    assert_eq!(listed(&house, &b, ALL, 1).await.1, 3);
    assert_eq!(listed(&house, &user("c"), ALL, 1).await.1, 0);
}

#[tokio::test]
async fn agents_and_admins_stand_for_the_support_pool() {
    let house = House::open();
    let (a, agent) = (user("a"), of_role("g", Role::Agent));
    let admin = of_role("root", Role::Admin);
    let chat = house.make(&a, support_of(&a)).await.unwrap().chat;
    house.say(&a, &chat, "help").await;
    for staff in [&agent, &admin] {
        assert_eq!(listed(&house, staff, ALL, 1).await.1, 1);
        assert_eq!(house.unread(staff, &chat).await, 1);
    }
    let answer = house.say(&agent, &chat, "here").await;
    assert_eq!(answer.sender, agent.party);
    // What one of the pool wrote is no news for another, and what one read all have read.
    assert_eq!(house.unread(&admin, &chat).await, 1);
    assert_eq!(house.read(&admin, &chat, &[]).await, 1);
    assert_eq!(house.unread(&agent, &chat).await, 0);
    assert_eq!(house.unread(&a, &chat).await, 1);
    let seller = of_role("s", Role::Seller);
    assert!(house.services.chat.get(Dialect::Marketplace, &seller, chat.id).await.is_err());
    // An agent's own question is in the pool too, and counted once: to the agent as the agent's own.
    let own = house.make(&agent, support_of(&agent)).await.unwrap().chat;
    assert_eq!(listed(&house, &agent, ALL, 1).await.1, 2);
    house.say(&agent, &own, "one").await;
    house.say(&agent, &own, "two").await;
    house.say(&admin, &own, "three").await;
    let unread = async |who: &Actor| {
        house.services.chat.stats(Dialect::Marketplace, who, ALL).await.unwrap().unread
    };
    assert_eq!((house.unread(&agent, &own).await, unread(&agent).await), (1, 1));
    assert_eq!((house.unread(&admin, &own).await, unread(&admin).await), (2, 2));
}
