//! What an application may rely on: the order of its handlers, what comes after a goodbye, the end.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crier_server::{Ack, ConnectError, Options, Socket};
use tests::raw::{Frame, Polling, WAIT, WebSocket, eventually};
use tokio::sync::Semaphore;

use crate::server::Server;

#[test]
fn events_wait_for_a_handler_at_work_and_the_client_is_read_again_afterwards() {
    let server = Server::start(Options::default());
    let gate = server.with_gate();
    let mut client = WebSocket::connect(server.address);
    client.send(r#"42["wait"]"#);
    // More than may wait, so that for a while nothing is read.
    for _ in 0..500 {
        client.send(r#"42["count"]"#);
    }
    client.expect(r#"42["waiting",1]"#);
    assert_eq!(server.count.load(Ordering::SeqCst), 0);
    gate.add_permits(1);
    server.expect_count(500);
    client.expect_alive();
}

#[test]
fn a_post_waits_until_the_handlers_have_time_for_it() {
    let server = Server::start(Options::default());
    let gate = server.with_gate();
    let client = Polling::connect(server.address);
    let burst = vec![r#"42["count"]"#; 100].join("\x1e");
    client.post(r#"42["wait"]"#).expect_status(200);
    client.post(&burst).expect_status(200);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| client.post(&burst));
        // What waits is the first hundred; the second POST is let in when they are done.
        assert_eq!(server.count.load(Ordering::SeqCst), 0);
        gate.add_permits(1);
        second.join().unwrap().expect_status(200);
    });
    server.expect_count(200);
}

#[test]
fn what_a_client_sent_before_it_was_sent_away_is_not_handled() {
    let server = Server::start(Options::default());
    let main = server.io.main();
    main.on("bad", |socket: Socket, (): (), _ack: Ack| async move { socket.disconnect(false) });
    let mut client = WebSocket::connect(server.address);
    let events = ["42[\"bad\"]", "42[\"count\"]", "42[\"count\"]"];
    client.send_bytes(events.map(|event| Frame::text(event).bytes()).concat());
    client.expect("41");
    // The connection is still good, and everything before this has been read.
    client.send("40");
    assert!(client.text().starts_with("40{"));
    assert_eq!(server.count.load(Ordering::SeqCst), 0);
}

#[test]
fn what_a_client_sent_before_it_left_is_handled() {
    let server = Server::start(Options::default());
    let gate = server.with_gate();
    let mut client = WebSocket::connect(server.address);
    for packet in ["42[\"wait\"]", "42[\"count\"]", "42[\"count\"]", "41"] {
        client.send(packet);
    }
    gate.add_permits(1);
    server.expect_count(2);
}

#[test]
fn a_drain_lets_a_handler_at_work_answer() {
    let server = Server::start(Options::default());
    let gate = server.with_gate();
    server.io.main().handlers().before_shutdown(|socket| {
        socket.emit("bye", &1).unwrap();
    });
    let mut client = WebSocket::connect(server.address);
    client.send(r#"421["wait"]"#);
    client.expect(r#"42["waiting",1]"#);
    let io = server.io.clone();
    let drained = server.runtime.spawn(async move { io.close(Duration::ZERO).await });
    client.expect(r#"42["bye",1]"#);
    gate.add_permits(1);
    client.expect(r#"431["waited"]"#);
    client.expect_closed();
    server.runtime.block_on(drained).unwrap();
}

#[test]
fn the_end_is_told_though_a_handler_hangs_and_another_panics() {
    let quick = Duration::from_millis(200);
    let server = Server::start(Options { disconnect_timeout: quick, ..Options::default() });
    let main = server.io.main();
    main.on("hang", |_socket: Socket, (): (), _ack: Ack| std::future::pending());
    main.on_disconnect(|_socket, _reason| async { panic!("a handler's own fault") });
    let count = Arc::clone(&server.count);
    main.on_disconnect(move |_socket, _reason| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    });
    let mut client = WebSocket::connect(server.address);
    client.send(r#"42["hang"]"#);
    client.reset();
    server.expect_count(1);
}

#[test]
fn a_client_that_middleware_has_not_let_in_gets_nothing() {
    let server = Server::start(Options::default());
    let closed = server.io.of("/closed").unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    closed.use_middleware(move |socket| {
        socket.join("early").unwrap();
        let gate = Arc::clone(&shared);
        async move {
            let _permit = gate.acquire().await;
            Err(ConnectError::new("no"))
        }
    });
    let mut client = WebSocket::connect(server.address);
    client.send("40/closed,");
    eventually(WAIT, || match closed.rooms().len() {
        1 => Ok(()),
        rooms => Err(format!("{rooms} rooms")),
    });
    closed.to("early").emit("secret", &1).unwrap();
    gate.add_permits(1);
    client.expect(r#"44/closed,{"message":"no"}"#);
    assert_eq!(closed.rooms(), []);
}

#[test]
fn a_socket_that_its_middleware_disconnects_is_not_let_in() {
    let server = Server::start(Options::default());
    let closed = server.io.of("/closed").unwrap();
    closed.use_middleware(|socket| {
        socket.disconnect(false);
        std::future::ready(Ok(()))
    });
    let count = Arc::clone(&server.count);
    closed.on_connect(move |_socket| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    });
    let mut client = WebSocket::connect(server.address);
    client.send("40/closed,");
    client.expect("41/closed,");
    client.expect_alive();
    assert_eq!((server.count.load(Ordering::SeqCst), closed.sockets_len()), (0, 0));
}

#[test]
fn a_room_that_is_named_like_a_socket_does_not_hide_it() {
    let server = Server::start(Options::default());
    let main = server.io.main();
    main.on("join", |socket: Socket, (room,): (String,), ack: Ack| async move {
        ack.send(&socket.join(room).is_ok());
    });
    main.on("who", |socket: Socket, (): (), ack: Ack| async move {
        ack.send(socket.id().as_str());
    });
    let (mut one, mut other) =
        (WebSocket::connect(server.address), WebSocket::connect(server.address));
    one.send(r#"421["who"]"#);
    let id = one.text().trim_start_matches("431[\"").trim_end_matches("\"]").to_owned();
    other.send(format!(r#"421["join","{id}"]"#));
    other.expect("431[true]");
    main.to(id).emit("both", &1).unwrap();
    one.expect(r#"42["both",1]"#);
    other.expect(r#"42["both",1]"#);
}
