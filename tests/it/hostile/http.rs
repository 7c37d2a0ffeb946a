//! H: heads, headers and methods. Bodies and framing are in `http_framing.rs`.

use tests::oracle::attack;
use tests::raw::{Polling, Wire, upgrade_request};

use super::{CALM, HANDSHAKE, SOON, WEBSOCKET};

/// A handshake request with more header lines.
pub(super) fn get(more: &str) -> String {
    format!("GET {HANDSHAKE} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

/// Sends one request on a connection of its own and reads the answer.
pub(super) fn ask(server: std::net::SocketAddr, request: impl AsRef<[u8]>) -> tests::raw::Response {
    let mut wire = Wire::connect(server);
    // A refused head or body need not be read to its end.
    wire.send_until_answered(request);
    wire.response()
}

fn headers(n: usize) -> String {
    (0..n).map(|i| format!("X-{i}: 1\r\n")).collect()
}

#[test]
fn h1_b30_heads_have_a_size() {
    attack("H1 B30", CALM, |server| {
        // 99 and Host are the 100 that are allowed.
        ask(server.address, get(&headers(99))).expect_status(200);
        ask(server.address, get(&headers(101))).expect_status(431);
        ask(server.address, get(&headers(2_001))).expect_status(431);
        ask(server.address, get(&format!("X: {}\r\n", "x".repeat(30_000)))).expect_status(200);
        // Between our limit and hyper's buffer, which is not exact, and beyond both.
        ask(server.address, get(&format!("X: {}\r\n", "x".repeat(33_500)))).expect_status(431);
        ask(server.address, get(&format!("X: {}\r\n", "x".repeat(40_000)))).expect_status(431);
        ask(server.address, get(&format!("X: {}\r\n", "x".repeat(65_536)))).expect_status(431);
    });
}

#[test]
fn h1_uris_have_a_size() {
    attack("H1", CALM, |server| {
        for (length, status) in [(8_000, 200), (8_300, 414), (20_000, 414)] {
            let t = "t".repeat(length - HANDSHAKE.len() - 3);
            let request = format!("GET {HANDSHAKE}&t={t} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            ask(server.address, request).expect_status(status);
        }
        // Larger than the whole head may be: refused either way, never served.
        let request = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "u".repeat(70_000));
        ask(server.address, request).expect_status_in(&[414, 431]);
    });
}

#[test]
fn h7_malformed_header_lines() {
    attack("H7", CALM, |server| {
        for line in [
            "X-Fold: a\r\n b\r\n",
            "X-Nul: a\0b\r\n",
            "X-Space : a\r\n",
            " X-Leading: a\r\n",
            "X-No-Colon\r\n",
            ": no name\r\n",
        ] {
            let mut wire = Wire::connect(server.address);
            wire.send(get(line));
            let answer = wire.response();
            assert_eq!(answer.status, 400, "{line:?}: {answer:?}");
            wire.expect_end(SOON);
        }
    });
}

#[test]
fn h10_other_methods() {
    attack("H10", CALM, |server| {
        for method in ["TRACE", "FOO", "PUT", "DELETE", "PATCH", "HEADLESS"] {
            let request = format!("{method} {HANDSHAKE} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            ask(server.address, request).expect_refusal(2);
        }
        // CONNECT names an authority, not a path: there is no tunnel to be had.
        let request = "CONNECT internal.test:80 HTTP/1.1\r\nHost: internal.test:80\r\n\r\n";
        ask(server.address, request).expect_status_in(&[400, 404, 405]);
    });
}

#[test]
fn h10_other_methods_with_a_sid_leave_the_session_alone() {
    attack("H10", CALM, |server| {
        let peer = Polling::connect(server.address);
        for method in ["TRACE", "FOO", "PUT", "DELETE"] {
            let request = format!("{method} {} HTTP/1.1\r\nHost: localhost\r\n\r\n", peer.target());
            let answer = ask(server.address, request);
            assert!(answer.status >= 400, "{method}: {answer:?}");
        }
        peer.expect_alive();
    });
}

#[test]
fn h11_broken_upgrades() {
    attack("H11", CALM, |server| {
        let whole = upgrade_request(WEBSOCKET, "");
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for broken in [
            whole.replace(key, ""),
            // 15 bytes, 17 bytes, no base64 at all.
            whole.replace(key, "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0\r\n"),
            whole.replace(key, "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NTY=\r\n"),
            whole.replace(key, "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n"),
        ] {
            ask(server.address, broken).expect_status(400);
        }
        for version in ["8", "0", "130", "x"] {
            let old = whole.replace("Version: 13", &format!("Version: {version}"));
            let answer = ask(server.address, old).expect_status(426);
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
    });
}

#[test]
fn h13_nothing_reflected_splits_the_head() {
    attack("H13", CALM, |server| {
        let split = "%0d%0aSet-Cookie:%20x=1";
        let requests = [
            format!("GET {HANDSHAKE}&t=1{split} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("GET {HANDSHAKE}&sid={split} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!(
                "GET /socket.io/{split}?EIO=4&transport={split} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            ),
            get("Origin: http://localhost\rSet-Cookie: x=1\r\n"),
            get("Origin: http://localhost\x0bSet-Cookie: x=1\r\n"),
            format!(
                "OPTIONS {HANDSHAKE} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
                 Access-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: x\rSet-Cookie: x=1\r\n\r\n"
            ),
            upgrade_request(WEBSOCKET, "Sec-WebSocket-Protocol: a\rSet-Cookie: x=1\r\n"),
        ];
        for request in requests {
            let mut wire = Wire::connect(server.address);
            wire.send(&request);
            let answer = tests::raw::Response::read_head(&mut wire, SOON);
            assert!(answer.header("set-cookie").is_none(), "{request:?}: {answer:?}");
            let raw = format!("{answer:?}");
            assert!(!raw.contains("Set-Cookie: x"), "{raw}");
        }
    });
}

#[test]
fn h14_doubled_and_swollen_credentials() {
    attack("H14", CALM, |server| {
        let two = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n";
        ask(server.address, get(two)).expect_status(400);
        let cookies = format!("Cookie: a={}\r\n", "c".repeat(8_000)).repeat(50);
        ask(server.address, get(&cookies)).expect_status(431);
    });
}
