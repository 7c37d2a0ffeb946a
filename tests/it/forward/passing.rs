//! What a client of a session elsewhere gets: what it would get there.

use std::sync::{Arc, atomic::Ordering};

use crier_protocol::Namespace;
use crier_server::{Limits, Options, Origins};
use tests::raw::{Closed, Polling, Response, WAIT, WebSocket, Wire};

use super::rig::{One, Proxy, two, two_with, upgrade_at, upgraded_at};

#[test]
fn the_requests_of_a_session_may_meet_any_replica() {
    let (one, two) = two();
    let here = Polling::open(one.sockets);
    let there = here.at(two.sockets);
    there.post("40").expect_status(200);
    assert!(there.poll().text().starts_with("40{\"sid\":\""));
    for n in 0..20 {
        let (post, poll) = if n % 2 == 0 { (&here, &there) } else { (&there, &here) };
        post.post(format!("42{n}[\"echo\",{n}]")).expect_status(200);
        assert_eq!(poll.poll().text(), format!("43{n}[{n}]"));
    }
    // Also a GET that is held before there is anything to say.
    let mut held = there.start_poll();
    here.post("4299[\"name\"]").expect_status(200);
    assert_eq!(held.response().text(), "4399[1]", "it is still the first one's");
    one.expect_sockets(1);
    two.expect_sockets(0);
}

#[test]
fn a_websocket_of_a_session_may_meet_any_replica() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    let mut ws = upgraded_at(two.sockets, &session.sid);
    ws.send("421[\"name\"]");
    ws.expect("431[1]");
    // Both ways, larger than any buffer on the way.
    let text = "x".repeat(900_000);
    ws.send(format!("422[\"echo\",\"{text}\"]"));
    ws.expect(&format!("432[\"{text}\"]"));
    for n in 0..200 {
        ws.send(format!("42{n}[\"echo\",{n}]"));
    }
    for n in 0..200 {
        ws.expect(&format!("43{n}[{n}]"));
    }
    // To poll it now is as wrong there as here.
    for replica in [one.sockets, two.sockets] {
        session.at(replica).start_poll().response().expect_refusal(3);
    }
    ws.send("1");
    one.expect_sockets(0);
    ws.expect_closed();
}

#[test]
fn a_probe_that_is_given_up_leaves_the_session_as_it_is() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    let mut probe = upgrade_at(two.sockets, &session.sid);
    probe.send("2probe");
    probe.expect("3probe");
    // A second one is refused as there.
    let mut second = upgrade_at(two.sockets, &session.sid);
    assert_eq!(second.expect_closed(), Closed::Frame(None));
    probe.reset();
    session.at(two.sockets).expect_alive();
    let mut ws = upgraded_at(two.sockets, &session.sid);
    ws.expect_alive();
}

#[test]
fn bodies_are_held_to_the_owners_limits() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    let there = session.at(two.sockets);
    let max = Limits::default().max_payload;
    let packet = |len: usize| {
        let frame = "425[\"echo\",\"\"]".len();
        format!("425[\"echo\",\"{}\"]", "y".repeat(len - frame))
    };
    there.post(packet(max)).expect_status(200);
    assert_eq!(there.poll().body.len(), max - "[\"echo\",".len() + "[".len());
    let refused = there.post(packet(max + 1)).expect_status(413);
    assert_eq!(refused.header("connection"), Some("close"));
    there.expect_alive();
    // In chunks, whose sum nobody knows before.
    let mut wire = Wire::connect(two.sockets);
    let head = format!("POST {} HTTP/1.1\r\nHost: a\r\n", there.target());
    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "z".repeat(1 << 16));
    wire.send_until_answered(chunk.repeat(17));
    wire.response().expect_status(413);
    there.expect_alive();
    there.post_with("Content-Type: application/octet-stream\r\n", "40").expect_status(400);
    there.expect_gone();
}

/// One page may connect.
#[derive(Debug)]
struct OnePage;

impl Origins for OnePage {
    fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        origin.is_none_or(|origin| origin == "http://page") && host == Some("shop")
    }
}

#[test]
fn the_owner_answers_as_if_the_client_had_come_there() {
    let options = || Options { origins: Arc::new(OnePage), ..Options::default() };
    let (one, two) = two_with(options);
    let ask = |replica: &One, method: &str, origin: &str, sid: &str, more: &str| {
        let mut wire = Wire::connect(replica.sockets);
        let target = format!("/socket.io/?EIO=4&transport=polling{sid}");
        let origin =
            if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        let rest = if more.is_empty() { "\r\n" } else { more };
        wire.send(format!("{method} {target} HTTP/1.1\r\nHost: shop\r\n{origin}{rest}"));
        let mut answer = wire.response();
        answer.headers.retain(|(name, _)| name != "date");
        answer.headers.sort();
        answer
    };
    let same = |here: Response, there: Response| {
        assert_eq!((here.status, &here.headers, here.text()), {
            (there.status, &there.headers, there.text())
        });
        here
    };
    let open = ask(&one, "GET", "", "", "").expect_status(200).text();
    let sid = open.split('"').nth(3).unwrap();
    let sid = format!("&sid={sid}");
    let body = "Content-Length: 1\r\n\r\n3";
    for (method, origin, more, status) in [
        ("POST", "", body, 200),
        ("POST", "http://page", body, 200),
        ("POST", "http://evil", body, 403),
        ("GET", "http://evil", "", 403),
        ("GET", "null", "", 403),
        ("POST", "http://page", "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n3", 415),
    ] {
        let here = ask(&one, method, origin, &sid, more);
        let there = ask(&two, method, origin, &sid, more);
        assert_eq!(same(here, there).status, status, "{method} {origin}");
    }
    let unknown = |sid: &str| {
        same(ask(&one, "GET", "", sid, ""), ask(&two, "GET", "", sid, "")).expect_refusal(1)
    };
    // Of the first one, of the second, of nobody, of no shape at all.
    for tag in [one.tag.as_str(), two.tag.as_str(), "zzzz", "%00"] {
        unknown(&format!("&sid={tag}{}", "A".repeat(22)));
    }
}

#[test]
fn whoever_goes_away_is_missed_by_the_owner() {
    let (one, two) = two();
    let between = Proxy::to(&[one.internal]);
    one.known_through(between.address, &two);
    // In the middle of a GET that is held.
    let session = Polling::connect(one.sockets);
    let held = session.at(two.sockets).start_poll();
    between.expect_requests("GET", 1);
    one.expect_sockets(1);
    held.reset();
    one.expect_sockets(0);
    session.abandon();
    // In the middle of a POST.
    let session = Polling::connect(one.sockets);
    let mut wire = Wire::connect(two.sockets);
    let head = format!("POST {} HTTP/1.1\r\nHost: a\r\n", session.target());
    wire.send(format!("{head}Content-Length: 100\r\n\r\n4"));
    between.expect_requests("POST", 1);
    one.expect_sockets(1);
    wire.reset();
    one.expect_sockets(0);
    session.abandon();
    // On a websocket.
    for reset in [true, false] {
        let session = Polling::connect(one.sockets);
        let mut ws = upgraded_at(two.sockets, &session.sid);
        ws.expect_alive();
        if reset {
            ws.reset()
        } else {
            drop(ws)
        }
        one.expect_sockets(0);
        session.abandon();
    }
}

#[test]
fn the_end_of_a_session_reaches_its_websocket() {
    let (one, two) = two();
    let session = Polling::connect(one.sockets);
    let mut ws = upgraded_at(two.sockets, &session.sid);
    ws.expect_alive();
    for socket in one.io.sockets(&Namespace::MAIN, &[]) {
        socket.disconnect(true);
    }
    ws.expect("41");
    assert_eq!(ws.expect_closed(), Closed::Frame(None));
    session.abandon();
}

#[test]
fn connections_between_replicas_are_used_again() {
    let (one, two) = two();
    let wire = Proxy::to(&[one.internal]);
    one.known_through(wire.address, &two);
    let session = Polling::connect(one.sockets);
    let there = session.at(two.sockets);
    for _ in 0..20 {
        there.expect_alive();
    }
    let used = wire.connections.load(Ordering::SeqCst);
    assert!((1..=3).contains(&used), "40 requests on {used} connections");
}

#[test]
fn a_replica_that_goes_down_lets_go_of_what_passes_through() {
    let (one, two) = two();
    let wire = Proxy::to(&[one.internal]);
    one.known_through(wire.address, &two);
    let (polling, upgraded) = (Polling::connect(one.sockets), Polling::connect(one.sockets));
    let mut ws = upgraded_at(two.sockets, &upgraded.sid);
    ws.expect_alive();
    let mut held = polling.at(two.sockets).start_poll();
    wire.expect_requests("GET", 2);
    one.expect_sockets(2);
    two.runtime.block_on(two.io.close(std::time::Duration::ZERO));
    assert_eq!(ws.expect_closed(), Closed::Tcp);
    assert!(held.expect_end(WAIT).is_empty());
    // Its owner hears of it, and goes on with others.
    one.expect_sockets(0);
    WebSocket::connect(one.sockets).expect_alive();
    polling.abandon();
    upgraded.abandon();
}
