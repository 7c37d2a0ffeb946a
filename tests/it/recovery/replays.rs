//! Clients that come back, and what they are owed.

use crier_server::{RecoveryOptions, Who};
use serde_json::{Value, json};
use tests::raw::{WAIT, eventually};

use super::client::{Client, Kept, server};
use crate::server::Server;

fn default_server() -> Server {
    server(RecoveryOptions::default())
}

#[track_caller]
fn back(server: &Server, auth: Value, kept: &Kept) -> Client {
    let client = Client::back(server, auth, kept).unwrap();
    assert_eq!((&client.kept.sid, &client.kept.pid), (&kept.sid, &kept.pid));
    client
}

/// Comes back, and expects these events before the greeting.
#[track_caller]
fn expect_missed(server: &Server, kept: &Kept, missed: &[&str]) -> Client {
    let mut client = back(server, json!({}), kept);
    for name in missed {
        assert_eq!(client.event().0, *name);
    }
    client.expect("connected", &json!("Recovered"));
    client.expect_alive();
    client
}

fn gone(server: &Server) {
    eventually(WAIT, || match server.io.main().sockets_len() {
        0 => Ok(()),
        sockets => Err(format!("{sockets} sockets")),
    });
}

#[test]
fn a_client_gets_its_id_its_rooms_and_what_it_missed() {
    let server = default_server();
    let main = server.io.main();
    let mut client = Client::connect(&server, json!({}));
    client.join("a");
    main.to("a").emit("before", &1).unwrap();
    client.expect("before", &json!(1));
    let kept = client.cut();
    gone(&server);
    main.to("a").emit("room", &1).unwrap();
    main.to("b").emit("elsewhere", &1).unwrap();
    main.emit("everyone", &1).unwrap();
    main.to(kept.sid.as_str()).emit("own", &1).unwrap();
    main.to("a").to(kept.sid.as_str()).emit("once", &1).unwrap();
    main.to("a").except(kept.sid.as_str()).emit("others", &1).unwrap();
    main.everyone().volatile().emit("volatile", &1).unwrap();
    main.everyone().ephemeral().emit("ephemeral", &1).unwrap();
    let mut client = expect_missed(&server, &kept, &["room", "everyone", "own", "once"]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["a"]));
    main.to("a").emit("live", &1).unwrap();
    client.expect("live", &json!(1));
    // And again, with nothing missed.
    let kept = client.cut();
    gone(&server);
    expect_missed(&server, &kept, &[]);
}

#[test]
fn a_client_that_had_received_nothing_yet_misses_nothing() {
    let server = default_server();
    let silent = server.io.of("/silent").unwrap();
    let client = Client::try_connect(&server, "/silent", json!({}), &Kept::default()).unwrap();
    silent.emit("one", &1).unwrap();
    let kept = client.cut();
    assert_eq!(kept.offset, None);
    silent.emit("two", &1).unwrap();
    let mut client = Client::try_connect(&server, "/silent", json!({}), &kept).unwrap();
    assert_eq!(client.kept.pid, kept.pid);
    assert_eq!([client.event().0, client.event().0], ["one", "two"]);
}

#[test]
fn an_offset_comes_with_every_event_whatever_its_last_argument() {
    let server = default_server();
    let main = server.io.main();
    let mut client = Client::connect(&server, json!({}));
    main.emit("logged", "text").unwrap();
    client.expect("logged", &json!("text"));
    let logged = client.kept.offset.clone();
    main.everyone().volatile().emit("volatile", "hello").unwrap();
    client.expect("volatile", &json!("hello"));
    assert_eq!(client.kept.offset, logged);
    main.emit("next", &1).unwrap();
    client.event();
    assert_ne!(client.kept.offset, logged);
    main.everyone().volatile().emit_args("bare", crier_server::Args::none()).unwrap();
    assert_eq!(client.event(), ("bare".to_owned(), Vec::new()));
    let kept = client.cut();
    gone(&server);
    main.emit("missed", &1).unwrap();
    expect_missed(&server, &kept, &["missed"]);
}

#[test]
fn the_connection_that_is_still_there_is_ended() {
    let server = default_server();
    let main = server.io.main();
    let (told, ends) = std::sync::mpsc::channel();
    main.on_disconnect(move |socket, reason| {
        told.send((socket.is_continued(), reason)).unwrap();
        std::future::ready(())
    });
    let mut first = Client::connect(&server, json!({}));
    first.join("a");
    let kept = first.kept.clone();
    main.to("a").emit("unread", &1).unwrap();
    let mut second = expect_missed(&server, &kept, &["unread"]);
    main.to("a").emit("live", &1).unwrap();
    second.expect("live", &json!(1));
    second.expect_alive();
    // The first got what was sent before, and nothing of what came after.
    first.expect("unread", &json!(1));
    first.wire.drain_until_closed(WAIT);
    let (is_continued, _) = ends.recv_timeout(WAIT).unwrap();
    assert!(is_continued);
    assert_eq!(main.sockets_len(), 1);
    main.to(kept.sid.as_str()).emit("still", &1).unwrap();
    second.expect("still", &json!(1));
    // A client that is really gone has left.
    second.cut();
    assert!(!ends.recv_timeout(WAIT).unwrap().0);
}

#[test]
fn a_client_that_is_back_before_its_end_is_told_has_not_left() {
    let server = default_server();
    let main = server.io.main();
    let gate = server.with_gate();
    let (told, ends) = std::sync::mpsc::channel();
    main.on_disconnect(move |socket, _reason| {
        told.send(socket.is_continued()).unwrap();
        std::future::ready(())
    });
    let mut first = Client::connect(&server, json!({}));
    first.wire.send(r#"42["wait"]"#);
    first.expect("waiting", &json!(1));
    let kept = first.cut();
    gone(&server);
    // The end is told when the handler at work is done; by then the client is back.
    let second = back(&server, json!({}), &kept);
    gate.add_permits(1);
    assert!(ends.recv_timeout(WAIT).unwrap());
    drop(second);
    assert!(!ends.recv_timeout(WAIT).unwrap());
}

#[test]
fn a_room_counts_from_the_join_to_the_leave() {
    let server = default_server();
    let main = server.io.main();
    let mut client = Client::connect(&server, json!({}));
    let kept = client.kept.clone();
    main.to("a").emit("before", &1).unwrap();
    client.join("a");
    main.to("a").emit("in", &1).unwrap();
    client.expect("in", &json!(1));
    client.leave("a");
    main.to("a").emit("out", &1).unwrap();
    client.join("a");
    main.to("a").emit("in again", &1).unwrap();
    client.expect("in again", &json!(1));
    main.everyone().except("a").emit("not in a", &1).unwrap();
    client.leave("a");
    main.everyone().except("a").emit("now not in a", &1).unwrap();
    client.cut();
    gone(&server);
    // As if none of it had reached the client.
    expect_missed(&server, &kept, &["in", "in again", "now not in a"]);
}

#[test]
fn a_filter_is_asked_again_about_who_comes_back() {
    let server = default_server();
    let main = server.io.main();
    let kept = Client::connect(&server, json!({ "user": "ann", "bits": 1 })).cut();
    let only = |all| main.everyone().only(Who { all, ..Who::default() });
    only(1).emit("was", &1).unwrap();
    only(2).emit("is", &1).unwrap();
    let ann = Who { owners: [Box::from("ann")].into(), ..Who::default() };
    main.everyone().only(ann).emit("ann", &1).unwrap();
    let mut client = back(&server, json!({ "user": "ann", "bits": 2 }), &kept);
    assert_eq!([client.event().0, client.event().0], ["is", "ann"]);
    client.expect("connected", &json!("Recovered"));
}

#[test]
fn of_a_key_only_the_newest_is_replayed() {
    let server = default_server();
    let main = server.io.main();
    let kept = Client::connect(&server, json!({})).cut();
    gone(&server);
    for (event, key, price) in
        [("price", "p1", 1), ("price", "p2", 2), ("other", "", 3), ("price", "p1", 4)]
    {
        let all = main.everyone();
        let all = if key.is_empty() { all } else { all.latest_only(key) };
        all.emit(event, &price).unwrap();
    }
    let mut client = back(&server, json!({}), &kept);
    client.expect("price", &json!(2));
    client.expect("other", &json!(3));
    client.expect("price", &json!(4));
    client.expect("connected", &json!("Recovered"));
}

#[test]
fn an_application_is_asked_which_rooms_a_client_may_have_again() {
    let server = default_server();
    let main = server.io.main();
    main.handlers().on_restore(|_socket, rooms| async move {
        rooms.into_iter().filter(|room| room.as_str() != "secret").collect()
    });
    let mut client = Client::connect(&server, json!({}));
    for room in ["open", "secret"] {
        client.join(room);
    }
    let ordered = main.to(client.kept.sid.as_str());
    assert_eq!(server.runtime.block_on(ordered.join(["by-backend".into()])), 1);
    let kept = client.cut();
    gone(&server);
    for room in ["open", "secret", "by-backend"] {
        main.to(room).emit(room, &1).unwrap();
    }
    main.to("open").except("secret").emit("not in secret", &1).unwrap();
    let mut client = expect_missed(&server, &kept, &["open", "by-backend", "not in secret"]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["by-backend", "open"]));
}

#[test]
fn a_replay_is_more_than_an_outbox_holds() {
    let server = default_server();
    let main = server.io.main();
    let kept = Client::connect(&server, json!({})).cut();
    gone(&server);
    let text = "x".repeat(300);
    for n in 0..9_000 {
        main.emit("missed", &(n, &text)).unwrap();
    }
    let mut client = back(&server, json!({}), &kept);
    for n in 0..9_000 {
        let (name, args) = client.event();
        assert_eq!((name.as_str(), args[0][0].as_u64()), ("missed", Some(n)));
    }
    client.expect("connected", &json!("Recovered"));
}

#[test]
fn an_alias_of_a_namespace_is_answered_under_its_own_name() {
    use crier_server::Options;
    let name = |name: &str| crier_protocol::Namespace::parse(name.to_owned(), 128).unwrap();
    for recovery in [None, Some(RecoveryOptions::default())] {
        let aliases = [(name("/ws"), name("/"))].into();
        let with_log = recovery.is_some();
        let server = Server::start(Options { recovery, aliases, ..Options::default() });
        let main = server.io.main();
        main.on_connect(|socket| async move { socket.join("a").unwrap() });
        let mut wire = tests::raw::WebSocket::open(server.address);
        for (connect, answer) in [("40/ws,", "40/ws,{\"sid\":\""), ("40", "40{\"sid\":\"")] {
            wire.send(connect);
            assert!(wire.text().starts_with(answer));
        }
        assert_eq!(main.sockets_len(), 2);
        main.to("a").emit("news", &1).unwrap();
        let end = |text: &str| {
            let offset = if with_log { text.split(',').next_back() } else { None };
            offset.map_or(text.to_owned(), |offset| text.replace(&format!(",{offset}"), "]"))
        };
        let mut both = [end(&wire.text()), end(&wire.text())];
        both.sort();
        assert_eq!(both, [r#"42/ws,["news",1]"#, r#"42["news",1]"#]);
        wire.send(r#"42/ws,5["echo",2]"#);
        wire.expect("43/ws,5[2]");
        wire.send("41/ws,");
        wire.send(r#"425["echo",2]"#);
        wire.expect("435[2]");
        assert_eq!(main.sockets_len(), 1);
        wire.expect_alive();
    }
}
