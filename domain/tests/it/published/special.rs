//! Receivers that are more than a list of rooms.

use std::time::Duration;

use crier_domain::{
    App, Catalogue, CatalogueError, Filter, Params, Role, RoomName, UserId,
    event::{CatalogueOptions, PaymentAudience, ProductAudience},
};
use serde_json::{Value, json, value::to_raw_value};

use super::{all, good, publish, publish_with, rooms};

fn refused(event: &str, data: &Value, params: &Value) -> String {
    publish(event, data, params).unwrap_err().to_string()
}

#[test]
fn a_transaction_needs_both_its_parties() {
    let data = good("transaction-completed");
    for (params, missing) in [
        (json!({}), "params.buyerId is required"),
        (json!({ "buyerId": 1 }), "params.sellerId is required"),
        (json!({ "sellerId": 1 }), "params.buyerId is required"),
    ] {
        assert_eq!(refused("transaction-completed", &data, &params), missing);
    }
}

#[test]
fn money_goes_to_everyone_who_is_signed_in_where_the_operator_wants_it() {
    let everyone =
        CatalogueOptions { payments: PaymentAudience::Everyone, ..CatalogueOptions::default() };
    let mut offer = good("seller-offer-update");
    offer["eventType"] = json!("payment-completed");
    let pays = [
        "template-checkout-payment-confirmed",
        "template-checkout-payment-pending",
        "template-checkout-payment-failed",
        "payment-created",
        "payment-update",
        "payout-created",
        "payout-completed",
        "payout-updated",
    ];
    let cases = pays.map(|event| (event, good(event))).into_iter();
    for (event, data) in cases.chain([("seller-offer-update", offer)]) {
        let prepared = publish_with(everyone, event, &data, &json!({})).unwrap();
        assert!(rooms(&prepared).is_empty() && prepared.filter.signed_in, "{event}");
        assert!(
            publish(event, &data, &json!({})).unwrap().filter
                == Filter { app: Some(App::Marketplace), ..Filter::default() }
        );
    }
    for case in all().into_iter().filter(|case| !pays.contains(&case.event)) {
        let with = publish_with(everyone, case.event, &case.data, &case.params).unwrap();
        assert_eq!(rooms(&with), case.rooms, "{} is no payment", case.event);
    }
}

#[test]
fn an_offer_that_is_paid_concerns_the_parties_too() {
    let mut data = good("seller-offer-update");
    let to = |data: &Value, params: Value| {
        let prepared = publish("seller-offer-update", data, &params).unwrap();
        rooms(&prepared).join(" ")
    };
    assert_eq!(to(&data, json!({ "buyerId": "b1" })), "seller-s1");
    data["eventType"] = json!("payment-completed");
    assert_eq!(to(&data, json!({ "buyerId": "b1" })), "seller-s1 buyer-b1 request-r1 admins");
}

#[test]
fn a_payment_that_names_nobody_goes_to_the_staff() {
    let prepared = publish("payment-update", &good("payment-update"), &json!({})).unwrap();
    assert_eq!(rooms(&prepared), ["admins"]);
    let wrong = refused("payment-update", &good("payment-update"), &json!({ "buyerId": ["b"] }));
    assert_eq!(wrong, "params.buyerId must be a text or a whole number");
    let wrong = refused("payment-update", &good("payment-update"), &json!({ "buyerIds": "b" }));
    assert_eq!(wrong, "params.buyerIds must be a list of texts or whole numbers");
}

#[test]
fn a_delivery_code_is_for_the_seller_alone() {
    let data = good("delivery-code-generated");
    let prepared = publish("delivery-code-generated", &data, &json!({ "sellerId": 5 })).unwrap();
    assert_eq!(prepared.filter.users, [UserId::from(5_u64)]);
    assert!(prepared.filter.roles.is_empty());

    let prepared = publish("delivery-code-generated", &data, &json!({})).unwrap();
    assert_eq!(prepared.filter.roles, [Role::Seller, Role::Admin]);
    assert!(prepared.filter.users.is_empty());
    assert_eq!(rooms(&prepared), ["request-r1"]);
}

#[test]
fn a_delivery_code_stays_with_the_seller_in_rooms_that_are_named() {
    let catalogue = Catalogue::new(App::ALL);
    let data = to_raw_value(&good("delivery-code-generated")).unwrap();
    let named = vec![RoomName::parse("lobby").unwrap()];
    let prepared =
        catalogue.validate("delivery-code-generated", &data, &Params::default(), Some(named));
    let prepared = prepared.unwrap();
    assert_eq!((rooms(&prepared), prepared.filter.roles.len()), (vec!["lobby"], 2));
}

#[test]
fn a_product_goes_to_its_room_or_to_everyone() {
    let event = "price_update";
    for (products, to, everyone_up_to) in [
        (ProductAudience::Auto, &["product:p1"][..], Some(1_000)),
        (ProductAudience::Everyone, &[], None),
        (ProductAudience::Room, &["product:p1"], None),
    ] {
        let options = CatalogueOptions { products, ..CatalogueOptions::default() };
        let prepared = publish_with(options, event, &good(event), &json!({})).unwrap();
        assert_eq!((rooms(&prepared).as_slice(), prepared.everyone_up_to), (to, everyone_up_to));
        assert!(!prepared.filter.signed_in, "prices are for everyone");
    }
}

#[test]
fn a_post_goes_to_1_to_1000_followers() {
    let data = good("feed_new_post");
    assert_eq!(refused("feed_new_post", &data, &json!({})), "params.followerIds is required");
    assert_eq!(
        refused("feed_new_post", &data, &json!({ "followerIds": "u" })),
        "params.followerIds must be a list of texts or whole numbers"
    );
    let most: Vec<u64> = (0..1_000).collect();
    let prepared = publish("feed_new_post", &data, &json!({ "followerIds": most })).unwrap();
    assert_eq!(prepared.rooms.len(), 2_000);
    for followers in [json!([]), json!(vec![1; 1_001])] {
        let params = json!({ "followerIds": followers });
        assert!(serde_json::from_value::<Params>(params).is_err());
    }
}

#[test]
fn a_store_that_comes_and_goes_is_settled_for_5_seconds() {
    let of = |event: &str, store: &str, rooms: Option<&str>| {
        let catalogue = Catalogue::new(App::ALL);
        let data = to_raw_value(&json!({ "storeId": store })).unwrap();
        let rooms = rooms.map(|room| vec![RoomName::parse(room).unwrap()]);
        let prepared = catalogue.validate(event, &data, &Params::default(), rooms).unwrap();
        let needs_rooms_above = prepared.needs_rooms_above;
        let sent = prepared.into_publish(None);
        assert_eq!(sent.settle, Some(Duration::from_secs(5)));
        (sent.key.unwrap(), needs_rooms_above)
    };
    let (online, needs) = of("store_online", "s1", None);
    assert_eq!(needs, Some(1_000), "everyone is too many then");
    assert_eq!(of("store_offline", "s1", None).0, online, "the newer one takes its place");
    assert_ne!(of("store_online", "s2", None).0, online);
    let (in_room, needs) = of("store_online", "s1", Some("lobby"));
    assert_eq!(needs, None);
    assert_ne!(in_room, online, "who is told elsewhere is told all the same");
}

#[test]
fn an_agent_without_a_ticket_is_shown_to_everyone_who_is_signed_in() {
    let event = "support_agent_status_changed";
    let prepared = publish(event, &good(event), &json!({})).unwrap();
    assert!(rooms(&prepared).is_empty() && prepared.filter.signed_in);
    let wrong = refused(event, &good(event), &json!({ "ticketId": ["t"] }));
    assert_eq!(wrong, "params.ticketId must be a text or a whole number", "and is not global");
}

#[test]
fn an_expired_offer_goes_to_its_category_if_that_is_given() {
    let data = good("offer_expired");
    let prepared = publish("offer_expired", &data, &json!({ "category": "food" })).unwrap();
    assert_eq!(rooms(&prepared), ["offers", "offers:food"]);
}

#[test]
fn what_happened_to_a_request_has_two_names() {
    let sent = |data: Value| {
        let prepared = publish("purchase-request-update", &data, &json!({}));
        prepared.map(|prepared| super::payload(&prepared.into_publish(None)))
    };
    let both = json!({ "type": "anything", "eventType": "anything", "requestId": "r1" });
    assert_eq!(sent(json!({ "type": "anything", "requestId": "r1" })), Ok(both.clone()));
    assert_eq!(sent(json!({ "eventType": "anything", "requestId": "r1" })), Ok(both.clone()));
    assert_eq!(sent(both.clone()), Ok(both));
    let neither = sent(json!({ "requestId": "r1" }));
    let missing = CatalogueError::Invalid { path: "type".into(), message: "missing field".into() };
    assert_eq!(neither, Err(missing));
    assert!(sent(json!({ "type": "a", "eventType": "b", "requestId": "r1" })).is_err());
}

#[test]
fn what_does_not_exist_is_answered_with_what_does() {
    let all = Catalogue::new(App::ALL);
    assert_eq!(all.nearest("request-cancelled"), Some("purchase-request-update"));
    assert_eq!(all.nearest("request_cancelled"), Some("purchase-request-update"));
    assert_eq!(all.nearest("notification-read"), Some("unread-count-update"));
    let unknown = CatalogueError::Unknown { nearest: Some("unread-count-update") };
    assert_eq!(publish("notification-read", &json!({}), &json!({})), Err(unknown));
    let without = Catalogue::new([App::Storefront]);
    assert_eq!(without.nearest("notification-read"), None, "not where it is off");
}

#[test]
fn a_key_that_nothing_names_is_none_in_rooms_that_are_named() {
    let catalogue = Catalogue::new(App::ALL);
    let data = to_raw_value(&good("unread-count-update")).unwrap();
    let named = vec![RoomName::parse("user-5").unwrap()];
    let prepared =
        catalogue.validate("unread-count-update", &data, &Params::default(), Some(named));
    assert_eq!(prepared.unwrap().key, None);
}
