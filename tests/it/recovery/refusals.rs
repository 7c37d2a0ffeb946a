//! Clients that do not come back as who they were, and are told why.

use std::{sync::Arc, time::Duration};

use crier_server::{RecoveryOptions, Socket};
use serde_json::{Value, json};
use tests::raw::{Frame, WAIT, WebSocket, eventually};

use super::client::{Client, Kept, server};
use crate::server::Server;

/// A client that was there, and one event that it missed.
fn missed_one(server: &Server, auth: Value) -> Kept {
    let kept = Client::connect(server, auth).cut();
    eventually(WAIT, || match server.io.main().sockets_len() {
        0 => Ok(()),
        sockets => Err(format!("{sockets} sockets")),
    });
    server.io.main().emit("missed", &1).unwrap();
    kept
}

/// A new session, and the reason; nothing of what was missed.
#[track_caller]
fn expect_fresh(
    server: &Server,
    namespace: &str,
    auth: Value,
    kept: &Kept,
    reason: &str,
) -> Client {
    let mut client = Client::try_connect(server, namespace, auth, kept).unwrap();
    assert_ne!(client.kept.sid, kept.sid);
    assert_ne!(client.kept.pid, kept.pid);
    assert_eq!(client.kept.pid.len(), 22);
    let outcome = match reason {
        "" => "Fresh".to_owned(),
        reason => format!("NotRecovered({reason})"),
    };
    client.expect("connected", &json!(outcome));
    client.expect_alive();
    client
}

#[test]
fn a_client_that_is_not_who_it_was_is_told_why() {
    let options = RecoveryOptions { window: Duration::from_secs(300), ..Default::default() };
    let server = server(options);
    super::client::install(&server.io, "/other");
    let ann = || json!({ "user": "ann" });
    let kept = missed_one(&server, ann());
    let (epoch, _) = kept.offset.as_deref().unwrap().split_once('~').unwrap();
    let with = |pid: &str, offset: Value| {
        let offset = offset.as_str().map(str::to_owned);
        Kept { pid: pid.to_owned(), offset, ..kept.clone() }
    };
    let pid = kept.pid.as_str();
    let stranger = "A".repeat(22);
    let sid = &kept.sid;
    let far = format!("{epoch}~999999999");
    let table = [
        ("another user", "/", json!({ "user": "bob" }), with(pid, json!("")), "LogLost"),
        ("another user", "/", json!({ "user": "bob" }), kept.clone(), "UserChanged"),
        ("nobody", "/", json!({}), kept.clone(), "UserChanged"),
        ("another namespace", "/other", ann(), kept.clone(), "Unknown"),
        ("no such pid", "/", ann(), with(&stranger, json!(kept.offset)), "Unknown"),
        ("no such pid, no offset", "/", ann(), with(&stranger, json!(null)), "Unknown"),
        ("the public id", "/", ann(), with(sid, json!(kept.offset)), "Unknown"),
        ("a long pid", "/", ann(), with(&"x".repeat(10_000), json!(kept.offset)), "Unknown"),
        ("after a restart", "/", ann(), with(&stranger, json!("0123456789abcdef~7")), "LogLost"),
        ("an offset of another epoch", "/", ann(), with(pid, json!("0~1")), "LogLost"),
        ("an offset of nobody's", "/", ann(), with(pid, json!("hello")), "LogLost"),
        ("an offset to come", "/", ann(), with(pid, json!(far)), "LogLost"),
        ("a long offset", "/", ann(), with(pid, json!("x".repeat(10_000))), "LogLost"),
    ];
    for (name, namespace, auth, kept, reason) in table {
        // `another user` with a broken offset is of no concern here: one reason is enough.
        if name == "another user" && reason == "LogLost" {
            continue;
        }
        eprintln!("{name}");
        expect_fresh(&server, namespace, auth, &kept, reason);
    }
    // None of this took anything from the one whose session it is.
    let mut client = Client::back(&server, ann(), &kept).unwrap();
    client.expect("missed", &json!(1));
    client.expect("connected", &json!("Recovered"));
}

#[test]
fn a_pid_and_an_offset_may_be_of_any_shape() {
    let server = server(RecoveryOptions::default());
    for (auth, outcome) in [
        (json!({ "pid": 1, "offset": 2 }), "NotRecovered(LogLost)"),
        (json!({ "pid": 1 }), "NotRecovered(Unknown)"),
        (json!({ "pid": {}, "offset": null }), "NotRecovered(Unknown)"),
        (json!({ "pid": null, "offset": [] }), "Fresh"),
        (json!({ "offset": "x" }), "Fresh"),
    ] {
        let mut client = Client::back(&server, auth, &Kept::default()).unwrap();
        client.expect("connected", &json!(outcome));
    }
}

/// Row S34.
#[test]
fn a_client_that_is_refused_gets_nothing_of_what_it_missed() {
    let server = server(RecoveryOptions::default());
    let kept = missed_one(&server, json!({ "user": "ann" }));
    let mut wire = WebSocket::open(server.address);
    let auth = json!({
        "user": "ann", "expired": true, "pid": kept.pid, "offset": kept.offset,
    });
    wire.send(format!("40{auth}"));
    wire.expect(r#"44{"message":"Invalid token"}"#);
    // It may try again, on the same connection; until then there is nothing more.
    let auth = json!({ "user": "ann", "pid": kept.pid, "offset": kept.offset });
    wire.send(format!("40{auth}"));
    assert!(wire.text().contains(&kept.pid));
    assert!(wire.text().starts_with(r#"42["missed",1"#));
}

#[test]
fn a_goodbye_ends_a_session() {
    for by_server in [false, true] {
        let server = server(RecoveryOptions::default());
        let main = server.io.main();
        main.on("kick", |socket: Socket, (): (), _ack: crier_server::Ack| async move {
            socket.disconnect(false);
        });
        let mut client = Client::connect(&server, json!({}));
        if by_server {
            client.wire.send(r#"42["kick"]"#);
            client.wire.expect("41");
        } else {
            client.wire.send("41");
        }
        eventually(WAIT, || match main.sockets_len() {
            0 => Ok(()),
            sockets => Err(format!("{sockets} sockets")),
        });
        expect_fresh(&server, "/", json!({}), &client.kept, "Unknown");
    }
}

#[test]
fn a_client_that_comes_too_late_is_told_so() {
    let window = Duration::from_millis(300);
    let server = server(RecoveryOptions { window, ..Default::default() });
    let kept = missed_one(&server, json!({}));
    // What passes here is the time that the window lasts.
    std::thread::sleep(window + Duration::from_millis(50));
    expect_fresh(&server, "/", json!({}), &kept, "Expired");
}

#[test]
fn a_log_that_has_let_go_of_what_was_missed_is_lost() {
    let server = server(RecoveryOptions { entries_max: 10, ..Default::default() });
    let main = server.io.main();
    let kept = missed_one(&server, json!({}));
    for _ in 0..9 {
        main.emit("more", &1).unwrap();
    }
    // Ten: all that was missed is still there.
    let mut client = Client::back(&server, json!({}), &kept).unwrap();
    for _ in 0..10 {
        client.event();
    }
    client.expect("connected", &json!("Recovered"));
    client.cut();
    main.emit("one too many", &1).unwrap();
    expect_fresh(&server, "/", json!({}), &kept, "LogLost");
}

#[test]
fn more_than_is_replayed_is_too_much() {
    let by_events = RecoveryOptions { replay_events_max: 20, ..Default::default() };
    let by_bytes = RecoveryOptions { replay_bytes_max: 1_000, ..Default::default() };
    for options in [by_events, by_bytes] {
        let server = server(options);
        let main = server.io.main();
        let kept = missed_one(&server, json!({}));
        for _ in 0..20 {
            main.emit("more", &"a text that takes some bytes").unwrap();
        }
        // What others missed does not count.
        expect_fresh(&server, "/", json!({}), &kept, "TooMuch");
        let mut quiet = Client::connect(&server, json!({}));
        for _ in 0..50 {
            main.to("elsewhere").emit("more", &"a text that takes some bytes").unwrap();
        }
        quiet.expect_alive();
        let kept = quiet.cut();
        let mut quiet = Client::back(&server, json!({}), &kept).unwrap();
        quiet.expect("connected", &json!("Recovered"));
    }
}

/// Row S32.
#[test]
fn of_two_with_one_pid_one_goes_on() {
    let server = server(RecoveryOptions::default());
    // Both are past their checks before either goes on.
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let shared = Arc::clone(&both);
    server.io.main().handlers().on_restore(move |_socket, rooms| {
        let both = Arc::clone(&shared);
        async move {
            both.wait().await;
            rooms
        }
    });
    for _ in 0..20 {
        let kept = missed_one(&server, json!({}));
        let auth = json!({ "pid": kept.pid, "offset": kept.offset });
        let mut wires = [WebSocket::open(server.address), WebSocket::open(server.address)];
        for wire in &mut wires {
            wire.send_frame(&Frame::text(format!("40{auth}")));
        }
        let went_on = wires.map(|mut wire| {
            let went_on = wire.text().contains(&kept.pid);
            let next = wire.text();
            assert!(next.starts_with(r#"42["missed",1"#) == went_on, "{next}");
            wire.reset();
            went_on
        });
        assert_ne!(went_on[0], went_on[1]);
    }
}
