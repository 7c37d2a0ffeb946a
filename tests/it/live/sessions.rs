//! Tokens that end, are renewed, are revoked.

use std::time::{Duration, Instant};

use crier_domain::{Role, UserId};
use serde_json::{Value, json};
use tests::raw::{WAIT, eventually};

use super::{
    identity::expect_sent_away,
    rig::{Client, Live, Setup, token},
};

fn auth(user: &str, seconds: u64) -> Value {
    json!({ "token": token(user, Role::User, seconds) })
}

#[test]
fn a_session_ends_with_its_token_on_every_namespace() {
    let live = Live::start(Setup::default());
    let mut ann = live.client(&auth("ann", 2));
    ann.join("/also", &auth("ann", 2)).unwrap();
    for namespace in ["/", "/also"] {
        let left = ann.event_on(namespace, "session_expiring")["expiresIn"].as_u64().unwrap();
        assert!((1..=2).contains(&left), "{left}");
    }
    for namespace in ["/", "/also"] {
        let expired = ann.event_on(namespace, "session_expired");
        assert!(expired["message"].is_string() && expired["expiredAt"].is_string(), "{expired}");
        let goodbye = ann.event_on(namespace, "disconnected");
        assert_eq!(goodbye["reason"], json!("session expired"));
    }
    expect_sent_away(&mut ann, &["/", "/also"]);
    let user = UserId::parse("ann").unwrap();
    eventually(WAIT, || match live.context.roster.of(&user).len() {
        0 => Ok(()),
        sockets => Err(format!("{sockets} sockets")),
    });
}

#[test]
fn a_session_with_a_new_token_goes_on() {
    let live = Live::start(Setup::default());
    let mut ann = live.client(&auth("ann", 2));
    ann.join("/also", &auth("ann", 2)).unwrap();
    // Its end is the clock of this test.
    let mut other = live.client(&auth("ben", 2));
    let refreshed = ann.call("token_refresh", &auth("ann", 1_000));
    assert_eq!(refreshed["ok"], json!(true));
    assert!((998..=1_000).contains(&refreshed["expiresIn"].as_u64().unwrap()), "{refreshed}");
    other.event("session_expired");
    assert_eq!(ann.count(&["session_expired", "disconnected"]), 0);
    let id = ann.ask("/also", "anything", &json!(null));
    assert_eq!(ann.ack(id), json!({ "error": "Unknown event" }));
}

#[test]
fn a_new_token_is_taken_on_every_namespace_of_the_connection() {
    let live = Live::start(Setup::default());
    let auth = |seconds: u64| {
        let claims = json!({ "sub": "5", "userType": "CUSTOMER", "exp": exp(seconds) });
        json!({ "token": signed(&claims) })
    };
    let mut client = Client::new(&live);
    for namespace in ["/presence", "/chat", "/also"] {
        client.join(namespace, &auth(60)).unwrap();
    }
    let left = |answer: &Value| answer["expiresIn"].as_u64().unwrap();
    for (namespace, seconds) in [("/presence", 1_000), ("/also", 2_000)] {
        let id = client.ask(namespace, "token_refresh", &auth(seconds));
        let answer = client.ack(id);
        assert_eq!(answer["ok"], json!(true), "{namespace}: {answer}");
        assert!((seconds - 2..=seconds).contains(&left(&answer)), "{namespace}: {answer}");
    }
    // In the envelope of this one.
    let id = client.ask("/chat", "token_refresh", &auth(3_000));
    let answer = client.ack(id);
    assert_eq!((&answer["statusCode"], &answer["error"]), (&json!(200), &json!(false)));
    assert!((2_998..=3_000).contains(&left(&answer["data"])), "{answer}");
    // Without an ack, why not is an event.
    client.emit_on("/presence", "token_refresh", &json!({ "token": "a.b.c" }));
    assert_eq!(client.event_on("/presence", "appError")["message"], json!("Invalid token"));
    for (namespace, message) in [("/presence", "error"), ("/also", "error"), ("/chat", "message")] {
        let id = client.ask(namespace, "token_refresh", &json!({ "token": "a.b.c" }));
        assert_eq!(client.ack(id)[message], json!("Invalid token"), "{namespace}");
        // Of whoever the connection is not.
        let id =
            client.ask(namespace, "token_refresh", &json!({ "token": token("6", Role::User, 60) }));
        assert_eq!(client.ack(id)[message], json!("Access denied"), "{namespace}");
    }
}

fn exp(seconds: u64) -> u64 {
    crier_domain::time::unix_seconds() + seconds
}

/// A token of the development key that says more than the id.
fn signed(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(crier_domain::DEVELOPMENT_SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

#[test]
fn a_new_token_is_checked_like_the_first_one() {
    let live = Live::start(Setup::default());
    let mut ann = live.user("ann");
    for (token, expected) in [
        (token("ben", Role::Admin, 60), "Access denied"),
        ("a.b.c".to_owned(), "Invalid token"),
        ("x".repeat(9_000), "Invalid token"),
    ] {
        let answer = ann.call("token_refresh", &json!({ "token": token }));
        assert_eq!(answer, json!({ "error": expected }));
    }
    assert!(!live.has_room("admin"));
}

#[test]
fn a_new_role_opens_and_closes_rooms() {
    let live = Live::start(Setup::default());
    let mut ann = live.with_role("ann", Role::Admin);
    let subscribe = |name: &str| json!({ "channel": name });
    for channel in ["group_5", "offers", "cart"] {
        assert_eq!(ann.call("subscribe", &subscribe(channel))["ok"], json!(true), "{channel}");
    }
    let backend = crier_domain::cluster::Action::Join(vec!["group:6".into()]);
    live.order("ann", backend);
    assert!(live.has_room("admins") && live.has_room("group:5") && live.has_room("group:6"));
    ann.call("token_refresh", &auth("ann", 60));
    for (room, stays) in [
        ("admin", false),
        ("admins", false),
        ("group:5", false),
        // A backend said so.
        ("group:6", true),
        ("offers", true),
        ("cart:ann", true),
        ("user:ann", true),
    ] {
        assert_eq!(live.has_room(room), stays, "{room}");
    }
    ann.call("token_refresh", &json!({ "token": token("ann", Role::Admin, 60) }));
    assert!(live.has_room("admin"));
}

#[test]
fn a_revoked_user_is_sent_away_everywhere_and_comes_back_with_a_new_token_only() {
    let live = Live::start(Setup::default());
    let old = auth("ann", 60);
    let (mut one, mut two, mut ben) = (live.client(&old), live.client(&old), live.user("ben"));
    two.join("/also", &old).unwrap();
    let user = UserId::parse("ann").unwrap();
    let began = Instant::now();
    let revoked = live.runtime.block_on(live.context.services.revocations.revoke(&user)).unwrap();
    assert_eq!(revoked.matched, 3);
    assert_eq!(one.event("disconnected")["reason"], json!("revoked"));
    assert_eq!(two.event("disconnected")["reason"], json!("revoked"));
    assert_eq!(two.event_on("/also", "disconnected")["reason"], json!("revoked"));
    expect_sent_away(&mut one, &["/"]);
    expect_sent_away(&mut two, &["/", "/also"]);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for namespace in ["/", "/also"] {
        let refused = live.refusal(namespace, &old);
        assert_eq!(refused["message"], json!("Invalid token"));
        assert_eq!(refused["data"]["code"], json!("REVOKED"));
    }
    assert_eq!(ben.count(&["disconnected"]), 0);
    // `iat` counts whole seconds.
    let mut ann = eventually(Duration::from_secs(3), || {
        let mut client = Client::new(&live);
        client.join("/", &auth("ann", 60)).map(|()| client).map_err(|error| error.to_string())
    });
    assert_eq!(ann.event("connected")["userId"], json!("ann"));
    assert_eq!(ann.call("token_refresh", &old), json!({ "error": "Invalid token" }));
}
