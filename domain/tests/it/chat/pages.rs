//! Ten thousand messages, page by page.

use crier_domain::service::{
    chat::{Before, Dialect},
    page::Page,
};

use super::house::{House, START, user};

const MESSAGES: u64 = 10_000;

fn page(number: u64, limit: u64) -> Page {
    Page::of(Some(number), Some(limit)).unwrap()
}

#[tokio::test]
async fn every_page_of_ten_thousand_messages_costs_the_same() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    house.put_online(&["a", "b"]);
    let mut ids = Vec::new();
    // In one moment of the clock, so that only the chat's own order tells them apart.
    for number in 0..MESSAGES {
        ids.push(house.say(&a, &chat, &number.to_string()).await.id);
    }
    let chats = &house.services.chat;
    let numbers = |messages: &[crier_domain::service::chat::Message]| -> Vec<u64> {
        messages.iter().map(|m| m.content.as_deref().unwrap().parse().unwrap()).collect()
    };
    house.reads();
    // Through all of it by the id of the oldest that was seen, by its time, and by page numbers.
    let (mut by_id, mut by_time) = (None, None);
    for step in 0..MESSAGES / 100 {
        let newest = MESSAGES - 1 - step * 100;
        let expected: Vec<u64> = (newest - 99..=newest).rev().collect();
        for (way, before, number, reads_max) in [
            // The chat, the messages, and what it takes to find the place.
            ("id", by_id, 1, 1 + 100 + 1),
            ("time", by_time, 1, 1 + 100 + 15),
            ("page", None, step + 1, 1 + 100),
        ] {
            let page = page(number, 100);
            let got = chats.messages(Dialect::Marketplace, &b, chat.id, before, page).await;
            let (_, list) = got.unwrap();
            assert_eq!(numbers(&list.items), expected, "{way}, step {step}");
            let reads = house.reads();
            assert!(reads <= reads_max, "{way}, step {step}: {reads} reads");
            let oldest = list.items.last().unwrap();
            match way {
                "id" => by_id = Some(Before::Message(oldest.id)),
                "time" => by_time = Some(Before::Time(oldest.created_at)),
                _ => assert_eq!(list.pagination.total_pages, 100),
            }
        }
    }
    for before in [by_id, by_time, Some(Before::Time(START - 1))] {
        let got = chats.messages(Dialect::Marketplace, &b, chat.id, before, page(1, 20)).await;
        let (_, list) = got.unwrap();
        assert_eq!((list.items.len(), list.pagination.total_records), (0, 0));
    }
    let late = Some(Before::Time(START + 10 * MESSAGES));
    let got = chats.messages(Dialect::Marketplace, &b, chat.id, late, page(1, 1)).await.unwrap();
    assert_eq!(numbers(&got.1.items), [MESSAGES - 1]);
}

#[tokio::test]
async fn sending_costs_the_same_however_long_the_chat_is() {
    let house = House::open();
    let (a, b) = (user("a"), user("b"));
    let chat = house.direct(&a, &b).await;
    house.put_online(&["a", "b"]);
    house.say(&a, &chat, "first").await;
    house.reads();
    house.say(&a, &chat, "second").await;
    let early = house.reads();
    for _ in 0..1_000 {
        house.say(&a, &chat, "more").await;
    }
    house.reads();
    house.say(&a, &chat, "late").await;
    assert_eq!(house.reads(), early);
}
