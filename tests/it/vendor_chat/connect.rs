//! Who is let in, in which order, and what is waiting for them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{Client, Crier, token, token_of};

/// What is about one message and who is there now.
fn hello(recipient: u64) -> Value {
    json!({ "productId": 12345, "recipientId": recipient, "text": "Hi" })
}

#[test]
fn nobody_comes_in_without_a_token_that_names_a_side() {
    for mode in ["required", "optional", "off"] {
        let secret = "auth.secret=0123456789abcdef0123456789abcdef";
        let crier = Crier::with(&[secret, &format!("auth.mode={mode}")]);
        let sideless = token(&["--set", secret, "token", "--user", "5"]);
        for (token, message, code) in [
            ("", "Authentication error", "NO_TOKEN"),
            ("no.token.this", "Invalid token", "INVALID_TOKEN"),
            (sideless.as_str(), "Invalid token", "NO_USER_TYPE"),
        ] {
            for namespace in ["/presence", "/chat"] {
                let mut client = Client::open(&crier, token);
                client.ask_in(namespace);
                let refused = client.packet();
                let expected =
                    format!(r#"44{namespace},{{"message":"{message}","data":{{"code":"{code}","#);
                assert!(refused.starts_with(&expected), "{mode}: {refused}");
            }
        }
    }
}

#[test]
fn chat_waits_for_presence_and_turns_away_who_does_not_come() {
    let crier = Crier::start();
    // On one connection: /chat may be asked for first.
    let mut client = Client::open(&crier, &token_of("CUSTOMER", 1));
    client.enter("/chat");
    client.enter("/presence");
    assert_eq!(client.event("userChats")["message"], "Chats have been sent successfully");
    client.event("offlineMessages");
    // Another connection of the same person needs no presence of its own.
    let mut second = Client::open(&crier, &token_of("CUSTOMER", 1));
    second.enter("/chat");
    second.event("userChats");
    // The same id on the other side is somebody else.
    let started = Instant::now();
    let mut vendor = Client::open(&crier, &token_of("VENDOR", 1));
    vendor.enter("/chat");
    let error = vendor.event("appError");
    assert_eq!((&error["error"], &error["statusCode"]), (&json!(true), &json!(400)));
    assert!(started.elapsed() >= Duration::from_secs(5), "it waits for 5 s");
    assert_eq!(vendor.packet(), "41/chat,");
}

#[test]
fn whoever_was_lost_before_the_greeting_gets_it_on_coming_back() {
    let crier = Crier::start();
    let mut client = Client::open(&crier, &token_of("CUSTOMER", 1));
    // It waits for /presence, and is lost meanwhile.
    client.enter("/chat");
    let mut client = client.come_back(&crier, || {});
    let mut presence = Client::open(&crier, &token_of("CUSTOMER", 1));
    presence.enter("/presence");
    for times in 1..=2 {
        let heard = client.heard();
        let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
        let expected: &[&str] = if times == 1 { &["userChats", "offlineMessages"] } else { &[] };
        assert_eq!(names, expected, "the {times}. time");
        // Greeted by now: once is enough.
        client = client.come_back(&crier, || {});
    }
    client.expect_silence();
}

#[test]
fn who_comes_is_told_of_chats_and_of_what_was_missed() {
    let crier = Crier::with(&["presence.grace=100ms"]);
    let mut customer = crier.arrive("CUSTOMER", 1);
    let nothing = json!({ "items": [], "pagination": {
        "currentPage": 1, "nextPage": null, "prevPage": null, "hasNext": false, "hasPrev": false,
        "totalPages": 0, "totalRecords": 0
    } });
    let chats = customer.event("userChats");
    let offline = customer.event("offlineMessages");
    for (told, message) in [
        (&chats, "Chats have been sent successfully"),
        (&offline, "Offline messages has been sent successfully"),
    ] {
        assert_eq!(told["message"], message);
        assert_eq!((&told["statusCode"], &told["error"]), (&json!(200), &json!(false)));
        assert_eq!(told["data"], nothing);
    }
    for text in ["first", "second"] {
        let payload = json!({ "productId": 12345, "recipientId": 5, "text": text });
        let sent = customer.ask("sendMessage", payload);
        assert_eq!(sent["data"][0]["recipientOnline"], false, "{sent}");
    }

    let mut vendor = crier.arrive("VENDOR", 5);
    let chats = vendor.event("userChats")["data"]["items"].clone();
    assert_eq!(chats.as_array().unwrap().len(), 1);
    let chat = &chats[0];
    for (field, value) in [
        ("productId", json!(12345)),
        ("vendorId", json!(5)),
        ("customerId", json!("1")),
        ("unReadCustomerMessages", json!(false)),
        ("unReadVendorMessages", json!(true)),
    ] {
        assert_eq!(chat[field], value, "{field}");
    }
    assert_eq!(chat["customer"]["userId"], "1");
    assert!(chat.get("vendor").is_none() && chat.get("messages").is_none(), "{chat}");

    let offline = vendor.event("offlineMessages");
    let items = offline["data"]["items"].as_array().unwrap();
    let texts: Vec<&Value> = items.iter().map(|item| &item["text"]).collect();
    assert_eq!(texts, ["second", "first"], "the newest first");
    assert_eq!(offline["data"]["pagination"]["totalRecords"], 2);
    let message = &items[0];
    for (field, value) in [
        ("senderId", json!("1")),
        ("senderType", json!("CUSTOMER")),
        ("recipientId", json!(5)),
        ("recipientType", json!("VENDOR")),
        ("read", json!(false)),
        ("recipientOnline", json!(false)),
        ("supportChatId", Value::Null),
        ("messageMedias", json!([])),
    ] {
        assert_eq!(message[field], value, "{field}");
    }
    assert_eq!((&message["chatId"], &message["chat"]["id"]), (&chat["id"], &chat["id"]));
    assert_eq!(message["chat"]["unReadVendorMessages"], true);
    for id in [&message["id"], &chat["id"]] {
        assert_eq!(id.as_str().unwrap().len(), 24, "{id}");
    }
}

#[test]
fn presence_is_of_the_person_and_outlives_a_connection_by_the_grace() {
    let crier = Crier::with(&["presence.grace=60s"]);
    let mut customer = crier.person("CUSTOMER", 1);
    let vendor = crier.person("VENDOR", 5);
    drop(vendor);
    // Within the grace they are there, and may come back to /chat alone.
    let sent = customer.ask("sendMessage", hello(5));
    assert_eq!(sent["data"][0]["recipientOnline"], true);
    let mut again = Client::open(&crier, &token_of("VENDOR", 5));
    again.enter("/chat");
    again.event("userChats");
    // Customer 5 was never there.
    let mut vendor_1 = crier.person("VENDOR", 1);
    let sent = vendor_1.ask("sendMessage", hello(5));
    assert_eq!(sent["data"][0]["recipientOnline"], false);
}

#[test]
fn with_the_app_off_its_namespaces_are_not_there() {
    let crier = Crier::with(&["apps=shop"]);
    let mut client = Client::open(&crier, &token_of("CUSTOMER", 1));
    for namespace in ["/presence", "/chat"] {
        client.ask_in(namespace);
        assert_eq!(client.packet(), format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#));
    }
}
