//! What is refused: with which words, naming which field, and that nothing has changed.

use serde_json::{Value, json};

use super::rig::Crier;

#[test]
fn a_bad_payload_is_named_and_changes_nothing() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    let long = "x".repeat(5_001);
    let wide = "😀".repeat(2_501);
    let send = |change: Value| {
        let mut payload = json!({ "productId": 1, "recipientId": 5, "text": "Hi" });
        payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        payload
    };
    let media = |change: Value| {
        let mut media =
            json!({ "imageUrl": "https://a/b.png", "size": "1", "mimeType": "image/png" });
        media.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        send(json!({ "messageMedias": [media] }))
    };
    let eleven = vec![json!({ "imageUrl": "https://a", "size": "1", "mimeType": "a/b" }); 11];
    for (event, payload, path) in [
        ("sendMessage", json!({ "recipientId": 5, "text": "Hi" }), "productId"),
        ("sendMessage", json!({ "productId": 1, "text": "Hi" }), "recipientId"),
        ("sendMessage", send(json!({ "productId": 1.5 })), "productId"),
        ("sendMessage", send(json!({ "recipientId": [] })), "recipientId"),
        ("sendMessage", send(json!({ "text": 5 })), "text"),
        ("sendMessage", send(json!({ "text": null })), "text"),
        ("sendMessage", send(json!({ "text": "" })), "text"),
        ("sendMessage", send(json!({ "text": " \n" })), "text"),
        ("sendMessage", send(json!({ "text": "a\u{0}b" })), "text"),
        ("sendMessage", send(json!({ "text": long })), "text"),
        ("sendMessage", send(json!({ "text": wide })), "text"),
        ("sendMessage", send(json!({ "messageMedias": eleven })), "messageMedias"),
        ("sendMessage", send(json!({ "messageMedias": {} })), "messageMedias"),
        ("sendMessage", media(json!({ "imageUrl": "javascript:a" })), "messageMedias.0.imageUrl"),
        ("sendMessage", media(json!({ "size": "big" })), "messageMedias.0.size"),
        ("sendMessage", media(json!({ "mimeType": "png" })), "messageMedias.0.mimeType"),
        ("sendMessage", send(json!({ "senderId": 9 })), "senderId"),
        ("sendMessage", send(json!({ "clientId": "x".repeat(65) })), "clientId"),
        ("joinChat", json!({ "productId": 1 }), "recipientId"),
        ("joinChat", json!({ "productId": 1, "recipientId": 5, "page": 0 }), "page"),
        ("joinChat", json!({ "productId": 1, "recipientId": 5, "limit": 101 }), "limit"),
        ("getUserChats", json!({ "limit": "all" }), "limit"),
        ("getUserChats", json!({ "page": -1 }), "page"),
        ("markAsRead", json!({ "productId": 1 }), "recipientId"),
        ("markAsRead", json!({ "chatId": [] }), "chatId"),
        ("deleteMessage", json!({ "productId": 1, "recipientId": 5 }), "messageId"),
        ("typing", json!({ "recipientId": 5 }), "productId"),
        ("stoppedTyping", json!({ "productId": 1, "recipientId": true }), "recipientId"),
    ] {
        let error = customer.ask(event, payload.clone());
        assert_eq!(error["error"], true, "{event} {payload:.80}: {error}");
        assert_eq!(error["statusCode"], 400, "{event} {payload:.80}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{path}: ")), "{event} {path}: {message}");
        assert_eq!(customer.event("appError"), error, "{event}");
    }
    vendor.expect_silence();
    assert_eq!(customer.ask("getUserChats", Value::Null)["data"], json!([]));
    // As long as may be, in the units of JavaScript.
    let longest = json!({ "productId": 1, "recipientId": 5, "text": "😀".repeat(2_500) });
    assert_eq!(customer.ask("sendMessage", longest)["statusCode"], 200);
}

#[test]
fn what_is_not_there_or_not_ones_own_is_refused() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    let mut stranger = crier.person("CUSTOMER", 5);
    let sent = customer
        .ask("sendMessage", json!({ "productId": 1, "recipientId": 5, "text": "Hi" }))["data"][0]
        .clone();
    customer.heard();
    vendor.heard();
    let none = json!({ "productId": 2, "recipientId": 5 });
    let delete = |recipient: u64, id: &Value| json!({ "productId": 1, "recipientId": recipient, "messageId": id });
    let absent = json!("0123456789abcdef01234567");
    for (status, who, event, payload) in [
        (404, "customer", "joinChat", none.clone()),
        (404, "customer", "markAsRead", none.clone()),
        (404, "customer", "typing", none.clone()),
        (404, "customer", "markAsRead", json!({ "chatId": absent })),
        (404, "customer", "markAsRead", json!({ "chatId": "short" })),
        (404, "customer", "deleteMessage", delete(5, &absent)),
        (404, "customer", "deleteMessage", delete(6, &sent["id"])),
        (403, "vendor", "deleteMessage", delete(1, &sent["id"])),
        // Customer 5 is not vendor 5.
        (404, "stranger", "joinChat", json!({ "productId": 1, "recipientId": 1 })),
        (403, "stranger", "markAsRead", json!({ "chatId": sent["chatId"] })),
        (404, "stranger", "deleteMessage", delete(5, &sent["id"])),
    ] {
        let client = match who {
            "customer" => &mut customer,
            "vendor" => &mut vendor,
            _ => &mut stranger,
        };
        let error = client.ask(event, payload.clone());
        assert_eq!(error["statusCode"], status, "{event} {payload}: {error}");
        assert_eq!(error["error"], true);
        assert_eq!(client.event("appError"), error);
    }
    for client in [&mut customer, &mut vendor, &mut stranger] {
        client.expect_silence();
    }
    let loaded = vendor.ask("joinChat", json!({ "productId": 1, "recipientId": 1 }));
    assert_eq!(loaded["data"]["messages"][0]["text"], "Hi");
}

#[test]
fn a_recipient_whom_a_filled_directory_does_not_know_is_404() {
    let crier = Crier::start();
    crier.put_user(5, json!({ "userType": "CUSTOMER", "name": "the customer" }));
    let mut customer = crier.person("CUSTOMER", 1);
    let error =
        customer.ask("sendMessage", json!({ "productId": 1, "recipientId": 5, "text": "Hi" }));
    assert_eq!((&error["statusCode"], &error["message"]), (&json!(404), &json!("User not found")));
    assert_eq!(customer.ask("getUserChats", Value::Null)["data"], json!([]));
    crier.put_user(5, json!({ "userType": "VENDOR", "name": "the vendor" }));
    let sent =
        customer.ask("sendMessage", json!({ "productId": 1, "recipientId": 5, "text": "Hi" }));
    assert_eq!(sent["statusCode"], 200, "{sent}");
}

#[test]
fn messages_are_counted_by_the_minute_and_person() {
    let crier = Crier::start();
    let (mut customer, mut tab) = (crier.person("CUSTOMER", 1), crier.person("CUSTOMER", 1));
    let mut namesake = crier.person("VENDOR", 1);
    let message = |n: u32| json!({ "productId": 1, "recipientId": 5, "text": n.to_string() });
    for n in 0..20 {
        let client = if n % 2 == 0 { &mut customer } else { &mut tab };
        assert_eq!(client.ask("sendMessage", message(n))["statusCode"], 200, "{n}");
    }
    // One more may have come back meanwhile: it takes three seconds.
    let refused = (0..20).map(|n| tab.ask("sendMessage", message(n)));
    let refused: Vec<Value> = refused.filter(|answer| answer["statusCode"] != 200).collect();
    assert!(refused.len() >= 15, "{refused:?}");
    assert_eq!(refused[0]["statusCode"], 429);
    assert_eq!(refused[0]["message"], "Rate limit exceeded");
    assert!(refused[0]["retryAfter"].as_u64().unwrap() >= 1);
    assert_eq!(namesake.ask("sendMessage", message(0))["statusCode"], 200);
}
