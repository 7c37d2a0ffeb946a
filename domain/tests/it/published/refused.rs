//! What is no payload of an event is refused by the path of what is wrong.

use crier_domain::CatalogueError;
use serde_json::{Value, json};

use super::{Case, all, good, publish};

/// Fields that the contract leaves to the publisher: whatever is in there is taken.
const FREE: [&str; 2] = ["/perks", "/offer"];

/// What may be left out, of the payloads with everything in them; anything else is needed.
const OPTIONAL: &str = "paymentId transactionHash reason status txHash provider carrier trackingNumber \
    escrowState attachments userName discount estimatedDelivery signature senderAvatar avatar userAvatar images \
    product followerAvatar timestamp ts event type title body meta";

/// Every field of a payload and of the objects in it, as pointers.
fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields_of) => {
            for (name, value) in fields_of {
                let at = format!("{at}/{name}");
                found.push(at.clone());
                if !FREE.contains(&at.as_str()) {
                    fields(value, &at, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                fields(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn path(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// Whether an event's payload has a shape of its own at this place.
fn is_typed(event: &str, at: &str) -> bool {
    let free = match event {
        "cart_sync" => "",
        "new-purchase-request" => return at == "/_id",
        "new-notification" => "/notification/data/",
        "notification:received" => "/meta/",
        "new-offer" => "/offer/",
        _ => return true,
    };
    !at.starts_with(free)
}

#[test]
fn a_field_of_the_wrong_kind_is_named() {
    let mut tried = 0;
    for Case { event, data, params, .. } in all() {
        let mut all_fields = Vec::new();
        fields(&data, "", &mut all_fields);
        for at in all_fields.iter().filter(|at| is_typed(event, at)) {
            if at == "/perks" {
                continue;
            }
            let mut wrong = data.clone();
            // No field of any event is a list of lists.
            *wrong.pointer_mut(at).unwrap() = json!([[]]);
            match publish(event, &wrong, &params) {
                Err(CatalogueError::Invalid { path: named, message }) => {
                    assert!(named.starts_with(&path(at)), "{event} {at}: {named}: {message}");
                    tried += 1;
                }
                other => panic!("{event} {at}: {other:?}"),
            }
        }
    }
    assert!(tried > 250, "{tried}");
}

#[test]
fn a_field_that_is_missing_is_named() {
    let mut tried = 0;
    for Case { event, data, params, .. } in all() {
        let mut all_fields = Vec::new();
        fields(&data, "", &mut all_fields);
        for at in all_fields.iter().filter(|at| is_typed(event, at)) {
            let (parent, name) = at.rsplit_once('/').unwrap();
            let mut without = data.clone();
            without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            match publish(event, &without, &params) {
                Ok(_) => {
                    let optional = OPTIONAL.split_whitespace().any(|word| word == name);
                    let of_comment = event == "feed_post_commented" && name == "id";
                    assert!(optional || of_comment, "{event} {at}");
                }
                Err(CatalogueError::Invalid { path: named, message }) => {
                    assert_eq!((named, message), (path(at), "missing field".into()), "{event}");
                    tried += 1;
                }
                Err(other) => panic!("{event} {at}: {other}"),
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_field_that_is_unknown_is_named() {
    for Case { event, mut data, params, .. } in all() {
        data["bogus"] = json!(1);
        let refused = publish(event, &data, &params);
        match event {
            "cart_sync" | "new-purchase-request" => assert!(refused.is_ok(), "{event}"),
            _ => match refused {
                Err(CatalogueError::Invalid { path, .. }) => assert_eq!(path, "bogus", "{event}"),
                other => panic!("{event}: {other:?}"),
            },
        }
    }
}

#[test]
fn a_value_out_of_its_range_is_named() {
    let many: Vec<Value> = vec![good("leaderboard_update")["rankings"][0].clone(); 101];
    let requests: Vec<Value> = vec![json!(1); 1_001];
    for (event, at, value) in [
        ("order_status_update", "/status", json!("lost")),
        ("order_status_update", "/timestamp", json!("yesterday")),
        ("order_status_update", "/orderId", json!(5)),
        ("order_location_update", "/location/latitude", json!(90.1)),
        ("order_location_update", "/location/longitude", json!(-180.1)),
        ("order_cancelled", "/cancelledBy", json!("courier")),
        ("order_cancelled", "/refundStatus", json!("done")),
        ("order_cancelled", "/refundAmount", json!(-1)),
        ("seller-offer-update", "/eventType", json!("offer-made")),
        ("payment-created", "/amount", json!(-0.01)),
        ("payment-created", "/amount", json!("10")),
        ("cart_item_released", "/reason", json!("lost")),
        ("cart_item_reserved", "/quantity", json!(1.5)),
        ("stock_update", "/stock", json!(-1)),
        ("support_message_received", "/type", json!("video")),
        ("support_agent_status_changed", "/status", json!("asleep")),
        ("support_ticket_status_changed", "/status", json!("in-progress")),
        ("group_complete", "/status", json!("incomplete")),
        ("group_member_joined", "/spotsRemaining", json!(-1)),
        ("store_message", "/type", json!("file")),
        ("feed_new_post", "/type", json!("review")),
        ("leaderboard_update", "/period", json!("hourly")),
        ("leaderboard_update", "/rankings", json!(many)),
        ("leaderboard_update", "/rankings/0/change", json!(0.5)),
        ("leaderboard_rank_change", "/period", json!("all_time")),
        ("template-checkout-payment-confirmed", "/requestIds", json!(requests)),
        ("new-message", "/message/content", json!("a\u{0}b")),
        ("new-message", "/message/createdAt", json!("31.01.2026")),
        ("unread-count-update", "/unreadCount", json!(-1)),
        ("notification:received", "/type", json!("danger")),
        ("notification:received", "/event", json!("notification:sent")),
        ("system_maintenance", "/duration", json!(-1)),
    ] {
        let case = all().into_iter().find(|case| case.event == event).unwrap();
        let mut wrong = case.data;
        *wrong.pointer_mut(at).unwrap() = value;
        match publish(event, &wrong, &case.params) {
            Err(CatalogueError::Invalid { path: named, message }) => {
                assert!(named.starts_with(&path(at)), "{event} {at}: {named}: {message}");
                assert!(!message.contains(" at line "), "{message}");
            }
            other => panic!("{event} {at}: {other:?}"),
        }
    }
}
