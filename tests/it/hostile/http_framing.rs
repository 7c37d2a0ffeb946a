//! H: where a body begins and ends, and what becomes of the bytes behind it.

use tests::oracle::attack;
use tests::raw::{Polling, Response, Wire, upgrade_request};

use super::http::{ask, get};
use super::{CALM, SOON, WEBSOCKET};

/// A request whose answer is unmistakable: what a smuggled request would be.
const SMUGGLED: &str =
    "GET /socket.io/?EIO=4&transport=smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A POST to the session with these framing headers.
fn post(peer: &Polling, framing: &str, body: &str) -> String {
    format!("POST {} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n{body}", peer.target())
}

/// A body in one chunk.
fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[test]
fn h2_length_and_chunks_together_end_the_connection() {
    attack("H2", CALM, |server| {
        let peer = Polling::connect(server.address);
        for order in [
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        ] {
            let mut wire = Wire::connect(server.address);
            // By length the body ends inside the first chunk; by chunks it ends before SMUGGLED.
            wire.send(post(&peer, order, &(chunked("42[\"seen\"]") + SMUGGLED)));
            wire.response().expect_status_in(&[200, 400]);
            assert_eq!(wire.expect_end(SOON), b"", "answered a smuggled request");
        }
        peer.expect_alive();
    });
}

#[test]
fn h3_b34_ambiguous_lengths() {
    attack("H3 B34", CALM, |server| {
        let peer = Polling::connect(server.address);
        for framing in [
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Content-Length: +4\r\n",
            "Content-Length: -4\r\n",
            "Content-Length: 0x4\r\n",
            "Content-Length: 4, 5\r\n",
            "Content-Length: 4\r\nContent-Length: 5\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            let mut wire = Wire::connect(server.address);
            wire.send(post(&peer, framing, "42[\"seen\"]"));
            let answer = wire.response();
            assert_eq!(answer.status, 400, "{framing:?}: {answer:?}");
            wire.expect_end(SOON);
        }
        let old = post(&peer, "Transfer-Encoding: chunked\r\n", &chunked("3"));
        let old = old.replace("HTTP/1.1", "HTTP/1.0");
        ask(server.address, old).expect_status(400);
        peer.expect_alive();
    });
}

#[test]
fn h3_b34_broken_chunks_end_the_connection() {
    for (what, body) in [
        ("size over 2^64", "10000000000000003\r\n42[\r\n0\r\n\r\n"),
        ("size not hex", "zz\r\n42[\r\n0\r\n\r\n"),
        ("negative size", "-3\r\n42[\r\n0\r\n\r\n"),
        ("no end of chunk", "1\r\n3X0\r\n\r\n"),
    ] {
        attack("H3 B34", CALM, |server| {
            // A body cut short ends its session: each gets its own.
            let peer = Polling::open(server.address);
            let mut wire = Wire::connect(server.address);
            wire.send(post(&peer, "Transfer-Encoding: chunked\r\n", body) + SMUGGLED);
            let answer = String::from_utf8_lossy(&wire.expect_end(SOON)).into_owned();
            assert!(!answer.contains("HTTP/1.1 200"), "{what}: {answer}");
            assert!(!answer.contains("Transport unknown"), "{what}: {answer}");
        });
    }
}

#[test]
fn h5_b11_p3_oversized_bodies_are_refused_where_they_cross() {
    attack("H5 B11 P3", CALM, |server| {
        let peer = Polling::connect(server.address);
        let over = "4".repeat(1_000_001);
        peer.post(&over).expect_status(413);
        ask(server.address, post(&peer, "Transfer-Encoding: chunked\r\n", &chunked(&over)))
            .expect_status(413);
        peer.expect_alive();

        // Refused by the header alone: no byte of the body is ever sent.
        for framing in ["Content-Length: 1000001\r\n", "Content-Length: 1000000000000\r\n"] {
            ask(server.address, post(&peer, framing, "")).expect_status(413);
        }
        let mut wire = Wire::connect(server.address);
        wire.send(post(&peer, "Content-Length: 1000001\r\nExpect: 100-continue\r\n", ""));
        let first = Response::read_head(&mut wire, SOON);
        assert_eq!(first.status, 413, "the first answer must not be 100: {first:?}");
        peer.expect_alive();

        // One byte less is served: 42["seen","…"] of exactly a million bytes.
        let fits = format!("42[\"seen\",\"{}\"]", "x".repeat(1_000_000 - 13));
        assert_eq!(fits.len(), 1_000_000);
        peer.post(fits).expect_status(200);
        peer.expect_alive();
    });
}

#[test]
fn h5_a_body_without_end_is_cut_at_the_limit() {
    attack("H5", CALM, |server| {
        let peer = Polling::connect(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post(&peer, "Transfer-Encoding: chunked\r\n", ""));
        let chunk = format!("{:x}\r\n{}\r\n", 65_536, "4".repeat(65_536));
        let refused_at = (0..200).find(|_| wire.try_send(&chunk).is_err());
        // 1 MB is the limit; what fits into the socket's buffers behind it may still be taken.
        assert!(refused_at.is_some(), "13 MB were read");
    });
}

#[test]
fn h6_compressed_bodies_are_not_inflated() {
    attack("H6", CALM, |server| {
        let peer = Polling::connect(server.address);
        for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
            peer.post_with(&format!("Content-Encoding: {encoding}\r\n"), b"\x1f\x8b\x08\x00")
                .expect_status(415);
        }
        peer.expect_alive();
    });
}

#[test]
fn h9_a_body_behind_a_get_does_not_become_a_request() {
    attack("H9", CALM, |server| {
        let mut wire = Wire::connect(server.address);
        // The GET's body looks like a request; the real second request follows it.
        let body_as_request = get("").replace("transport=polling", "transport=smuggled");
        wire.send(get(&format!("Content-Length: {}\r\n", body_as_request.len())));
        // The server may have closed by then, which is as good.
        let _ = wire.try_send(&body_as_request);
        let _ = wire.try_send(
            "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        let first = wire.response().expect_status_in(&[200, 400]);
        let rest = String::from_utf8_lossy(&rest_of(&mut wire)).into_owned();
        assert!(!rest.contains("Transport unknown"), "desync: {first:?} then {rest}");
    });
}

#[test]
fn b36_a_failed_upgrade_does_not_carry_a_second_request() {
    attack("B36", CALM, |server| {
        for failing in [
            upgrade_request("/socket.io/?EIO=4&transport=nope", ""),
            upgrade_request(WEBSOCKET, "").replace("Version: 13", "Version: 8"),
            upgrade_request("/elsewhere", ""),
        ] {
            let mut wire = Wire::connect(server.address);
            wire.send(failing + &SMUGGLED.replace("smuggled", "smuggled2"));
            let answer = wire.response();
            assert!(answer.status >= 400, "{answer:?}");
            assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
            assert_eq!(wire.expect_end(SOON), b"", "a second request was answered");
        }
    });
}

/// What else comes before the end, the second (honest) answer included.
fn rest_of(wire: &mut Wire) -> Vec<u8> {
    wire.finish();
    wire.expect_end(SOON)
}
