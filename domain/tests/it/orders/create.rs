//! `order:create`: what is taken, what is refused and how, and what it does.

use crier_domain::Role;
use serde_json::{Value, json};

use super::shop::{ONE, Shop, TWO, line, of_one, user};

async fn shop() -> Shop {
    Shop::open().stocked(&[(ONE, 3, Some(100.0)), (TWO, 100, None)]).await
}

#[tokio::test]
async fn an_order_is_made_reserved_and_told() {
    let shop = shop().await;
    let asked = json!({
        "items": [line(ONE, 2, 100.0), line(&TWO.to_uppercase(), 1, 19.99)],
        "shippingAddress": { "city": "Kyiv", "lift": { "floor": 3 } },
        "paymentMethod": "card",
        "total": 219.99,
    });
    let order = shop.order(&user("ann b", Role::User), asked).await.unwrap();
    let expected = json!({
        "_id": order.id,
        "user": "ann b",
        // Whole amounts without a fraction, as JavaScript writes them.
        "items": [{ "product": ONE, "quantity": 2, "price": 100 }, line(TWO, 1, 19.99)],
        "shippingAddress": { "city": "Kyiv", "lift": { "floor": 3 } },
        "paymentMethod": "card",
        "total": 219.99,
        "status": "pending",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(serde_json::to_value(&order).unwrap(), expected);
    assert_eq!(shop.stock(ONE).await, (3, 1));
    assert_eq!(shop.stock(TWO).await, (100, 99));
    let [(name, payload, rooms)] = shop.events().try_into().unwrap();
    assert_eq!(name, "order:created");
    assert_eq!(payload, json!({ "event": "order:created", "order": order }));
    assert_eq!(rooms, ["user:ann%20b", "admin", "admins"]);
}

#[tokio::test]
async fn a_wrong_order_is_refused_by_its_path_and_changes_nothing() {
    let shop = shop().await;
    let missing = "64a1b2c3d4e5f67890129999";
    let good = || line(ONE, 1, 100.0);
    let deep = json!({ "a": [[[[[[[[1]]]]]]]] });
    let hundred_and_one: Vec<Value> = (0..101).map(|_| line(TWO, 1, 1.0)).collect();
    for (asked, expected) in [
        (json!({ "total": 1 }), "items: Path 'items' is required"),
        (json!({ "items": null, "total": 1 }), "items: Path 'items' is required"),
        (json!({ "items": [], "total": 0 }), "items: expected 1 to 100 items"),
        (json!({ "items": hundred_and_one, "total": 101 }), "items: expected 1 to 100 items"),
        (
            json!({ "items": [{ "quantity": 1, "price": 100 }], "total": 100 }),
            "items.0.product: Path 'product' is required",
        ),
        (
            json!({ "items": [line("<64a1b2c3d4e5f678901234>", 1, 100.0)], "total": 100 }),
            "items.0.product: Cast to ObjectId failed",
        ),
        (
            json!({ "items": [{ "product": 5, "quantity": 1, "price": 100 }], "total": 100 }),
            "items.0.product: Cast to ObjectId failed",
        ),
        (
            json!({ "items": [good(), line(missing, 1, 1.0)], "total": 101 }),
            "items.1.product: not found",
        ),
        (
            json!({ "items": [{ "product": ONE, "price": 100 }], "total": 100 }),
            "items.0.quantity: Path 'quantity' is required",
        ),
        (
            json!({ "items": [line(ONE, 0, 100.0)], "total": 0 }),
            "items.0.quantity: expected a whole number of at least 1",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": 1.5, "price": 100 }], "total": 150 }),
            "items.0.quantity: expected a whole number of at least 1",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": -1, "price": 100 }], "total": -100 }),
            "items.0.quantity: expected a whole number of at least 1",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": "1", "price": 100 }], "total": 100 }),
            "items.0.quantity: expected a whole number of at least 1",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": 1 }], "total": 100 }),
            "items.0.price: Path 'price' is required",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": 1, "price": null }], "total": 100 }),
            "items.0.price: Path 'price' is required",
        ),
        (
            json!({ "items": [{ "product": ONE, "quantity": 1, "price": "100" }], "total": 100 }),
            "items.0.price: expected a number",
        ),
        (
            json!({ "items": [good(), line(TWO, 1, -1.0)], "total": 99 }),
            "items.1.price: expected at least 0",
        ),
        (
            json!({ "items": [line(TWO, 1, 1.005)], "total": 1.005 }),
            "items.0.price: at most 2 decimals",
        ),
        (
            json!({ "items": [line(ONE, 1, 99.0)], "total": 99 }),
            "items.0.price: expected 100, the product's price",
        ),
        (json!({ "items": [good()] }), "total: Path 'total' is required"),
        (json!({ "items": [good()], "total": "100" }), "total: expected a number"),
        (
            json!({ "items": [good()], "total": 100.01 }),
            "total: expected 100, the sum of the items",
        ),
        (
            json!({ "items": [line(TWO, 3, 0.1)], "total": 0.4 }),
            "total: expected 0.3, the sum of the items",
        ),
        (
            json!({ "items": [line(TWO, (1 << 53) - 1, 1e11)], "total": 1 }),
            "total: the items cost more than can be counted",
        ),
        (
            json!({ "items": [line(ONE, 4, 100.0)], "total": 400 }),
            "items.0.quantity: only 3 in stock",
        ),
        (
            json!({ "items": [line(ONE, 2, 100.0), good(), good()], "total": 400 }),
            "items.2.quantity: only 3 in stock",
        ),
        (
            json!({ "items": [line(TWO, (1 << 53) - 1, 0.0)], "total": 0 }),
            "items.0.quantity: only 100 in stock",
        ),
        (
            json!({ "items": [good()], "total": 100, "paymentMethod": "a\u{1b}" }),
            "paymentMethod: control characters are not allowed",
        ),
        (
            json!({ "items": [good()], "total": 100, "paymentMethod": "x".repeat(101) }),
            "paymentMethod: expected 1 to 100 characters",
        ),
        (
            json!({ "items": [good()], "total": 100, "shippingAddress": { "city": "a\u{0}" } }),
            "shippingAddress: control characters are not allowed",
        ),
        (
            json!({ "items": [good()], "total": 100, "shippingAddress": { "city": "x".repeat(5_000) } }),
            "shippingAddress: expected at most 4096 bytes",
        ),
        (
            json!({ "items": [good()], "total": 100, "shippingAddress": deep }),
            "shippingAddress: nested deeper than 8 levels",
        ),
    ] {
        // Everyone has a limit of their own, which refused orders of the right shape count against.
        let who = user(expected, Role::User);
        assert_eq!(shop.order(&who, asked.clone()).await.unwrap_err(), expected, "{asked}");
    }
    assert_eq!((shop.stock(ONE).await, shop.stock(TWO).await), ((3, 3), (100, 100)));
    assert_eq!(shop.event_names(), [""; 0]);
}

#[tokio::test]
async fn a_hundred_lines_of_one_product_add_up_to_the_cent() {
    let shop = Shop::open().stocked(&[(TWO, 100, Some(0.1))]).await;
    let lines: Vec<Value> = (0..100).map(|_| line(TWO, 1, 0.1)).collect();
    // In doubles the sum would be 9.99999999999998.
    let order = shop.order(&user("a", Role::User), json!({ "items": lines, "total": 10 })).await;
    assert_eq!(order.unwrap().total.get(), 1_000);
    assert_eq!(shop.stock(TWO).await, (100, 0));
}

#[tokio::test]
async fn a_client_id_orders_once_and_gives_the_first_answer_again() {
    let shop = shop().await;
    let ann = user("ann", Role::User);
    let asked = json!({ "items": [line(ONE, 3, 100.0)], "total": 300, "clientId": "c1" });
    let first = shop.order(&ann, asked.clone()).await.unwrap();
    shop.clock.advance(5_000);
    // More often than the limit of 10 a minute, with nothing left in stock, and after a restart.
    for _ in 0..20 {
        assert_eq!(shop.replica().order(&ann, asked.clone()).await, Ok(first.clone()));
        assert_eq!(shop.order(&ann, asked.clone()).await, Ok(first.clone()));
    }
    assert_eq!(shop.stock(ONE).await, (3, 0));
    assert_eq!(shop.event_names(), ["order:created"]);
    // The same id for something else, and of somebody else.
    let other = json!({ "items": [line(TWO, 1, 1.0)], "total": 1, "clientId": "c1" });
    let refused = shop.order(&ann, other.clone()).await;
    assert_eq!(refused.unwrap_err(), "the id was used for something else");
    assert!(shop.order(&user("bob", Role::User), other.clone()).await.is_ok());
    // A refusal is no answer to be kept: once there are pieces again, the same id orders.
    let again = json!({ "items": [line(ONE, 1, 100.0)], "total": 100, "clientId": "c2" });
    let refused = shop.order(&ann, again.clone()).await;
    assert_eq!(refused.unwrap_err(), "items.0.quantity: only 0 in stock");
    shop.put(ONE, json!({ "name": "x", "price": 100, "stock": 4 })).await.unwrap();
    assert!(shop.order(&ann, again).await.is_ok());
    // A day later the id is free.
    shop.clock.advance(24 * 60 * 60 * 1_000);
    assert!(shop.order(&ann, other).await.is_ok());
}

#[tokio::test]
async fn ten_a_minute_and_a_user() {
    let shop = Shop::open().stocked(&[(ONE, 100, Some(100.0))]).await;
    let ann = user("ann", Role::User);
    for _ in 0..10 {
        assert!(shop.order(&ann, of_one(1)).await.is_ok());
    }
    assert_eq!(shop.order(&ann, of_one(1)).await.unwrap_err(), "Rate limit exceeded");
    assert!(shop.order(&user("bob", Role::User), of_one(1)).await.is_ok());
    assert_eq!(shop.stock(ONE).await, (100, 89));
}
