//! Orders, notifications and typing on sockets: exact answers, exact receivers.

use crier_domain::Role;
use serde_json::{Value, json};

use super::crier::Crier;

const TEA: &str = "64a1b2c3d4e5f67890123456";

fn stocked(crier: &Crier, stock: u64) {
    let tea = json!({ "name": "Tea", "price": 100, "stock": stock });
    assert_eq!(crier.rest("PUT", &format!("/api/products/{TEA}"), &tea).0, 200);
}

fn of_tea(quantity: u64) -> Value {
    let line = json!({ "product": TEA, "quantity": quantity, "price": 100 });
    json!({ "items": [line], "total": quantity * 100 })
}

#[test]
fn an_order_from_its_making_to_its_payment() {
    let crier = Crier::start(&[]);
    stocked(&crier, 5);
    let (mut ann, mut tab) = (crier.user("ann"), crier.user("ann"));
    let (mut admin, mut eve) = (crier.with_role("boss", Role::Admin), crier.user("eve"));
    let made = ann.call("order:create", &of_tea(3));
    let order = &made["order"];
    assert_eq!(made, json!({ "ok": true, "order": order }));
    assert_eq!(
        (&order["user"], &order["status"], &order["total"]),
        (&json!("ann"), &json!("pending"), &json!(300))
    );
    let created = json!({ "event": "order:created", "order": order });
    for client in [&mut ann, &mut tab, &mut admin] {
        client.expect("order:created", "", &created);
    }
    eve.expect_nothing();
    // Who watches the order hears of it too, once.
    let room = format!("order:{}", order["_id"].as_str().unwrap());
    assert_eq!(ann.call("joinRoom", &json!(room))["ok"], json!(true), "its owner may");
    assert_eq!(eve.call("joinRoom", &json!(room)), json!({ "error": "Access denied" }));
    crier.grant(&room, "eve");
    assert_eq!(eve.call("joinRoom", &json!(room))["ok"], json!(true));
    ann.news();
    let step = |status: &str| json!({ "orderId": order["_id"], "status": status });
    for (who, status) in [(&mut eve, "cancelled"), (&mut ann, "paid")] {
        let refused = who.call("order:updateStatus", &step(status));
        assert_eq!(refused, json!({ "error": "Access denied" }));
    }
    let paid = admin.call("order:updateStatus", &step("paid"));
    assert_eq!(paid["order"]["status"], json!("paid"));
    let updated = json!({ "event": "order:updated", "order": paid["order"] });
    let stock = json!({ "event": "product:stockUpdated", "productId": TEA, "stock": 2 });
    for client in [&mut ann, &mut tab, &mut admin, &mut eve] {
        // Few sockets: the stock is everyone's news.
        let expected = vec![
            ("order:updated".to_owned(), updated.clone()),
            ("product:stockUpdated".to_owned(), stock.clone()),
        ];
        assert_eq!(client.news(), expected);
    }
    let refused = admin.call("order:updateStatus", &step("pending"));
    assert_eq!(refused, json!({ "error": "status: cannot go from paid to pending" }));
    // Of a paid order the owner may still change the mind.
    assert_eq!(ann.call("order:updateStatus", &step("cancelled"))["ok"], json!(true));
    let path = format!("/api/products/{TEA}");
    assert_eq!(crier.rest("GET", &path, &Value::Null).1["available"], json!(5));
}

#[test]
fn a_wrong_order_is_answered_by_its_path() {
    let crier = Crier::start(&[]);
    stocked(&crier, 3);
    let (mut ann, mut admin) = (crier.user("ann"), crier.with_role("boss", Role::Admin));
    for (event, payload, error) in [
        (
            "order:create",
            json!({ "items": [{ "product": TEA, "quantity": 1 }], "total": 100 }),
            "items.0.price: Path 'price' is required",
        ),
        (
            "order:create",
            json!({ "items": [{ "product": "x", "quantity": 1, "price": 1 }], "total": 1 }),
            "items.0.product: Cast to ObjectId failed",
        ),
        ("order:create", of_tea(4), "items.0.quantity: only 3 in stock"),
        (
            "order:create",
            json!({ "items": "x", "total": 1 }),
            "items: invalid type: string \"x\", expected a sequence",
        ),
        (
            "order:create",
            json!({ "items": [5], "total": 1 }),
            "items.0: invalid type: integer `5`, expected an object",
        ),
        ("order:create", json!("x"), "invalid type: string \"x\", expected an object"),
        (
            "order:updateStatus",
            json!({ "orderId": "5", "status": "paid" }),
            "orderId: Cast to ObjectId failed",
        ),
        ("order:updateStatus", json!({ "orderId": TEA }), "status: missing field"),
        ("order:updateStatus", json!({ "orderId": TEA, "status": "paid" }), "Order not found"),
    ] {
        assert_eq!(ann.call(event, &payload), json!({ "error": error }), "{event} {payload}");
    }
    let lost = ann.call("order:updateStatus", &json!({ "orderId": TEA, "status": "lost" }));
    assert!(lost["error"].as_str().unwrap().starts_with("status: unknown variant"), "{lost}");
    let mut nobody = crier.anonymous();
    assert_eq!(nobody.call("order:create", &of_tea(1)), json!({ "error": "Unauthorized" }));
    ann.emit("order:create", &of_tea(4));
    let error = json!({ "code": "VALIDATION_ERROR", "details": { "path": "items.0.quantity" },
        "message": "items.0.quantity: only 3 in stock" });
    ann.expect("error", "timestamp", &error);
    admin.expect_nothing();
}

#[test]
fn an_order_with_an_id_is_made_once() {
    let crier = Crier::start(&["orders.owner_statuses=paid,cancelled"]);
    stocked(&crier, 3);
    let (mut ann, mut admin) = (crier.user("ann"), crier.with_role("boss", Role::Admin));
    let mut asked = of_tea(3);
    asked["clientId"] = json!("c1");
    let first = ann.call("order:create", &asked);
    assert_eq!(first["ok"], json!(true), "{first}");
    for _ in 0..15 {
        assert_eq!(ann.call("order:create", &asked), first);
    }
    assert_eq!(crier.user("ann").call("order:create", &asked), first);
    assert_eq!(admin.news().len(), 1);
    // The source's setting: owners pay themselves.
    let step = json!({ "orderId": first["order"]["_id"], "status": "paid" });
    assert_eq!(ann.call("order:updateStatus", &step)["order"]["status"], json!("paid"));
}

#[test]
fn with_the_development_key_the_sources_example_is_there() {
    let crier = Crier::in_development();
    let other = "64a1b2c3d4e5f67890123457";
    let order = json!({ "items": [
        { "product": TEA, "quantity": 2, "price": 100 },
        { "product": other, "quantity": 1, "price": 150 },
    ], "total": 350 });
    assert_eq!(crier.user("demo").call("order:create", &order)["ok"], json!(true));
    let (status, product) = crier.rest("GET", &format!("/api/products/{other}"), &Value::Null);
    assert_eq!((status, &product["stock"], &product["available"]), (200, &json!(100), &json!(99)));
}

#[test]
fn a_notification_is_stored_and_told() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben, mut eve) = (crier.user("ann"), crier.user("ben"), crier.user("eve"));
    let asked = json!({ "toUserId": "ben", "title": "Hi", "body": "Test", "clientId": "n1" });
    let sent = json!({ "ok": true, "queued": false, "saved": true });
    assert_eq!(ann.call("notification:send", &asked), sent);
    assert_eq!(ann.call("notification:send", &asked), sent);
    let mut names: Vec<String> = ben.news().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["new-notification", "notification:received", "unread-count-update"]);
    for client in [&mut ann, &mut eve] {
        client.expect_nothing();
    }
    let refused = ann.call("notification:send", &json!({ "title": "Hi" }));
    assert_eq!(refused, json!({ "error": "toUserId: missing field" }));
    ben.expect_nothing();
}

#[test]
fn typing_goes_to_one_user() {
    let crier = Crier::start(&[]);
    let (mut ann, mut ben, mut eve) = (crier.user("ann"), crier.user("ben"), crier.user("eve"));
    assert_eq!(ann.call("typing", &json!({ "toUserId": "ben" })), json!({ "ok": true }));
    ben.expect("typing", "at", &json!({ "event": "typing", "from": "ann" }));
    for client in [&mut ann, &mut eve] {
        client.expect_nothing();
    }
    for (payload, error) in [
        (json!({}), "toUserId: missing field"),
        (json!({ "toUserId": "x".repeat(200) }), "toUserId: is too long for the name of a room"),
        (json!({ "toUserId": "ben", "from": "eve" }), "from: unknown field, expected `toUserId`"),
    ] {
        assert_eq!(ann.call("typing", &payload), json!({ "error": error }), "{payload}");
    }
    ben.expect_nothing();
}
