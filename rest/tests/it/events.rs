//! Publishing: what is asked, what is answered, what goes out.

use crier_domain::{App, Class};
use crier_protocol::Room;
use http::Method;
use serde_json::{Value, json};

use crate::bus::lock;
use crate::client::{call, config, get, post, rig, rig_that_is};

pub(crate) fn cancelled() -> Value {
    json!({
        "orderId": "o1", "reason": "late", "cancelledBy": "store", "refundAmount": 12.5,
        "refundStatus": "pending",
    })
}

fn rooms(names: &[&str]) -> Vec<Room> {
    names.iter().map(|name| Room::from(*name)).collect()
}

#[tokio::test]
async fn an_event_of_the_catalogue_goes_to_its_rooms() {
    let rig = rig();
    let body = json!({ "data": cancelled(), "params": { "userId": 5 }, "id": "c1" });
    let answer = post("/api/events/order_cancelled", &body).send(&rig).await;
    answer.expect(
        202,
        &json!({
            "id": "c1", "event": "order_cancelled", "rooms": ["order:o1", "orders:5", "user:5"],
        }),
    );
    let published = rig.bus.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].event, "order_cancelled");
    assert_eq!(published[0].rooms, rooms(&["order:o1", "orders:5", "user:5"]));
    assert_eq!(published[0].filter.app, Some(App::Storefront));
    let args: Value = serde_json::from_str(published[0].args.as_str()).unwrap();
    assert_eq!(args, json!([cancelled()]));
}

#[tokio::test]
async fn named_rooms_replace_the_template() {
    let rig = rig();
    let body = json!({ "data": cancelled(), "rooms": ["vip", "order:o1"] });
    let answer = post("/api/events/order_cancelled", &body).send(&rig).await;
    assert_eq!(answer.json()["rooms"], json!(["vip", "order:o1"]));
    assert_eq!(rig.bus.published()[0].rooms, rooms(&["vip", "order:o1"]));
    let none = json!({ "data": cancelled(), "rooms": [] });
    let answer = post("/api/events/order_cancelled", &none).send(&rig).await;
    assert_eq!(answer.expect_invalid(), "rooms");
}

#[tokio::test]
async fn what_would_go_to_too_many_needs_rooms() {
    let rig = rig();
    let everyone = json!({ "data": { "storeId": "s1" } });
    let named = json!({ "data": { "storeId": "s1" }, "rooms": ["s1"] });
    *lock(&rig.cluster.sockets) = 1_000;
    let answer = post("/api/events/store_online", &everyone).send(&rig).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["rooms"]), (202, &json!([])));
    *lock(&rig.cluster.sockets) = 1_001;
    let answer = post("/api/events/store_online", &everyone).send(&rig).await;
    assert_eq!(answer.expect_invalid(), "rooms");
    let answer =
        post("/api/events", json!([{ "event": "store_offline", "data": { "storeId": "s1" } }]));
    let refused = &answer.send(&rig).await.json()[0]["error"];
    assert_eq!(refused["details"]["path"], "rooms", "{refused}");
    assert_eq!(post("/api/events/store_online", &named).send(&rig).await.status.as_u16(), 202);
    assert_eq!(rig.bus.published().len(), 2);
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_though_there_are_too_many_by_now() {
    let rig = rig();
    let online = |id: &str, store: &str| json!({ "data": { "storeId": store }, "id": id });
    let batch = json!([{ "event": "store_online", "data": { "storeId": "s1" }, "id": "2" }]);
    let send = async |body: &Value| {
        let path = if body.is_array() { "/api/events" } else { "/api/events/store_online" };
        let answer = post(path, body).send(&rig).await;
        (answer.status.as_u16(), answer.json())
    };
    let first = (send(&online("1", "s1")).await, send(&batch).await);
    assert_eq!((first.0.0, first.1.0), (202, 202));
    *lock(&rig.cluster.sockets) = 1_001;
    assert_eq!((send(&online("1", "s1")).await, send(&batch).await), first);
    assert_eq!(send(&online("1", "s2")).await.0, 409, "another body under the id");
    assert_eq!(send(&online("3", "s1")).await.0, 422, "another id");
    assert_eq!(rig.bus.published().len(), 2);
}

#[tokio::test]
async fn a_parameter_may_be_a_list() {
    let rig = rig();
    let post_of = |followers: Value| {
        let data = json!({
            "id": "p1", "userId": "u1", "userName": "Ann", "type": "purchase", "content": "c",
            "createdAt": "2026-01-31T09:30:00.000Z",
        });
        post(
            "/api/events/feed_new_post",
            json!({ "data": data, "params": { "followerIds": followers } }),
        )
    };
    let answer = post_of(json!(["u2", 3])).send(&rig).await;
    assert_eq!(answer.json()["rooms"], json!(["feed:u2", "feed:3", "user:u2", "user:3"]));
    for wrong in [json!([]), json!(vec![1; 1_001]), json!("u2"), json!([null])] {
        let answer = post_of(wrong).send(&rig).await;
        let path = answer.expect_invalid();
        assert!(path.starts_with("params.followerIds"), "{path}");
    }
}

#[tokio::test]
async fn without_an_id_the_answer_has_a_made_one() {
    let rig = rig();
    let body = json!({ "data": cancelled() });
    let mut ids = std::collections::HashSet::new();
    for _ in 0..3 {
        let answer = post("/api/events/order_cancelled", &body).send(&rig).await;
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36, "a UUID: {id}");
        ids.insert(id);
    }
    assert_eq!((ids.len(), rig.bus.published().len()), (3, 3));
    assert!(rig.bus.published().iter().all(|event| event.idempotency.is_none()));
}

#[tokio::test]
async fn an_unknown_event_is_404_with_the_nearest_name() {
    let rig = rig();
    let body = json!({ "data": {} });
    let answer = post("/api/events/order-canceled", &body).send(&rig).await;
    answer.expect(
        404,
        &json!({
            "success": false,
            "error": {
                "code": "UNKNOWN_EVENT",
                "message": "unknown event; did you mean order_cancelled?",
                "details": { "nearest": "order_cancelled" },
            },
        }),
    );
    for path in
        ["/api/events/zebra", "/api/events/..%5c..%5cx", "/api/events/%ff", "/api/events/connect"]
    {
        let answer = post(path, &body).send(&rig).await;
        answer.expect_error(404, "UNKNOWN_EVENT");
    }
    assert!(rig.bus.published().is_empty());
}

#[tokio::test]
async fn what_a_template_lacks_is_named() {
    let rig = rig();
    let body = json!({ "data": { "newToken": "t", "expiresIn": 60 } });
    let answer = post("/api/events/token_refresh", &body).send(&rig).await;
    answer.expect(
        422,
        &json!({
            "success": false,
            "error": {
                "code": "VALIDATION_ERROR",
                "message": "params.userId is required",
                "details": { "path": "params.userId" },
            },
        }),
    );
}

#[tokio::test]
async fn of_a_batch_the_good_ones_go_out_in_order() {
    let rig = rig();
    let item = |order: &str| {
        let mut data = cancelled();
        data["orderId"] = order.into();
        json!({ "event": "order_cancelled", "data": data, "id": order })
    };
    let mut wrong = item("o2");
    wrong["data"]["refundAmount"] = json!("much");
    let body = json!([item("o1"), wrong, { "event": "order_canceled", "data": {} }, 7, item("o3")]);
    let answer = post("/api/events", &body).send(&rig).await;
    assert_eq!(answer.status, 202);
    let outcomes = answer.json();
    assert_eq!(outcomes[0], json!({ "id": "o1" }));
    assert_eq!(outcomes[1]["error"]["details"]["path"], "data.refundAmount");
    assert_eq!(outcomes[2]["error"]["code"], "UNKNOWN_EVENT");
    assert_eq!(outcomes[3]["error"]["code"], "VALIDATION_ERROR");
    assert_eq!(outcomes[4], json!({ "id": "o3" }));
    let sent: Vec<_> = rig.bus.published().iter().map(|event| event.rooms.clone()).collect();
    assert_eq!(sent, [rooms(&["order:o1"]), rooms(&["order:o3"])]);
}

#[tokio::test]
async fn a_batch_has_at_most_1000_events() {
    let rig = rig();
    let item = json!({ "event": "order_cancelled", "data": cancelled() });
    let answer = post("/api/events", json!(vec![&item; 1000])).send(&rig).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json().as_array().unwrap().len(), 1000);
    let answer = post("/api/events", json!(vec![&item; 1001])).send(&rig).await;
    answer.expect_error(422, "VALIDATION_ERROR");
    assert_eq!(rig.bus.published().len(), 1000);
    post("/api/events", "[]").send(&rig).await.expect(202, &json!([]));
}

#[tokio::test]
async fn emit_sends_any_event_as_it_is() {
    let rig = rig();
    let body = json!({
        "namespace": "/chat", "rooms": ["a", "b"], "except": ["c"], "event": "anything goes",
        "args": [1, { "x": [null] }, "é"], "volatile": true, "id": "e1",
    });
    let answer = post("/api/emit", &body).send(&rig).await;
    answer.expect(202, &json!({ "id": "e1", "event": "anything goes", "rooms": ["a", "b"] }));
    let published = rig.bus.published();
    let event = &published[0];
    assert_eq!(event.namespace.as_str(), "/chat");
    assert_eq!(event.rooms, rooms(&["a", "b"]));
    assert_eq!(event.except, rooms(&["c"]));
    assert!(event.volatile);
    assert_eq!(event.class, Class::Ephemeral);
    let args: Value = serde_json::from_str(event.args.as_str()).unwrap();
    assert_eq!(args, body["args"]);

    let everyone = json!({ "event": "e", "args": [] });
    let answer = post("/api/emit", &everyone).send(&rig).await;
    assert_eq!(answer.json()["rooms"], json!([]));
    let event = &rig.bus.published()[1];
    assert!(event.namespace.is_main() && event.rooms.is_empty() && !event.volatile);
    assert_eq!((event.class, event.filter.app), (Class::Recoverable, None));
}

#[tokio::test]
async fn health_is_public_and_readiness_is_told() {
    let rig = rig();
    get("/healthz").send(&rig).await.expect(200, &json!({ "status": "ok" }));
    get("/readyz").send(&rig).await.expect(200, &json!({ "status": "ready" }));
    assert_eq!(call(Method::HEAD, "/healthz").send(&rig).await.status, 200);
    let waiting = rig_that_is(config(), false);
    get("/healthz").send(&waiting).await.expect(200, &json!({ "status": "ok" }));
    let answer = get("/readyz").send(&waiting).await;
    answer.expect_error(503, "NOT_READY");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn other_methods_and_paths_are_answered_as_such() {
    let rig = rig();
    for (method, path, allow) in [
        (Method::GET, "/api/events/order_cancelled", "POST, OPTIONS"),
        (Method::GET, "/api/events", "POST, OPTIONS"),
        (Method::PUT, "/api/emit", "POST, OPTIONS"),
        (Method::DELETE, "/api/emit", "POST, OPTIONS"),
        (Method::POST, "/healthz", "GET, HEAD, OPTIONS"),
        (Method::POST, "/readyz", "GET, HEAD, OPTIONS"),
    ] {
        let answer = call(method, path).send(&rig).await;
        answer.expect_error(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/zebra",
        "/api/events/a/b",
        "/healthz/x",
        "/API/emit",
        "/api//emit",
    ] {
        let answer = post(path, "{}").send(&rig).await;
        answer.expect_error(404, "NOT_FOUND");
    }
}
