//! Bodies that no honest client sends.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use crier_protocol::Limits;
use crier_rest::SidecarConfig;
use http_body::Frame;
use serde_json::{Value, json};

use crate::{
    client::{config, post, rig, rig_with},
    events::cancelled,
};

/// A body of parts of 1 KiB without a length, that counts how many are asked for.
struct Chunked {
    left: usize,
    given: Arc<AtomicUsize>,
}

impl http_body::Body for Chunked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.given.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))))
    }
}

/// A body that never comes.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that breaks off.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

/// An emit whose body has exactly so many bytes.
fn emit_of(bytes: usize) -> String {
    let rest = r#"{"event":"e","args":[""]}"#.len();
    format!(r#"{{"event":"e","args":["{}"]}}"#, "x".repeat(bytes - rest))
}

#[tokio::test]
async fn a1_a_body_over_64_kib_is_413_however_it_is_sent() {
    let rig = rig();
    assert_eq!(post("/api/emit", emit_of(64 << 10)).send(&rig).await.status, 202);
    let answer = post("/api/emit", emit_of((64 << 10) + 1)).send(&rig).await;
    answer.expect_error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(answer.header("connection"), Some("close"));

    let announced = post("/api/emit", "{}").header("content-length", "65537");
    announced.send_body(&rig, Stalled).await.expect_error(413, "PAYLOAD_TOO_LARGE");

    for (path, kib) in
        [("/api/emit", 64), ("/api/events/order_cancelled", 64), ("/api/events", 8192)]
    {
        let given = Arc::new(AtomicUsize::new(0));
        let body = Chunked { left: 1 << 20, given: Arc::clone(&given) };
        let answer = post(path, "").send_body(&rig, body).await;
        answer.expect_error(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(
            given.load(Ordering::Relaxed),
            kib + 1,
            "{path}: read no further than the limit"
        );
    }
}

#[tokio::test]
async fn a1_an_item_of_a_batch_has_the_limit_of_a_single_event() {
    let rig = rig();
    let mut large = cancelled();
    large["reason"] = "x".repeat(65 << 10).into();
    let item = |data: Value| json!({ "event": "order_cancelled", "data": data });
    let answer = post("/api/events", json!([item(large), item(cancelled())])).send(&rig).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()[0]["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert!(answer.json()[1]["id"].is_string());
}

#[tokio::test]
async fn a2_a_refused_body_is_422_by_its_path() {
    let rig = rig();
    let wrong = |at: &str, value: Value| {
        let mut body = json!({ "data": cancelled(), "params": { "userId": "u" } });
        let (parent, name) = at.rsplit_once('/').unwrap();
        let object = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(name.into(), value);
        body.to_string()
    };
    let deep = format!(r#"{{"data":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    for (body, path) in [
        (String::new(), ""),
        ("{".into(), ""),
        ("null".into(), ""),
        ("[]".into(), ""),
        ("{}".into(), "data"),
        ("{} {}".into(), "data"),
        (format!("{} x", wrong("/id", json!("i"))), ""),
        (wrong("/date", json!({})), "date"),
        (wrong("/params", json!([])), "params"),
        (wrong("/params/userId", json!({})), "params.userId"),
        (wrong("/params/userld", json!("u")), "params.userld"),
        (wrong("/rooms", json!("a")), "rooms"),
        (wrong("/rooms", json!(["a", "b c"])), "rooms.1"),
        (wrong("/rooms", json!(["x".repeat(129)])), "rooms.0"),
        (wrong("/id", json!(5)), "id"),
        (wrong("/data/refundAmount", json!(-0.01)), "data.refundAmount"),
        (wrong("/data/refundAmount", json!("12")), "data.refundAmount"),
        (wrong("/data/more", json!(1)), "data.more"),
        (wrong("/data", json!([])), "data"),
        (r#"{"data":{"refundAmount":NaN}}"#.into(), "data"),
        (r#"{"data":{"refundAmount":1e999}}"#.into(), "data.refundAmount"),
        (r#"{"data":{},"data":{}}"#.into(), "data"),
        (r#"{"data":{"reason":"\ud800"}}"#.into(), "data"),
        (deep, "data"),
        (format!(r#"{{"{}":1}}"#, "é".repeat(1000)), &format!("{}…", "é".repeat(100))),
    ] {
        let answer = post("/api/events/order_cancelled", &body).send(&rig).await;
        assert_eq!(answer.expect_invalid(), path, "{body:.80}");
        let message = answer.expect_error(422, "VALIDATION_ERROR");
        for internal in ["f64", "serde", "struct", "RawValue", " at line ", "::"] {
            assert!(!message.contains(internal), "{message}");
        }
    }
    let bytes: &[u8] = b"{\"event\":\"\xff\"}";
    let body = http_body_util::Full::new(Bytes::from_static(bytes));
    post("/api/emit", "").send_body(&rig, body).await.expect_error(422, "VALIDATION_ERROR");
    assert!(rig.bus.published().is_empty());
}

#[tokio::test]
async fn a3_a_form_of_a_foreign_page_is_no_call() {
    let rig = rig();
    let emit = || post("/api/emit", r#"{"event":"e","args":[]}"#).without("content-type");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
        "",
    ] {
        let answer = emit().header("content-type", kind).send(&rig).await;
        answer.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    emit().send(&rig).await.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    let two =
        emit().header("content-type", "application/json").header("content-type", "text/plain");
    two.send(&rig).await.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(emit().header("content-type", kind).send(&rig).await.status, 202);
    }
    for (encoding, status) in
        [("gzip", 415), ("identity, gzip", 415), ("identity", 202), ("Identity", 202)]
    {
        let call =
            post("/api/emit", r#"{"event":"e","args":[]}"#).header("content-encoding", encoding);
        assert_eq!(call.send(&rig).await.status, status, "{encoding}");
    }
}

#[tokio::test]
async fn a5_a_body_that_does_not_arrive_is_given_up() {
    tokio::time::pause();
    let rig = rig();
    let begun = tokio::time::Instant::now();
    let answer = post("/api/emit", "").send_body(&rig, Stalled).await;
    answer.expect_error(408, "REQUEST_TIMEOUT");
    assert_eq!(begun.elapsed().as_secs(), 30);
    post("/api/emit", "").send_body(&rig, Broken).await.expect_error(400, "BAD_REQUEST");
}

#[tokio::test]
async fn a6_names_that_break_clients_and_endless_lists_are_422() {
    let rig = rig();
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let answer = post("/api/emit", json!({ "event": name, "args": [] })).send(&rig).await;
        assert_eq!(answer.expect_invalid(), "event", "{name}");
    }
    let rooms: Vec<String> = (0..1001).map(|n| format!("r{n}")).collect();
    for (body, path) in [
        (json!({ "event": "", "args": [] }), "event"),
        (json!({ "event": "x".repeat(129), "args": [] }), "event"),
        (json!({ "event": 5, "args": [] }), "event"),
        (json!({ "args": [] }), "event"),
        (json!({ "event": "e" }), "args"),
        (json!({ "event": "e", "args": {} }), "args"),
        (json!({ "event": "e", "args": vec![0; 65] }), "args"),
        (json!({ "event": "e", "args": [], "rooms": rooms }), "rooms"),
        (json!({ "event": "e", "args": [], "except": rooms }), "except"),
        (json!({ "event": "e", "args": [], "rooms": [""] }), "rooms.0"),
        (json!({ "event": "e", "args": [], "namespace": "chat" }), "namespace"),
        (json!({ "event": "e", "args": [], "namespace": "/a,b" }), "namespace"),
        (json!({ "event": "e", "args": [], "volatile": "yes" }), "volatile"),
        (json!({ "event": "e", "args": [], "room": ["a"] }), "room"),
    ] {
        let answer = post("/api/emit", &body).send(&rig).await;
        assert_eq!(answer.expect_invalid(), path, "{body:.60}");
    }
    let million = format!("[{}0]", "0,".repeat(1_000_000));
    post("/api/events", million).send(&rig).await.expect_error(422, "VALIDATION_ERROR");
    assert!(rig.bus.published().is_empty());
}

#[tokio::test]
async fn a8_while_the_bus_is_away_nothing_is_promised() {
    let rig = rig();
    rig.bus.away_after(0);
    let event = json!({ "event": "order_cancelled", "data": cancelled() });
    for (path, body) in [
        ("/api/events/order_cancelled", json!({ "data": cancelled(), "id": "k" })),
        ("/api/emit", json!({ "event": "e", "args": [] })),
        ("/api/events", json!([event, event])),
    ] {
        let answer = post(path, &body).send(&rig).await;
        answer.expect_error(503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("2"), "1.5 s, rounded up");
    }
    assert!(rig.bus.published().is_empty());
    // Away in the middle of a batch: each item says what became of it.
    rig.bus.away_after(1);
    let answer = post("/api/events", json!([event, event])).send(&rig).await;
    assert_eq!(answer.status, 202);
    assert!(answer.json()[0]["id"].is_string());
    assert_eq!(answer.json()[1]["error"]["details"], json!({ "retryAfter": 2 }));
    assert_eq!(rig.bus.published().len(), 1);
}

#[tokio::test]
async fn bodies_together_have_a_limit_and_give_it_back() {
    let rig = rig_with(SidecarConfig {
        bodies_bytes_max: 1000,
        body_timeout: Duration::from_secs(5),
        ..config()
    });
    for _ in 0..10 {
        assert_eq!(post("/api/emit", emit_of(900)).send(&rig).await.status, 202);
    }
    let answer = post("/api/emit", emit_of(1001)).send(&rig).await;
    answer.expect_error(503, "UNAVAILABLE");
    assert_eq!(post("/api/emit", emit_of(1000)).send(&rig).await.status, 202);
}

#[tokio::test]
async fn the_servers_limits_hold_for_backends_too() {
    let limits = Limits {
        namespace_max: 16,
        event_name_max: 8,
        args_max: 2,
        depth_max: 3,
        ..Limits::default()
    };
    let rig = rig_with(SidecarConfig { limits: Arc::new(limits), ..config() });
    for (body, field) in [
        (json!({ "event": "e", "args": [], "namespace": "/sixteen-and-more" }), "namespace"),
        (json!({ "event": "ninebytes", "args": [] }), "event"),
        (json!({ "event": "e", "args": [1, 2, 3] }), "args"),
        (json!({ "event": "e", "args": [[[[1]]]] }), "args"),
    ] {
        let answer = post("/api/emit", &body).send(&rig).await;
        assert_eq!(answer.expect_invalid(), field, "{body}");
        let answer = post("/api/emit", &body).send(&rig_with(config())).await;
        assert_eq!(answer.status, 202, "{body}: legal by the default limits");
    }
}
