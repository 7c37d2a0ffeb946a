//! Who a socket is, what it may ask for, and that it is answered.

use std::time::Duration;

use crier_domain::{App, AuthMode, Role, UserId};
use crier_server::{Ack, EventRate, Payload, Socket, apps};
use serde_json::{Value, json};

use super::rig::{Client, Heard, Live, Setup, token};

#[test]
fn the_table_of_modes() {
    let good = json!({ "token": token("ann", Role::User, 60) });
    let bearer = json!({ "jwt": format!("Bearer {}", token("ann", Role::User, 60)) });
    let bad = json!({ "token": "a.b.c" });
    let long = json!({ "token": "x".repeat(9_000) });
    let (user, nobody) = (Ok(json!("ann")), Ok(Value::Null));
    let no_token = Err(("Authentication error", "NO_TOKEN"));
    let invalid = Err(("Invalid token", "INVALID_TOKEN"));
    for (mode, auth, expected) in [
        (AuthMode::Required, &json!({}), &no_token),
        (AuthMode::Required, &bad, &invalid),
        (AuthMode::Required, &long, &invalid),
        (AuthMode::Required, &good, &user),
        (AuthMode::Optional, &json!({}), &nobody),
        (AuthMode::Optional, &bad, &nobody),
        (AuthMode::Optional, &good, &user),
        (AuthMode::Optional, &bearer, &user),
        (AuthMode::Off, &json!({}), &nobody),
        (AuthMode::Off, &bad, &nobody),
        (AuthMode::Off, &good, &user),
    ] {
        let live = Live::start(Setup { mode, ..Setup::default() });
        match expected {
            Ok(user) => {
                let connected = live.client(auth).connected;
                assert_eq!(connected["userId"], *user, "{mode:?} {auth}");
                assert_eq!(connected["recovered"], json!(false));
            }
            Err((message, code)) => {
                let refused = live.refusal("/", auth);
                assert_eq!(refused["message"], json!(message), "{mode:?}");
                assert_eq!(refused["data"]["code"], json!(code), "{mode:?}");
                assert!(refused["data"]["reason"].is_string(), "{refused}");
            }
        }
    }
}

#[test]
fn an_event_with_an_ack_is_answered_once() {
    let live = Live::start(Setup::default());
    live.io.main().on("panics", |_: Socket, (): (), _ack: Ack| async { panic!("a bug") });
    live.io.main().on("forgets", |_: Socket, (): (), _ack: Ack| async {});
    live.io.main().on("hangs", |_: Socket, (): (), ack: Ack| async move {
        std::future::pending::<()>().await;
        drop(ack);
    });
    live.io.main().handlers().deadline(Duration::from_millis(50));
    let mut client = live.client(&json!({}));
    let away = json!({ "error": "Service unavailable", "retryAfter": 1 });
    for (event, payload, expected) in [
        ("heartbeat", json!({ "timestamp": 1 }), json!({ "ok": true })),
        ("no-such-event", json!(null), json!({ "error": "Unknown event" })),
        ("forgets", json!(null), away.clone()),
        ("hangs", json!(null), away.clone()),
        ("subscribe", json!({ "channel": "offers" }), json!({ "ok": true, "channel": "offers" })),
        ("subscribe", json!({ "channel": "nothing" }), json!({ "error": "Unknown channel" })),
        ("subscribe", json!({ "channel": "orders" }), json!({ "error": "Unauthorized" })),
        ("token_refresh", json!({ "token": "x" }), json!({ "error": "Unauthorized" })),
        ("join-user-room", json!("ann"), json!({ "error": "Unauthorized" })),
        ("panics", json!(null), away),
    ] {
        assert_eq!(client.call(event, &payload), expected, "{event} {payload}");
    }
    // The panic ended the session, and there was no second answer to anything.
    let rest: Vec<Heard> =
        std::iter::from_fn(|| Some(client.next())).take_while(|h| *h != Heard::End).collect();
    assert!(!rest.iter().any(|heard| matches!(heard, Heard::Ack(..))), "{rest:?}");
}

#[test]
fn without_an_ack_a_refusal_is_an_error_event() {
    let live = Live::start(Setup::default());
    let mut client = live.client(&json!({}));
    client.emit("token_refresh", &json!({ "token": "x" }));
    let error = client.event("error");
    assert_eq!(error["code"], json!("UNAUTHORIZED"));
    client.emit("subscribe", &json!({ "channel": 5 }));
    let error = client.event("error");
    assert_eq!(
        (&error["code"], &error["details"]["path"]),
        (&json!("VALIDATION_ERROR"), &json!("channel"))
    );
    client.emit("subscribe", &json!({ "channel": "group_5" }));
    assert_eq!(client.event("error")["code"], json!("UNAUTHORIZED"));
    let mut ann = live.user("ann");
    ann.emit("subscribe", &json!({ "channel": "group_5" }));
    let error = ann.event("error");
    assert_eq!(error["code"], json!("ACCESS_DENIED"));
    assert_eq!(error["details"], json!({ "room": "group:5" }));
    // An unknown event is nobody's fault: a newer client may know more.
    ann.emit("no-such-event", &json!(null));
    assert_eq!(ann.count(&["error"]), 0);
}

#[test]
fn a_socket_may_limit_itself_to_some_apps() {
    let live = Live::start(Setup::default());
    let only = |apps: Value| json!({ "token": token("ann", Role::User, 60), "apps": apps });
    for (apps, names) in [
        (json!("shop"), "auth.apps"),
        (json!(["shop", "chat"]), "auth.apps.1"),
        (json!([1]), "auth.apps.0"),
    ] {
        for namespace in ["/", "/also"] {
            let refused = live.refusal(namespace, &only(apps.clone()));
            let reason = refused["data"]["reason"].as_str().unwrap();
            assert!(reason.starts_with(names), "{reason}");
        }
    }
    let unknown = json!({ "error": "Unknown event" });
    let mut storefront = live.client(&only(json!(["storefront"])));
    assert_eq!(storefront.call("whoami", &json!(null)), unknown);
    assert_eq!(storefront.call("join-user-room", &json!("ann")), unknown);
    let mut none = live.client(&only(json!([])));
    assert_eq!(none.call("whoami", &json!(null)), unknown);
    let channel = json!({ "channel": "cart" });
    assert_eq!(none.call("subscribe", &channel), json!({ "ok": true, "channel": "cart" }));
    assert_eq!(none.count(&["presence:update", "user-status-change"]), 0);
}

#[test]
fn an_app_that_is_off_is_unknown() {
    let live = Live::start(Setup { apps: vec![App::Storefront], ..Setup::default() });
    let mut ann = live.user("ann");
    assert_eq!(ann.call("whoami", &json!(null)), json!({ "error": "Unknown event" }));
    assert_eq!(ann.count(&["presence:update", "user-status-change"]), 0);
    assert!(live.has_room("user:ann") && !live.has_room("user-ann"));
}

/// A handler as an app has it for events that name the user who sends them.
fn with_claims(live: &Live) {
    let context = live.context.clone();
    live.io.main().on("claim", move |socket: Socket, Payload(user): Payload<UserId>, ack: Ack| {
        let claimed = context.claim(&socket, &user);
        let claimed = claimed.map(|identity| json!({ "ok": true, "role": identity.role }));
        apps::reply(&socket, ack, claimed);
        std::future::ready(())
    });
}

#[test]
fn in_mode_off_the_first_claim_says_who_a_socket_is() {
    let live = Live::start(Setup { mode: AuthMode::Off, ..Setup::default() });
    with_claims(&live);
    let mut client = live.client(&json!({}));
    assert_eq!(client.call("claim", &json!("ann")), json!({ "ok": true, "role": "user" }));
    assert_eq!(client.call("claim", &json!("ann")), json!({ "ok": true, "role": "user" }));
    assert_eq!(client.call("claim", &json!("ben")), json!({ "error": "Access denied" }));
    assert_eq!(client.event("presence:update")["userId"], json!("ann"));
    assert!(live.has_room("user:ann") && live.has_room("user-ann") && !live.has_room("user:ben"));
    // A token counts in this mode too, and a claim beside it is compared with it.
    let mut admin = live.with_role("root", Role::Admin);
    assert_eq!(admin.call("claim", &json!("ann")), json!({ "error": "Access denied" }));
    assert!(live.has_room("admin"));
}

#[test]
fn elsewhere_a_claim_makes_nobody_a_user() {
    let live = Live::start(Setup::default());
    with_claims(&live);
    let mut client = live.client(&json!({}));
    assert_eq!(client.call("claim", &json!("ann")), json!({ "error": "Unauthorized" }));
    let mut ann = live.user("5");
    assert_eq!(ann.call("claim", &json!(5)), json!({ "ok": true, "role": "user" }));
    assert_eq!(ann.call("claim", &json!(6)), json!({ "error": "Access denied" }));
}

#[test]
fn a_client_that_keeps_on_past_its_limit_is_told_everywhere_and_sent_away() {
    let patience = Duration::from_millis(100);
    let rate = EventRate { per_second: 1, burst: 2, patience };
    let live = Live::start(Setup { rate, ..Setup::default() });
    let mut client = live.user("ann");
    client.join("/also", &json!({})).unwrap();
    let began = std::time::Instant::now();
    let mut refused = 0;
    let end = loop {
        client.ask("/", "heartbeat", &json!({ "timestamp": 1 }));
        match client.next() {
            Heard::Ack(_, answer) if answer["error"] == json!("Rate limit exceeded") => {
                assert!(answer["retryAfter"].as_u64().is_some_and(|seconds| seconds >= 1));
                refused += 1;
            }
            Heard::Event(_, name, payload) if name == "disconnected" => break payload,
            Heard::Ack(..) | Heard::Event(..) => {}
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    };
    assert_eq!(end["reason"], json!("rate limit"));
    assert!(refused > 1, "{refused}");
    assert_eq!(client.event_on("/also", "disconnected")["reason"], json!("rate limit"));
    expect_sent_away(&mut client, &["/", "/also"]);
}

/// Expects a Socket.IO disconnect from each namespace.
pub(super) fn expect_sent_away(client: &mut Client, namespaces: &[&str]) {
    let mut left: Vec<&str> = namespaces.to_vec();
    while !left.is_empty() {
        match client.next() {
            Heard::Disconnect(namespace) => left.retain(|one| *one != namespace),
            Heard::End => panic!("the end, before {left:?}"),
            _ => {}
        }
    }
}
