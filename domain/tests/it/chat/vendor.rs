//! Pages of vendor-chat that are larger than one reply.

use crier_domain::{
    Role, UserType,
    dialect::vendor_chat::{Speaker, VendorChats},
};
use serde_json::{Value, json};

use super::house::{House, identity};

fn speaker(id: &str, side: UserType) -> Speaker {
    let mut identity = identity(id, Role::User);
    identity.user_type = Some(side);
    Speaker::of(&identity).unwrap()
}

async fn send(chats: &VendorChats, from: &Speaker, text: &str) {
    let message = json!({ "productId": 1, "recipientId": "v", "text": text });
    chats.send(from, &serde_json::from_value(message).unwrap()).await.unwrap();
}

async fn load(chats: &VendorChats, who: &Speaker, limit: u64, before: Option<&Value>) -> Value {
    let mut asked = json!({ "productId": 1, "recipientId": "c", "limit": limit });
    if let Some(before) = before {
        asked["before"] = before.clone();
    }
    let loaded = chats.load(who, &serde_json::from_value(asked).unwrap()).await.unwrap();
    serde_json::to_value(&loaded).unwrap()["data"].take()
}

#[tokio::test]
async fn what_does_not_fit_into_a_page_is_got_by_its_first_message() {
    let house = House::open();
    let chats = &house.services.vendor_chats;
    let (customer, vendor) = (speaker("c", UserType::Customer), speaker("v", UserType::Vendor));
    // 100 of 15 KB are four times what one reply has room for.
    for n in 0..100 {
        send(chats, &customer, &format!("{n:03}{}", "\u{20ac}".repeat(4_997))).await;
    }
    let (mut seen, mut before, mut replies) = (Vec::new(), None, 0);
    loop {
        let page = load(chats, &vendor, 100, before.as_ref()).await;
        replies += 1;
        let messages = page["messages"].as_array().unwrap().clone();
        let texts = messages
            .iter()
            .rev()
            .map(|m| m["text"].as_str().unwrap().chars().take(3).collect::<String>());
        seen.extend(texts);
        let pagination = &page["pagination"];
        assert_eq!(pagination["nextPage"], Value::Null, "no page begins with the rest");
        if pagination["hasNext"] == json!(false) {
            break;
        }
        before = Some(messages[0]["id"].clone());
    }
    let all: Vec<String> = (0..100).rev().map(|n| format!("{n:03}")).collect();
    assert_eq!((seen, replies), (all, 4));
    // What fits has pages as ever.
    let page = load(chats, &vendor, 20, None).await;
    assert_eq!(
        (&page["pagination"]["nextPage"], page["messages"].as_array().unwrap().len()),
        (&json!(2), 20)
    );
    let wrong = json!({ "productId": 1, "recipientId": "c", "before": "x" });
    let refused = chats.load(&vendor, &serde_json::from_value(wrong).unwrap()).await.unwrap_err();
    assert_eq!(refused.to_string(), "before: expected the id of a message");
}

#[tokio::test]
async fn who_comes_back_to_more_than_a_reply_holds_is_sent_the_newest() {
    let house = House::open();
    let chats = &house.services.vendor_chats;
    let (customer, vendor) = (speaker("c", UserType::Customer), speaker("v", UserType::Vendor));
    for n in 1..=1_003 {
        send(chats, &customer, &n.to_string()).await;
    }
    let offline = serde_json::to_value(chats.offline(&vendor).await.unwrap()).unwrap();
    let items = offline["data"]["items"].as_array().unwrap();
    let texts: Vec<u64> =
        items.iter().map(|item| item["text"].as_str().unwrap().parse().unwrap()).collect();
    let expected: Vec<u64> = (1..=1_003).rev().take(texts.len()).collect();
    assert!(texts.len() > 100);
    assert_eq!(texts, expected);
    assert_eq!(offline["data"]["pagination"]["totalRecords"], json!(1_003));
    assert_eq!(offline["data"]["pagination"]["hasNext"], json!(true));
}
