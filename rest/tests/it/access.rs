//! Who may publish, and how fast.

use std::num::NonZeroU32;

use crier_domain::Role;
use crier_rest::SidecarConfig;
use serde_json::json;

use crate::client::{API_KEY, anonymous_post, bearer, config, post, rig, rig_with};

const BODY: &str = r#"{"event":"e","args":[]}"#;

#[tokio::test]
async fn services_and_admins_may_publish_and_others_may_not() {
    let rig = rig();
    for (role, status) in [
        (Role::Service, 202),
        (Role::Admin, 202),
        (Role::User, 403),
        (Role::Buyer, 403),
        (Role::Seller, 403),
        (Role::Agent, 403),
    ] {
        let call = anonymous_post("/api/emit", BODY).header("authorization", &bearer(role));
        assert_eq!(call.send(&rig).await.status, status, "{role:?}");
    }
    for key in [API_KEY, "other-key"] {
        let call =
            anonymous_post("/api/emit", BODY).header("authorization", &format!("bearer {key}"));
        assert_eq!(call.send(&rig).await.status, 202);
    }
}

#[tokio::test]
async fn a4_missing_or_wrong_credentials_are_401() {
    let rig = rig();
    for path in ["/api/emit", "/api/events", "/api/events/order_cancelled"] {
        let answer = anonymous_post(path, "not even json").send(&rig).await;
        answer.expect(
            401,
            &json!({
                "success": false,
                "error": { "code": "UNAUTHORIZED", "message": "a token or an API key is required" },
            }),
        );
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="crier""#));
    }
    for credentials in [
        "Bearer wrong",
        "Bearer backend-key-of-the-test",
        "Bearer backend-key-of-the-tests2",
        "Bearer BACKEND-KEY-OF-THE-TESTS",
        "Bearer a.b.c",
        "Bearer é",
    ] {
        let answer =
            anonymous_post("/api/emit", BODY).header("authorization", credentials).send(&rig).await;
        let message = answer.expect_error(401, "UNAUTHORIZED");
        assert!(!message.contains("key-of"), "{message}");
        let asked = answer.header("www-authenticate");
        assert_eq!(asked, Some(r#"Bearer realm="crier", error="invalid_token""#));
    }
    // The word `Bearer` is required nowhere.
    let bare = anonymous_post("/api/emit", BODY).header("authorization", API_KEY);
    assert_eq!(bare.send(&rig).await.status, 202);
    for other in ["Basic YTpi", "Bearer", ""] {
        let answer =
            anonymous_post("/api/emit", BODY).header("authorization", other).send(&rig).await;
        answer.expect_error(401, "UNAUTHORIZED");
    }
    let twice = post("/api/emit", BODY).header("authorization", &format!("Bearer {API_KEY}"));
    twice.send(&rig).await.expect_error(401, "UNAUTHORIZED");
    // Not in the query: it would end up in logs.
    let query = format!("/api/emit?token={API_KEY}&api_key={API_KEY}");
    anonymous_post(&query, BODY).send(&rig).await.expect_error(401, "UNAUTHORIZED");
    assert_eq!(rig.bus.published().len(), 1, "the one with the bare key");
}

#[tokio::test]
async fn a4_an_empty_key_in_the_configuration_lets_nobody_in() {
    let rig = rig_with(SidecarConfig { api_keys: vec![String::new()], ..SidecarConfig::default() });
    for credentials in ["Bearer ", "Bearer", "bearer  "] {
        let answer =
            anonymous_post("/api/emit", BODY).header("authorization", credentials).send(&rig).await;
        assert_eq!(answer.status, 401, "{credentials:?}");
    }
}

#[tokio::test]
async fn a7_too_many_events_are_429_with_a_wait() {
    let rig = rig_with(SidecarConfig {
        events_per_second: NonZeroU32::MIN.saturating_add(4),
        ..config()
    });
    let three = json!([{}, {}, {}]);
    assert_eq!(
        post("/api/events", &three).send(&rig).await.status,
        202,
        "a batch counts its events"
    );
    let refused = post("/api/events", &three).send(&rig).await;
    refused.expect_error(429, "RATE_LIMITED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["error"]["details"], json!({ "retryAfter": 1 }));
    let other = anonymous_post("/api/emit", BODY).header("authorization", "Bearer other-key");
    assert_eq!(other.send(&rig).await.status, 202, "another key has its own limit");
    let more_than_ever = json!(vec![json!({}); 6]);
    let token = anonymous_post("/api/events", &more_than_ever)
        .header("authorization", &bearer(Role::Service));
    token.send(&rig).await.expect_error(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a7_guessing_keys_is_slowed_by_address_and_harms_nobody_else() {
    let rig = rig_with(SidecarConfig { refusals_per_second: NonZeroU32::MIN, ..config() });
    let guess =
        |peer| anonymous_post("/api/emit", BODY).header("authorization", "Bearer guess").from(peer);
    for _ in 0..5 {
        guess("2001:db8::1").send(&rig).await.expect_error(401, "UNAUTHORIZED");
    }
    let refused = guess("2001:db8::2:1").send(&rig).await;
    refused.expect_error(429, "RATE_LIMITED");
    assert!(refused.header("retry-after").is_some());
    guess("192.0.2.9").send(&rig).await.expect_error(401, "UNAUTHORIZED");
    let right = post("/api/emit", BODY).from("2001:db8::1");
    assert_eq!(right.send(&rig).await.status, 202, "right credentials always get in");
}

#[test]
fn j14_debug_output_shows_no_key() {
    let shown = format!("{:?} {:?}", config(), rig().sidecar);
    assert!(!shown.contains(API_KEY), "{shown}");
}
