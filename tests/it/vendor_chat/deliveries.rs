//! What is told of a message, a receipt, a deletion, typing: to whom, in which words.

use serde_json::{Value, json};

use super::rig::{Client, Crier};

fn message(recipient: u64, text: &str) -> Value {
    json!({ "productId": 12345, "recipientId": recipient, "text": text })
}

fn about(recipient: u64) -> Value {
    json!({ "productId": "12345", "recipientId": recipient })
}

/// The names of what was heard.
fn names(client: &mut Client) -> Vec<String> {
    client.heard().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_first_message_opens_a_chat_and_later_ones_go_into_it() {
    let crier = Crier::start();
    let (mut customer, mut tab) = (crier.person("CUSTOMER", 1), crier.person("CUSTOMER", 1));
    let (mut vendor, mut desk) = (crier.person("VENDOR", 5), crier.person("VENDOR", 5));
    let mut other = crier.person("VENDOR", 1);
    let mut stranger = crier.person("CUSTOMER", 5);

    let sent = customer.ask("sendMessage", message(5, "Hi"));
    assert_eq!((&sent["statusCode"], &sent["message"]), (&json!(200), &Value::Null));
    for sender in [&mut customer, &mut tab] {
        assert_eq!(sender.event("receiveMessage"), sent);
        sender.expect_silence();
    }
    for recipient in [&mut vendor, &mut desk] {
        let new = recipient.event("newChat");
        assert_eq!(new["message"], new["data"]);
        assert_eq!(new["data"]["messages"], sent["data"]);
        assert_eq!(new["data"]["customer"]["userId"], "1");
        assert_eq!(new["data"]["unReadVendorMessages"], true);
        recipient.expect_silence();
    }

    // The product is the same as text, and the vendor answers in the chat without having joined it.
    let answer = json!({ "productId": "12345", "recipientId": 1, "text": "Yes?" });
    let answered = vendor.ask("sendMessage", answer);
    assert_eq!(answered["data"][0]["chatId"], sent["data"][0]["chatId"]);
    for client in [&mut vendor, &mut desk, &mut customer, &mut tab] {
        assert_eq!(client.event("receiveMessage"), answered);
        client.expect_silence();
    }
    other.expect_silence();
    stranger.expect_silence();
}

#[test]
fn pictures_go_with_a_message_or_alone() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let picture = json!({
        "id": "mine", "imageUrl": "https://cdn.example.com/a.jpg", "size": "115998",
        "mimeType": "image/jpeg"
    });
    let payload = json!({ "productId": 7, "recipientId": 5, "messageMedias": [picture] });
    let sent = customer.ask("sendMessage", payload)["data"][0].clone();
    assert_eq!(sent["text"], Value::Null);
    let kept = &sent["messageMedias"][0];
    assert_eq!(kept["imageUrl"], picture["imageUrl"]);
    assert_eq!(kept["size"], "115998");
    assert_eq!(kept["mimeType"], "image/jpeg");
    assert_eq!(kept["id"].as_str().unwrap().len(), 24, "the server sets the id");
}

#[test]
fn joining_a_chat_reads_it_and_the_other_one_hears_of_it() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    for text in ["one", "two", "three"] {
        customer.ask("sendMessage", message(5, text));
    }
    customer.heard();
    vendor.heard();

    let loaded = vendor.ask("joinChat", about(1));
    assert_eq!(vendor.event("loadMessages"), loaded);
    assert_eq!(loaded["message"], "Chat has been loaded");
    let texts = |loaded: &Value| -> Vec<String> {
        let messages = loaded["data"]["messages"].as_array().unwrap();
        messages.iter().map(|m| m["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&loaded), ["one", "two", "three"]);
    assert_eq!(loaded["data"]["messages"][0]["read"], true);
    assert_eq!(loaded["data"]["unReadVendorMessages"], false);
    assert_eq!(loaded["data"]["pagination"]["totalRecords"], 3);

    let receipt = customer.event("updateReadReceipts");
    let chat_id = loaded["data"]["id"].clone();
    assert_eq!(receipt["message"], "Messages marked as read");
    assert_eq!(receipt["data"], json!({ "chatId": chat_id, "productId": 12345, "userId": 5 }));
    vendor.expect_silence();

    // Pages begin with the newest, and each is read from old to new.
    let paged =
        |page: u64| json!({ "productId": 12345, "recipientId": 1, "page": page, "limit": 2 });
    let first = vendor.ask("joinChat", paged(1));
    assert_eq!(texts(&first), ["two", "three"]);
    assert_eq!(first["data"]["pagination"]["nextPage"], 2);
    assert_eq!(texts(&vendor.ask("joinChat", paged(2))), ["one"]);
}

#[test]
fn reading_is_said_in_three_ways_and_told_to_both() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let (mut vendor, mut desk) = (crier.person("VENDOR", 5), crier.person("VENDOR", 5));
    customer.ask("sendMessage", message(5, "Hi"));
    customer.heard();
    desk.heard();
    let new = vendor.event("newChat");
    let chat_id = new["data"]["id"].clone();
    for payload in [about(1), json!({ "chatId": chat_id }), new] {
        let answer = vendor.ask("markAsRead", payload);
        assert_eq!(answer["message"], "Messages marked as read");
        for client in [&mut customer, &mut vendor, &mut desk] {
            assert_eq!(client.event("updateReadReceipts"), answer);
            client.expect_silence();
        }
    }
    let mut back = crier.arrive("VENDOR", 5);
    assert_eq!(back.event("userChats")["data"]["items"][0]["unReadVendorMessages"], false);
    assert_eq!(back.event("offlineMessages")["data"]["items"], json!([]));
}

#[test]
fn a_deleted_message_is_gone_for_both() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    let sent = customer.ask("sendMessage", message(5, "secret"));
    let id = sent["data"][0]["id"].clone();
    customer.heard();
    vendor.heard();
    let delete = json!({ "productId": 12345, "recipientId": 5, "messageId": id });
    let answer = customer.ask("deleteMessage", delete.clone());
    assert_eq!(answer["message"], "Message has been deleted successfully");
    assert_eq!(answer["data"]["messageId"], id);
    assert_eq!(customer.event("messageDeleted"), answer);
    assert_eq!(vendor.event("messageDeleted"), answer);
    let loaded = vendor.ask("joinChat", about(1));
    assert_eq!(loaded["data"]["messages"], json!([]));
    assert_eq!(loaded["data"]["pagination"]["totalRecords"], 0);
    // It is not there a second time.
    assert_eq!(customer.ask("deleteMessage", delete)["statusCode"], 404);
}

#[test]
fn typing_is_shown_to_the_other_one_alone() {
    let crier = Crier::start();
    let (mut customer, mut tab) = (crier.person("CUSTOMER", 1), crier.person("CUSTOMER", 1));
    let mut vendor = crier.person("VENDOR", 5);
    customer.ask("sendMessage", message(5, "Hi"));
    for client in [&mut customer, &mut tab, &mut vendor] {
        client.heard();
    }
    for (asked, told, words) in [
        ("typing", "userTyping", "User is typing"),
        ("stoppedTyping", "stoppedTyping", "User has stopped typing"),
    ] {
        customer.emit(asked, about(5));
        let heard = vendor.event(told);
        assert_eq!(heard["message"], words);
        assert_eq!(heard["data"]["userId"], "1");
        assert_eq!(heard["data"]["productId"], 12345);
        assert!(heard["data"]["chatId"].is_string());
    }
    for client in [&mut customer, &mut tab, &mut vendor] {
        client.expect_silence();
    }
}

#[test]
fn lists_of_chats_have_messages_and_profiles() {
    let crier = Crier::start();
    crier.put_user(
        5,
        json!({
            "userType": "VENDOR", "firstName": "Ada", "lastName": "Vendor",
            "email": "vendor@example.com", "phoneNumber": "+10000000000",
            "store": [{ "name": "Wonderds", "storeId": 7 }, { "name": "Second", "storeId": 8 }]
        }),
    );
    crier.put_user(1, json!({ "userType": "CUSTOMER", "firstName": "Cus" }));
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    for product in 1..=3 {
        let payload = json!({ "productId": product, "recipientId": 5, "text": "Hi" });
        customer.ask("sendMessage", payload);
    }
    vendor.heard();
    customer.heard();
    for (event, payload) in
        [("joinRooms", Value::Null), ("getUserChats", Value::Null), ("getUserChats", json!({}))]
    {
        let chats = customer.ask(event, payload);
        assert_eq!(customer.event("userChats"), chats);
        assert_eq!(chats["message"], "Chats has been sent successfully");
        assert_eq!(chats["pagination"]["totalRecords"], 3);
        let products: Vec<&Value> =
            chats["data"].as_array().unwrap().iter().map(|chat| &chat["productId"]).collect();
        assert_eq!(products, [3, 2, 1], "the latest first");
        let chat = &chats["data"][0];
        assert_eq!(chat["messages"][0]["text"], "Hi");
        assert_eq!(chat["storeId"], 7, "the first store");
        assert_eq!(chat["vendor"]["firstName"], "Ada");
        assert_eq!(chat["vendor"]["store"][1]["name"], "Second");
        for contact in ["email", "phoneNumber"] {
            assert_eq!(chat["vendor"][contact], Value::Null, "{contact} is not shared");
        }
    }
    let page = customer.ask("getUserChats", json!({ "page": 2, "limit": 2 }));
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["pagination"]["hasPrev"], true);
    let seen = vendor.ask("getUserChats", Value::Null);
    assert_eq!(seen["data"][0]["customer"]["firstName"], "Cus");
    assert_eq!(seen["data"][0]["storeId"], 7);
    assert!(seen["data"][0]["customer"].get("store").is_none());
}

#[test]
fn contacts_are_shared_where_the_shop_says_so() {
    let crier = Crier::with(&["vendor_chat.share_contact=on"]);
    let vendor = json!({ "userType": "VENDOR", "email": "v@example.com", "phoneNumber": "+1" });
    crier.put_user(5, vendor);
    crier.put_user(1, json!({ "userType": "CUSTOMER", "email": "c@example.com" }));
    let mut vendor = crier.person("VENDOR", 5);
    let mut customer = crier.person("CUSTOMER", 1);
    customer.ask("sendMessage", message(5, "Hi"));
    let new = vendor.event("newChat");
    assert_eq!(new["data"]["customer"]["email"], "c@example.com");
    let chats = customer.ask("getUserChats", Value::Null);
    assert_eq!(chats["data"][0]["vendor"]["phoneNumber"], "+1");
}

#[test]
fn a_message_with_a_client_id_is_sent_once() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    let payload = json!({ "productId": 1, "recipientId": 5, "text": "Hi", "clientId": "c-1" });
    let first = customer.ask("sendMessage", payload.clone());
    let mut tab = crier.person("CUSTOMER", 1);
    assert_eq!(tab.ask("sendMessage", payload), first, "the first answer is given again");
    tab.expect_silence();
    assert_eq!(names(&mut customer), ["receiveMessage"]);
    assert_eq!(names(&mut vendor), ["newChat"]);
    let other = json!({ "productId": 1, "recipientId": 5, "text": "Ho", "clientId": "c-1" });
    assert_eq!(customer.ask("sendMessage", other)["statusCode"], 409);
    // Vendor 1 is somebody else, with ids of their own.
    let mut namesake = crier.person("VENDOR", 1);
    let theirs = json!({ "productId": 1, "recipientId": 9, "text": "Hi", "clientId": "c-1" });
    assert_eq!(namesake.ask("sendMessage", theirs)["statusCode"], 200);
}

#[test]
fn chats_outlive_a_crash() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let sent = customer.ask("sendMessage", message(5, "Hi"));
    let crier = crier.crash_and_start_again();
    let mut vendor = crier.arrive("VENDOR", 5);
    vendor.event("userChats");
    let offline = vendor.event("offlineMessages");
    assert_eq!(offline["data"]["items"][0]["id"], sent["data"][0]["id"]);
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_and_is_not_greeted_again() {
    let crier = Crier::start();
    let mut customer = crier.person("CUSTOMER", 1);
    let mut vendor = crier.person("VENDOR", 5);
    customer.ask("sendMessage", message(5, "before"));
    vendor.event("newChat");
    let mut missed = Value::Null;
    let mut vendor = vendor.come_back(&crier, || {
        missed = customer.ask("sendMessage", message(5, "meanwhile"));
    });
    assert_eq!(vendor.event("receiveMessage"), missed);
    vendor.expect_silence();
    customer.ask("sendMessage", message(5, "after"));
    assert_eq!(vendor.event("receiveMessage")["data"][0]["text"], "after");
}
