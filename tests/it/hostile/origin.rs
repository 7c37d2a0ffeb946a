//! O: origins, CORS, and what a page of another site may reach.

use tests::oracle::attack;
use tests::raw::{Response, WAIT, WebSocket, Wire, upgrade_request};

use super::http::{ask, get};
use super::{CALM, HANDSHAKE, WEBSOCKET};

#[test]
fn o1_b2_foreign_origins() {
    attack("O1 B2", CALM, |server| {
        let sessions = server.gauges().get("crier_sessions");
        for origin in [
            "https://evil.test",
            "null",
            "http://localhost.evil.test",
            "http://localhost@evil.test",
            "http://localhost.",
            "http://evil.test/localhost",
            "http://127.0.0.1.evil.test",
            "file://",
            "http://",
            "localhost",
            "https://evil.test http://localhost",
        ] {
            let header = format!("Origin: {origin}\r\n");
            let poll = ask(server.address, get(&header));
            assert_eq!(poll.status, 403, "{origin}: {poll:?}");
            let poll = poll.expect_refusal(4);
            assert_eq!(poll.header("access-control-allow-origin"), None, "{origin}");
            let upgrade = ask(server.address, upgrade_request(WEBSOCKET, &header));
            assert!([400, 403].contains(&upgrade.status), "{origin}: {upgrade:?}");
            assert_eq!(upgrade.header("access-control-allow-origin"), None, "{origin}");
        }
        assert!(server.gauges().get("crier_sessions") <= sessions, "a session was allocated");
        for origin in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:8080"] {
            let header = format!("Origin: {origin}\r\n");
            let poll = ask(server.address, get(&header)).expect_status(200);
            assert_eq!(poll.header("access-control-allow-origin"), Some(origin));
            WebSocket::open_on(Wire::connect(server.address), &header).joined().expect_alive();
        }
    });
}

#[test]
fn o1_a_foreign_origin_does_not_get_into_a_session() {
    attack("O1", CALM, |server| {
        let peer = tests::raw::Polling::connect(server.address);
        peer.post_with("Origin: https://evil.test\r\n", "42[\"seen\"]").expect_status(403);
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", peer.sid);
        let answer = ask(server.address, upgrade_request(&target, "Origin: https://evil.test\r\n"));
        assert!([400, 403].contains(&answer.status), "{answer:?}");
        peer.expect_alive();
    });
}

#[test]
fn o2_credentials_and_vary() {
    attack("O2", CALM, |server| {
        let answer = ask(server.address, get("Origin: http://localhost:5173\r\n"));
        assert_ne!(answer.header("access-control-allow-origin"), Some("*"));
        let vary = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
        assert!(vary.contains("origin"), "a cache would mix origins: {answer:?}");
        let evil = ask(server.address, get("Origin: https://evil.test\r\n"));
        assert_eq!(evil.header("access-control-allow-credentials"), None, "{evil:?}");
    });
}

#[test]
fn o3_preflights_have_a_fixed_answer() {
    attack("O3", CALM, |server| {
        let sessions = server.gauges().get("crier_sessions");
        let preflight = |origin: &str, headers: &str| {
            let mut wire = Wire::connect(server.address);
            wire.send(format!(
                "OPTIONS {HANDSHAKE} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
                 Access-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: {headers}\r\n\r\n"
            ));
            Response::read_head(&mut wire, WAIT)
        };
        for headers in ["content-type", "x-a,x-b,,,", &"x".repeat(8_000), "__proto__", "*"] {
            let answer = preflight("http://localhost:5173", headers);
            assert_eq!(answer.status, 204, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"));
        }
        let evil = preflight("https://evil.test", "content-type");
        assert_eq!(evil.header("access-control-allow-origin"), None, "{evil:?}");
        assert!(server.gauges().get("crier_sessions") <= sessions, "a session was allocated");
    });
}
