//! Orders by the page.

use crier_domain::{
    Role,
    service::{
        asker::Asker,
        orders::{OrderQuery, OrderStatus},
    },
};
use serde_json::json;

use super::shop::{ONE, Shop, of_one, user};

/// 25 orders of ann's and 5 of bob's, one a second; ann's third newest is cancelled.
async fn shop() -> Shop {
    let shop = Shop::open().stocked(&[(ONE, 1_000, Some(100.0))]).await;
    for n in 0..30_u64 {
        // A limit of 10 a minute holds for each user; the orders are ann's all the same.
        let who = if n % 6 == 5 { "bob" } else { "ann" };
        let replica = shop.replica();
        let order = replica.order(&user(who, Role::User), of_one(n + 1)).await.unwrap();
        if n == 27 {
            replica.set(&user(who, Role::User), &order, OrderStatus::Cancelled).await.unwrap();
        }
        shop.clock.advance(1_000);
    }
    shop
}

/// The quantities of the orders of a page, which tell them apart, and the pagination.
async fn page(shop: &Shop, by: Asker<'_>, query: &str) -> (Vec<u64>, serde_json::Value) {
    let query: OrderQuery = serde_json::from_str(query).unwrap();
    let page = shop.services.orders.list(by, &query).await.unwrap();
    let quantities = page.items.iter().map(|order| order.items[0].quantity).collect();
    (quantities, serde_json::to_value(page.pagination).unwrap())
}

#[tokio::test]
async fn a_user_sees_their_own_newest_first_by_the_page() {
    let shop = shop().await;
    let (ann, bob) = (user("ann", Role::User), user("bob", Role::Seller));
    let (items, pagination) = page(&shop, (&ann).into(), r#"{"limit":4,"page":2}"#).await;
    assert_eq!(items, [25, 23, 22, 21]);
    let expected = json!({
        "currentPage": 2, "nextPage": 3, "prevPage": 1, "hasNext": true, "hasPrev": true,
        "totalPages": 7, "totalRecords": 25,
    });
    assert_eq!(pagination, expected);
    let (items, pagination) = page(&shop, (&bob).into(), "{}").await;
    assert_eq!(items, [30, 24, 18, 12, 6]);
    let expected = json!({
        "currentPage": 1, "nextPage": null, "prevPage": null, "hasNext": false, "hasPrev": false,
        "totalPages": 1, "totalRecords": 5,
    });
    assert_eq!(pagination, expected);
    let (items, pagination) = page(&shop, (&bob).into(), r#"{"page":4000000000}"#).await;
    assert_eq!((items.len(), &pagination["totalRecords"]), (0, &json!(5)));
}

#[tokio::test]
async fn staff_sees_all_and_a_status_narrows_it() {
    let shop = shop().await;
    let admin = user("boss", Role::Admin);
    for by in [Asker::from(&admin), Asker::Backend] {
        let (items, pagination) = page(&shop, by, r#"{"limit":100}"#).await;
        assert_eq!(items, (1..=30).rev().collect::<Vec<u64>>());
        assert_eq!(pagination["totalRecords"], json!(30));
    }
    let ann = user("ann", Role::User);
    for (by, query, expected) in [
        (Asker::Backend, r#"{"status":"cancelled"}"#, (vec![28], 1)),
        (Asker::Backend, r#"{"status":"paid"}"#, (vec![], 0)),
        (Asker::Backend, r#"{"status":"pending","limit":2}"#, (vec![30, 29], 29)),
        (Asker::from(&ann), r#"{"status":"pending","limit":2}"#, (vec![29, 27], 24)),
    ] {
        let (items, pagination) = page(&shop, by, query).await;
        assert_eq!((items, pagination["totalRecords"].as_u64().unwrap()), expected, "{query}");
    }
}

#[tokio::test]
async fn a_page_out_of_range_is_refused_by_its_name() {
    let shop = Shop::open();
    for (query, expected) in [
        (r#"{"page":0}"#, "page: expected a whole number from 1 to 1099511627776"),
        (r#"{"limit":0}"#, "limit: expected a whole number from 1 to 100"),
        (r#"{"limit":101}"#, "limit: expected a whole number from 1 to 100"),
    ] {
        let query: OrderQuery = serde_json::from_str(query).unwrap();
        let refused = shop.services.orders.list(Asker::Backend, &query).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
}

#[tokio::test]
async fn an_order_is_for_its_owner_and_the_staff() {
    let shop = Shop::open().stocked(&[(ONE, 10, Some(100.0))]).await;
    let ann = user("ann", Role::User);
    let order = shop.order(&ann, of_one(1)).await.unwrap();
    let orders = &shop.services.orders;
    assert_eq!(orders.owner(&order.id.to_string()).await, Ok(Some(ann.user.clone())));
    for (who, sees) in [
        (user("ann", Role::User), true),
        (user("bob", Role::User), false),
        (user("bob", Role::Agent), false),
        (user("boss", Role::Admin), true),
        (user("backend", Role::Service), true),
    ] {
        let got = orders.get((&who).into(), order.id).await.map_err(|refusal| refusal.to_string());
        let expected = if sees { Ok(order.clone()) } else { Err("Access denied".to_owned()) };
        assert_eq!(got, expected, "{who:?}");
    }
}
