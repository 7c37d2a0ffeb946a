//! Products and orders by HTTP.

use std::time::Duration;

use crier_domain::{
    DEVELOPMENT_SECRET, Identity, Keys, Role, Verifier, VerifierOptions, mint,
    service::orders::{CreateOrder, Order},
};
use http::Method;
use serde_json::{Value, json};

use crate::client::{API_KEY, Call, Rig, bearer, call, get, rig};

const TEA: &str = "/api/products/64a1b2c3d4e5f67890123456";

fn token(user: &str, role: Role) -> String {
    mint(DEVELOPMENT_SECRET.as_bytes(), user, role, None, Duration::from_secs(60))
}

/// A call of a user; without one, with the API key.
fn by(call: Call, who: Option<(&str, Role)>) -> Call {
    let token = who.map_or_else(|| API_KEY.to_owned(), |(user, role)| token(user, role));
    call.header("authorization", &format!("Bearer {token}"))
}

fn put(path: &str, body: &Value) -> Call {
    by(call(Method::PUT, path).json(body), None)
}

/// An order of this user's, as the server's app would make it.
async fn order(rig: &Rig, user: &str, quantity: u64) -> Order {
    let verifier = Verifier::new(Keys::development(), VerifierOptions::default());
    let who: Identity = verifier.verify(&token(user, Role::User)).unwrap();
    let id = "64a1b2c3d4e5f67890123456";
    let items = [json!({ "product": id, "quantity": quantity, "price": 4.5 })];
    let asked = json!({ "items": items, "total": quantity as f64 * 4.5 });
    let asked: CreateOrder = serde_json::from_value(asked).unwrap();
    rig.services.orders.create(&who, &asked, None).await.unwrap()
}

#[tokio::test]
async fn a_product_is_put_by_backends_and_seen_by_everyone() {
    let rig = rig();
    get(TEA).send(&rig).await.expect_error(404, "NOT_FOUND");
    let tea = json!({ "name": "Tea", "price": 4.5, "stock": 7 });
    let shown = json!({
        "_id": "64a1b2c3d4e5f67890123456", "name": "Tea", "price": 4.5, "stock": 7, "available": 7,
    });
    put(TEA, &tea).send(&rig).await.expect(200, &shown);
    get(TEA).send(&rig).await.expect(200, &shown);
    for (role, status, code) in [
        (Role::User, 403, "FORBIDDEN"),
        (Role::Seller, 403, "FORBIDDEN"),
        (Role::Agent, 403, "FORBIDDEN"),
    ] {
        let answer = by(call(Method::PUT, TEA).json(&tea), Some(("u", role))).send(&rig).await;
        answer.expect_error(status, code);
    }
    call(Method::PUT, TEA).json(&tea).send(&rig).await.expect_error(401, "UNAUTHORIZED");
    let by_admin = by(call(Method::PUT, TEA).json(&tea), Some(("boss", Role::Admin)));
    by_admin.send(&rig).await.expect(200, &shown);
}

#[tokio::test]
async fn a_wrong_product_is_refused_by_its_field() {
    let rig = rig();
    for (path, body, field) in [
        ("/api/products/tea", json!({ "name": "Tea", "stock": 7 }), "id"),
        (TEA, json!({ "stock": 7 }), "name"),
        (TEA, json!({ "name": "", "stock": 7 }), "name"),
        (TEA, json!({ "name": "Tea" }), "stock"),
        (TEA, json!({ "name": "Tea", "stock": -1 }), "stock"),
        (TEA, json!({ "name": "Tea", "stock": 1.5 }), "stock"),
        (TEA, json!({ "name": "Tea", "stock": 1, "price": 0.001 }), "price"),
        (TEA, json!({ "name": "Tea", "stock": 1, "price": -1 }), "price"),
        (TEA, json!({ "name": "Tea", "stock": 1, "colour": "green" }), "colour"),
    ] {
        assert_eq!(put(path, &body).send(&rig).await.expect_invalid(), field, "{body}");
    }
    get(TEA).send(&rig).await.expect_error(404, "NOT_FOUND");
    assert_eq!(get("/api/products/tea").send(&rig).await.status, 404, "what is no id names none");
}

#[tokio::test]
async fn orders_are_listed_for_their_owner_and_all_for_the_staff() {
    let rig = rig();
    put(TEA, &json!({ "name": "Tea", "stock": 100 })).send(&rig).await;
    let (anns, bobs) = (order(&rig, "ann", 1).await, order(&rig, "bob", 2).await);
    for (who, expected) in [
        (Some(("ann", Role::User)), vec![&anns]),
        (Some(("bob", Role::Buyer)), vec![&bobs]),
        (Some(("eve", Role::Agent)), vec![]),
    ] {
        let answer = by(get("/api/orders?limit=5"), who).send(&rig).await;
        let pages = u64::from(!expected.is_empty());
        let pagination = json!({
            "currentPage": 1, "nextPage": null, "prevPage": null, "hasNext": false,
            "hasPrev": false, "totalPages": pages, "totalRecords": expected.len(),
        });
        answer.expect(200, &json!({ "items": expected, "pagination": pagination }));
    }
    for who in [None, Some(("boss", Role::Admin)), Some(("backend", Role::Service))] {
        let answer = by(get("/api/orders"), who).send(&rig).await;
        assert_eq!(answer.json()["pagination"]["totalRecords"], 2);
        let narrowed = by(get("/api/orders?status=paid"), who).send(&rig).await;
        assert_eq!(narrowed.json()["items"], json!([]));
    }
    for (query, field) in
        [("page=0", "page"), ("limit=101", "limit"), ("status=new", "status"), ("user=ann", "user")]
    {
        let answer = by(get(&format!("/api/orders?{query}")), None).send(&rig).await;
        assert_eq!(answer.expect_invalid(), field, "{query}");
    }
    get("/api/orders").send(&rig).await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_order_is_seen_by_its_owner_and_the_staff() {
    let rig = rig();
    put(TEA, &json!({ "name": "Tea", "stock": 100 })).send(&rig).await;
    let order = order(&rig, "ann", 1).await;
    let path = format!("/api/orders/{}", order.id);
    for who in [None, Some(("ann", Role::User)), Some(("boss", Role::Admin))] {
        by(get(&path), who).send(&rig).await.expect(200, &json!(order));
    }
    by(get(&path), Some(("bob", Role::User))).send(&rig).await.expect_error(403, "FORBIDDEN");
    let missing = "/api/orders/64a1b2c3d4e5f67890129999";
    by(get(missing), Some(("bob", Role::User))).send(&rig).await.expect_error(404, "NOT_FOUND");
    assert_eq!(by(get("/api/orders/1"), None).send(&rig).await.status, 404);
}

#[tokio::test]
async fn backends_take_an_order_a_step_on() {
    let rig = rig();
    put(TEA, &json!({ "name": "Tea", "stock": 100 })).send(&rig).await;
    let order = order(&rig, "ann", 3).await;
    let path = format!("/api/orders/{}", order.id);
    let patch =
        |status: &str, who| by(call(Method::PATCH, &path).json(&json!({ "status": status })), who);
    // Its owner neither: over HTTP, steps are the shop's.
    patch("cancelled", Some(("ann", Role::User))).send(&rig).await.expect_error(403, "FORBIDDEN");
    let paid = patch("paid", None).send(&rig).await;
    assert_eq!((paid.status.as_u16(), &paid.json()["status"]), (200, &json!("paid")));
    let sent = rig.bus.published();
    let names: Vec<&str> = sent.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["order:created", "order:updated", "product:stockUpdated"]);
    let refused = patch("pending", Some(("backend", Role::Service))).send(&rig).await;
    let message = refused.expect_error(409, "CONFLICT");
    assert_eq!(message, "status: cannot go from paid to pending");
    let unknown = patch("lost", None).send(&rig).await;
    assert_eq!(unknown.expect_invalid(), "status");
    assert_eq!(rig.bus.published().len(), 3);
    let missing = call(Method::PATCH, "/api/orders/64a1b2c3d4e5f67890129999")
        .json(&json!({ "status": "paid" }))
        .header("authorization", &bearer(Role::Service));
    missing.send(&rig).await.expect_error(404, "NOT_FOUND");
}
