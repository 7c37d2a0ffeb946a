//! Products, as far as orders need to know.

use crier_domain::{
    Role,
    service::{
        orders::OrderStatus,
        products::{ObjectId, PutProduct},
    },
};
use serde_json::json;

use super::shop::{ONE, Shop, TWO, of_one, user};

#[tokio::test]
async fn a_product_is_put_and_seen() {
    let shop = Shop::open();
    let put = shop.put(ONE, json!({ "name": "Tea", "price": 4.5, "stock": 7 })).await.unwrap();
    let expected = json!({ "_id": ONE, "name": "Tea", "price": 4.5, "stock": 7, "available": 7 });
    assert_eq!(serde_json::to_value(&put).unwrap(), expected);
    let id = ObjectId::parse(ONE).unwrap();
    assert_eq!(shop.services.products.get(id).await, Ok(put));
    assert_eq!(shop.event_names(), [""; 0], "nobody watches a product that was not there");
    // A changed stock is told, a changed price is the backend's to tell.
    shop.put(ONE, json!({ "name": "Tea", "price": 5, "stock": 7 })).await.unwrap();
    assert_eq!(shop.event_names(), [""; 0]);
    shop.put(ONE, json!({ "name": "Tea", "stock": 8 })).await.unwrap();
    let payload = json!({ "event": "product:stockUpdated", "productId": ONE, "stock": 8 });
    let rooms = vec![format!("product:{ONE}")];
    assert_eq!(shop.events(), [("product:stockUpdated".to_owned(), payload, rooms)]);
    let missing = shop.services.products.get(ObjectId::parse(TWO).unwrap()).await;
    assert_eq!(missing.unwrap_err().to_string(), "Product not found");
}

#[tokio::test]
async fn only_staff_puts_and_only_what_makes_sense() {
    let shop = Shop::open().stocked(&[(ONE, 10, Some(100.0))]).await;
    let id = ObjectId::parse(ONE).unwrap();
    for (role, body, expected) in [
        (Role::User, json!({ "name": "x", "stock": 1 }), "Access denied"),
        (Role::Seller, json!({ "name": "x", "stock": 1 }), "Access denied"),
        (Role::Agent, json!({ "name": "x", "stock": 1 }), "Access denied"),
        (Role::Service, json!({ "name": "", "stock": 1 }), "name: expected 1 to 200 characters"),
        (
            Role::Service,
            json!({ "name": "a\u{0}", "stock": 1 }),
            "name: control characters are not allowed",
        ),
        (
            Role::Admin,
            json!({ "name": "x", "stock": 1_u64 << 53 }),
            "stock: expected at most 9007199254740991",
        ),
    ] {
        let asked: PutProduct = serde_json::from_value(body).unwrap();
        let put = shop.services.products.put((&user("x", role)).into(), id, &asked).await;
        assert_eq!(put.unwrap_err().to_string(), expected);
    }
    assert_eq!(shop.stock(ONE).await, (10, 10));
}

#[tokio::test]
async fn a_stock_below_what_is_reserved_is_refused() {
    let shop = Shop::open().stocked(&[(ONE, 10, Some(100.0))]).await;
    let order = shop.order(&user("ann", Role::User), of_one(4)).await.unwrap();
    let body = |stock: u64| json!({ "name": "x", "price": 100, "stock": stock });
    let refused = shop.put(ONE, body(3)).await.unwrap_err();
    assert_eq!(refused.to_string(), "stock: 4 are reserved by pending orders");
    assert_eq!(shop.stock(ONE).await, (10, 6));
    shop.put(ONE, body(4)).await.unwrap();
    assert_eq!(shop.stock(ONE).await, (4, 0));
    shop.set(&user("ann", Role::User), &order, OrderStatus::Cancelled).await.unwrap();
    shop.put(ONE, body(0)).await.unwrap();
    assert_eq!(shop.stock(ONE).await, (0, 0));
}

#[tokio::test]
async fn the_examples_are_planted_once() {
    let shop = Shop::open();
    let plant = || shop.services.products.plant_examples();
    plant().await.unwrap();
    for (id, price) in [(ONE, 100), (TWO, 150)] {
        let product = shop.services.products.get(ObjectId::parse(id).unwrap()).await.unwrap();
        assert_eq!((product.price.unwrap().get(), product.stock), (price * 100, 100));
    }
    shop.put(ONE, json!({ "name": "mine", "stock": 3 })).await.unwrap();
    plant().await.unwrap();
    assert_eq!(shop.stock(ONE).await, (3, 3));
    // The order of the source's own example.
    let order = json!({ "items": [
        { "product": ONE, "quantity": 2, "price": 100 },
        { "product": TWO, "quantity": 1, "price": 150 },
    ], "total": 350 });
    assert!(shop.order(&user("ann", Role::User), order).await.is_ok());
}
