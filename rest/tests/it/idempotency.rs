//! A retry is harmless: the same answer, no second event.

use serde_json::{Value, json};

use crate::{
    client::{post, rig},
    events::cancelled,
};

fn body(id: Option<&str>) -> Value {
    let mut body = json!({ "data": cancelled(), "params": { "userId": "u" } });
    if let Some(id) = id {
        body["id"] = id.into();
    }
    body
}

const PATH: &str = "/api/events/order_cancelled";

#[tokio::test]
async fn a_hundred_posts_of_one_id_at_once_are_one_event() {
    let rig = rig();
    let posts: Vec<_> = (0..100)
        .map(|_| {
            let rig = rig.clone();
            tokio::spawn(async move { post(PATH, body(Some("once"))).send(&rig).await })
        })
        .collect();
    let mut texts = Vec::new();
    for post in posts {
        let answer = post.await.unwrap();
        assert_eq!(answer.status, 202);
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "all get the same bytes");
    assert_eq!(rig.bus.published().len(), 1);
}

#[tokio::test]
async fn the_header_and_the_field_are_the_same_id() {
    let rig = rig();
    let by_field = post(PATH, body(Some("k"))).send(&rig).await;
    let by_header = post(PATH, body(None)).header("idempotency-key", "k").send(&rig).await;
    let by_both = post(PATH, body(Some("k"))).header("idempotency-key", "k").send(&rig).await;
    assert_eq!((by_header.status, &by_header.text), (by_field.status, &by_field.text));
    assert_eq!(by_both.text, by_field.text);
    assert_eq!(rig.bus.published().len(), 1);
    let contradiction = post(PATH, body(Some("k"))).header("idempotency-key", "l").send(&rig).await;
    contradiction.expect_error(409, "CONFLICT");
}

#[tokio::test]
async fn a_time_that_the_sidecar_adds_does_not_make_a_retry_another_body() {
    let rig = rig();
    let data = json!({ "orderId": "o", "orderNumber": "n", "status": "placed", "message": "m" });
    let body = json!({ "data": data, "id": "t" });
    for _ in 0..2 {
        let answer = post("/api/events/order_status_update", &body).send(&rig).await;
        assert_eq!(answer.status, 202);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(rig.bus.published().len(), 1);
}

#[tokio::test]
async fn r6_another_body_under_the_same_id_is_a_conflict() {
    let rig = rig();
    assert_eq!(post(PATH, body(Some("k"))).send(&rig).await.status, 202);
    let mut data = body(Some("k"));
    data["data"]["reason"] = "other".into();
    let mut params = body(Some("k"));
    params["params"]["userId"] = "v".into();
    let mut rooms = body(Some("k"));
    rooms["rooms"] = json!(["order:o1", "orders:u", "user:u"]);
    for other in [data, params, rooms] {
        let answer = post(PATH, other).send(&rig).await;
        answer.expect_error(409, "CONFLICT");
    }
    let emit = json!({ "event": "order_cancelled", "args": [cancelled()], "id": "k" });
    post("/api/emit", emit).send(&rig).await.expect_error(409, "CONFLICT");
    assert_eq!(rig.bus.published().len(), 1);
}

#[tokio::test]
async fn r6_an_id_has_1_to_64_bytes() {
    let rig = rig();
    assert_eq!(post(PATH, body(Some(&"é".repeat(32)))).send(&rig).await.status, 202);
    for id in [&"x".repeat(65), &"x".repeat(50_000), "", "a\u{0}b", "\n"] {
        let answer = post(PATH, body(Some(id))).send(&rig).await;
        assert_eq!(answer.expect_invalid(), "id", "{id:.10}");
    }
    let answer = post(PATH, body(None)).header("idempotency-key", &"x".repeat(65)).send(&rig).await;
    assert_eq!(answer.expect_invalid(), "Idempotency-Key");
    let twice =
        post(PATH, body(None)).header("idempotency-key", "a").header("idempotency-key", "a");
    assert_eq!(twice.send(&rig).await.expect_invalid(), "Idempotency-Key");
}

#[tokio::test]
async fn a_batch_sent_again_under_its_key_sends_only_what_is_missing() {
    let rig = rig();
    let item = |order: &str| {
        let mut data = cancelled();
        data["orderId"] = order.into();
        json!({ "event": "order_cancelled", "data": data })
    };
    let batch = json!([item("o1"), item("o2"), item("o3")]);
    let send = || post("/api/events", &batch).header("idempotency-key", "batch");
    rig.bus.away_after(2);
    let first = send().send(&rig).await;
    assert_eq!(first.json()[2]["error"]["code"], "UNAVAILABLE");
    rig.bus.away_after(usize::MAX);
    let second = send().send(&rig).await;
    assert_eq!(second.json()[0], first.json()[0]);
    assert_eq!(second.json()[1], first.json()[1]);
    assert_eq!(send().send(&rig).await.text, second.text);
    assert_eq!(rig.bus.published().len(), 3);
}
