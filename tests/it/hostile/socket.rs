//! S: namespaces, CONNECT, and what is legal before and after it.

use std::time::Duration;

use tests::oracle::attack;
use tests::raw::{Frame, Polling, WebSocket};

use super::abuse::{each_packet_closes, stat};
use super::{CALM, QUICK, SOON};

#[test]
fn s1_the_first_packet_is_a_connect() {
    attack("S1", CALM, |server| {
        for packet in [
            "42[\"seen\"]",
            "41",
            "430[]",
            "44{}",
            "451-[\"seen\",{\"_placeholder\":true,\"num\":0}]",
        ] {
            let mut peer = WebSocket::open(server.address);
            peer.send(packet);
            peer.expect_closed();
            let peer = Polling::open(server.address);
            peer.post(packet).expect_status_in(&[200, 400]);
            peer.expect_gone();
        }
    });
}

#[test]
fn s1_a_connection_that_joins_nothing_is_closed() {
    attack("S1", QUICK, |server| {
        // Pings are answered: it is the CONNECT that is missing.
        let mut nothing = WebSocket::open(server.address);
        let mut refused = WebSocket::open(server.address);
        refused.send("40/nope,");
        refused.expect("44/nope,{\"message\":\"Invalid namespace\"}");
        nothing.expect_closed_within(SOON);
        refused.expect_closed_within(SOON);
        let mut joined = WebSocket::connect(server.address);
        assert_eq!(joined.receive(Duration::from_millis(1_500)), None);
        joined.expect_alive();
    });
}

#[test]
fn s2_one_connect_at_a_time_runs_auth_once() {
    attack("S2", CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = stat(&mut witness, "slow");
        let mut peer = WebSocket::open(server.address);
        // The middleware of /slow takes 300 ms: all of them arrive while it runs.
        let _ = peer.flood(Frame::text("40/slow,").bytes().repeat(1_000));
        peer.expect_closed();
        // The first may have begun before the second was read; no other has.
        let runs = stat(&mut witness, "slow") - before;
        assert!(runs <= 1, "{runs} runs");
    });
}

#[test]
fn s3_a_second_connect_closes() {
    each_packet_closes("S3", &["40", "40{}", "40{\"token\":\"other\"}"]);
}

#[test]
fn s3_connect_and_event_in_one_go_close() {
    attack("S3", CALM, |server| {
        let mut peer = WebSocket::open(server.address);
        peer.send_bytes(
            [Frame::text("40/slow,").bytes(), Frame::text("42/slow,[\"seen\"]").bytes()].concat(),
        );
        peer.expect_closed();
    });
}

#[test]
fn s4_unknown_namespaces() {
    attack("S4", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        for n in 0..10 {
            peer.send(format!("40/nope{n},"));
            peer.expect(&format!("44/nope{n},{{\"message\":\"Invalid namespace\"}}"));
        }
        peer.send("40/nope10,");
        peer.drain_until_closed(super::SOON);

        let mut flood = WebSocket::connect(server.address);
        let frames: Vec<u8> =
            (0..10_000).flat_map(|n| Frame::text(format!("40/n{n},")).bytes()).collect();
        let _ = flood.flood(frames);
        let (before, _) = flood.drain_until_closed(SOON);
        assert!(before.len() <= 11, "{} answers", before.len());
    });
}

#[test]
fn s4_a_refusing_middleware_is_no_unknown_namespace() {
    attack("S4", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        for _ in 0..5 {
            peer.send("40/deny,");
            let answer = peer.text();
            assert!(answer.starts_with("44/deny,{\"message\":"), "{answer}");
        }
        peer.expect_alive();
    });
}

#[test]
fn s5_namespace_names_match_exactly_or_not_at_all() {
    attack("S5", CALM, |server| {
        // Legal names of no namespace, near to one that exists.
        for name in [
            "/admin-like?a=b",
            "/admin-like%2f",
            "/Admin-like",
            "/admin-like/",
            "//admin-like",
            "/admin-like\u{200f}",
            "/\u{202e}ekil-nimda",
            "/__proto__",
            "/a\u{301}dmin-like",
        ] {
            let mut peer = WebSocket::connect(server.address);
            peer.send(format!("40{name},"));
            peer.expect(&format!("44{name},{{\"message\":\"Invalid namespace\"}}"));
            peer.expect_alive();
        }
        let mut peer = WebSocket::connect(server.address);
        peer.send("40/admin-like");
        assert!(peer.text().starts_with("40/admin-like,{\"sid\":"));
    });
    let long = |n: usize| format!("40/{},", "n".repeat(n));
    each_packet_closes("S5", &[long(128), long(900_000), "40/".to_owned() + &"n".repeat(900_000)]);
}

#[test]
fn s7_auth_is_bounded_and_plain_data() {
    let deep = |n: usize| format!("40{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    attack("S7", CALM, |server| {
        for hostile in [
            deep(65),
            deep(10_000),
            deep(150_000),
            "40[]".to_owned(),
            "40\"x\"".to_owned(),
            "40null".to_owned(),
            "40{".to_owned(),
            "40{}x".to_owned(),
            "401e400".to_owned(),
        ] {
            let mut peer = WebSocket::open(server.address);
            let _ = peer.flood(Frame::text(&hostile).bytes());
            peer.expect_closed();
        }
        for plain in [
            "40{\"__proto__\":{\"admin\":true},\"constructor\":1,\"toString\":\"x\"}".to_owned(),
            format!("40{{\"token\":\"{}\"}}", "x".repeat(8_000)),
            deep(60),
        ] {
            let mut peer = WebSocket::open(server.address);
            peer.send(&plain);
            assert!(peer.text().starts_with("40{\"sid\":"));
            peer.expect_alive();
        }
    });
}

#[test]
fn s8_packets_that_only_a_server_sends_or_with_too_much() {
    each_packet_closes(
        "S8",
        &["41{\"x\":1}", "41[]", "41/never,", "44{}", "44\"x\"", "44/admin-like,{}", "44"],
    );
}

#[test]
fn s8_disconnecting_twice() {
    attack("S8", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send("40/admin-like,");
        assert!(peer.text().starts_with("40/admin-like,"));
        peer.send("41/admin-like,");
        peer.expect_alive();
        peer.send("41/admin-like,");
        peer.expect_closed();
    });
}

#[test]
fn s30_events_of_a_namespace_not_joined() {
    each_packet_closes(
        "S30",
        &[
            "42/admin-like,[\"seen\"]",
            "42/nope,[\"seen\"]",
            // No comma: all of it is the namespace's name.
            "42/ns[\"seen\"]",
            "43/admin-like,0[]",
            "451-/admin-like,[\"seen\",{\"_placeholder\":true,\"num\":0}]",
        ],
    );
}

#[test]
fn s30_events_after_leaving() {
    attack("S30", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send("41");
        peer.send("42[\"seen\"]");
        peer.expect_closed();
    });
}

/// The fence between two holders of one pid comes with recovery; here the pid is nobody's.
#[test]
fn s32_a_foreign_pid_gets_a_fresh_session() {
    attack("S32", CALM, |server| {
        for auth in [
            "{\"pid\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"offset\":\"0~1-0\"}",
            "{\"pid\":\"\",\"offset\":\"\"}",
            "{\"pid\":{\"$ne\":1},\"offset\":[]}",
            "{\"pid\":1,\"offset\":2}",
        ] {
            let mut peer = WebSocket::open(server.address);
            peer.send(format!("40{auth}"));
            let answer = peer.text();
            assert!(answer.starts_with("40{\"sid\":"), "{answer}");
            assert!(!answer.contains("AAAAAAAAAAAAAAAAAAAAAA"), "{answer}");
            peer.expect_alive();
        }
    });
}

#[test]
fn namespaces_on_one_connection_are_counted() {
    attack("S4", CALM, |server| {
        // Joined and left again and again: 16 at a time is the limit, not 16 in all.
        let mut peer = WebSocket::connect(server.address);
        for _ in 0..40 {
            peer.send("40/admin-like,");
            assert!(peer.text().starts_with("40/admin-like,{\"sid\":"));
            peer.send("41/admin-like,");
        }
        peer.expect_alive();
    });
}
