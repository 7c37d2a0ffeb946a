//! The owner is gone, or does not answer: its clients are told so in time, and come back elsewhere.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crier_server::{Limits, Options};
use tests::raw::{Polling, Response, WAIT, Wire, upgrade_request};

use super::rig::{One, two, two_with, upgraded_at};

/// A websocket for a session, refused.
fn refused_upgrade(replica: &One, sid: &str) -> Response {
    let mut wire = Wire::connect(replica.sockets);
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    wire.send(upgrade_request(&target, ""));
    wire.response_within(4 * WAIT)
}

#[test]
fn an_owner_that_is_gone_is_an_unknown_sid() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    let there = session.at(two.sockets);
    let sid = session.abandon();
    drop(one);
    let start = Instant::now();
    there.post("421[\"echo\",1]").expect_refusal(1);
    there.start_poll().response().expect_refusal(1);
    let refused = refused_upgrade(&two, &sid).expect_status(400);
    assert_eq!(refused.text(), "Session ID unknown");
    assert_eq!(refused.header("connection"), Some("close"));
    // And when nobody knows it any more.
    two.replicas.set([two.entry(two.internal)]);
    there.post("421[\"echo\",1]").expect_refusal(1);
    assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
}

#[test]
fn an_owner_that_goes_takes_what_passes_through_with_it() {
    let (one, two) = two();
    let (polling, upgraded) = (Polling::connect(one.sockets), Polling::connect(one.sockets));
    let mut ws = upgraded_at(two.sockets, &upgraded.sid);
    ws.expect_alive();
    let mut held = polling.at(two.sockets).start_poll();
    let mut posting = Wire::connect(two.sockets);
    let head = format!("POST {} HTTP/1.1\r\nHost: a\r\n", polling.target());
    posting.send(format!("{head}Content-Length: 100\r\n\r\n4"));
    held.expect_silence(Duration::from_millis(300));
    polling.abandon();
    upgraded.abandon();
    drop(one);
    ws.expect_closed();
    held.response().expect_refusal(1);
    // It is not known what became of it: as the owner does, without an answer, or as unknown.
    let end = posting.expect_end(WAIT);
    assert!(end.is_empty() || end.starts_with(b"HTTP/1.1 400"), "{end:?}");
}

#[test]
fn an_owner_that_does_not_answer_is_given_up() {
    let limits = Limits {
        ping_interval: Duration::from_secs(1),
        ping_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let options = || Options { limits: std::sync::Arc::new(limits.clone()), ..Options::default() };
    let (one, two) = two_with(options);
    // It accepts connections, as a process that is stopped does, and reads nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    one.known_through(silent.local_addr().unwrap(), &two);
    let sid = format!("{}{}", one.tag.as_str(), "A".repeat(22));
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    std::thread::scope(|scope| {
        let ask = |request: String| {
            let (start, mut wire) = (Instant::now(), Wire::connect(two.sockets));
            wire.send(request);
            wire.response_within(4 * WAIT).expect_refusal(1);
            start.elapsed().as_secs()
        };
        let get = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let post = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n3");
        let get = scope.spawn(move || ask(get));
        let post = scope.spawn(move || ask(post));
        let start = Instant::now();
        refused_upgrade(&two, &sid).expect_status(400);
        // A GET as long as the owner may hold it, the others ten seconds.
        let took = (get.join().unwrap(), post.join().unwrap(), start.elapsed().as_secs());
        assert!((7..10).contains(&took.0) && took.1 >= 10 && took.2 >= 10, "{took:?}");
    });
}
