//! S: too much, too fast, or begun and never finished.

use std::time::{Duration, Instant};

use tests::oracle::attack;
use tests::raw::{Frame, Polling, Received, WAIT, WebSocket, opcode};

use super::abuse::{seen, stat};
use super::{CALM, QUICK, SOON};

/// A binary event's header that waits for `n` attachments.
fn header(n: usize) -> String {
    let placeholders: Vec<_> =
        (0..n).map(|i| format!("{{\"_placeholder\":true,\"num\":{i}}}")).collect();
    format!("45{n}-[\"seen\",{}]", placeholders.join(","))
}

#[test]
fn s16_a_packet_while_attachments_are_pending() {
    attack("S16", CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = seen(&mut witness);
        for packet in ["42[\"seen\"]", "41", "430[]", &header(1)] {
            let mut peer = WebSocket::connect(server.address);
            peer.send(header(1));
            peer.send(packet);
            peer.expect_closed();
        }
        assert_eq!(seen(&mut witness), before);

        // Pings, of the websocket and of the engine, are no packets of Socket.IO.
        let mut peer = WebSocket::connect(server.address);
        peer.send(header(1));
        peer.send_frame(&Frame::new(opcode::PING, "p"));
        assert_eq!(peer.receive(WAIT), Some(Received::Pong(b"p".to_vec())));
        peer.send("3");
        peer.send_binary([1]);
        peer.expect_alive();
        assert_eq!(seen(&mut witness), before + 1);
    });
}

#[test]
fn s17_attachments_that_never_come() {
    attack("S17", QUICK, |server| {
        let mut none = WebSocket::connect(server.address);
        none.send(header(1));
        let mut some = WebSocket::connect(server.address);
        some.send(header(3));
        some.send_binary([1]);
        none.expect_closed_within(SOON);
        some.expect_closed_within(SOON);
    });
}

#[test]
fn s17_attachments_have_one_size_together() {
    attack("S17", CALM, |server| {
        let rss = server.rss();
        let mut peer = WebSocket::connect(server.address);
        peer.send(header(10));
        let attachment = Frame::binary(vec![7; 900_000]).bytes();
        // 4 MiB in all: the fifth crosses.
        let _ = peer.flood(attachment.repeat(4));
        peer.wire().expect_silence(Duration::from_millis(200));
        let _ = peer.flood(&attachment);
        peer.expect_closed();
        assert!(server.rss() < rss + (24 << 20), "{} bytes", server.rss() - rss);
    });
}

#[test]
fn b9_zero_attachments_close() {
    attack("B9", CALM, |server| {
        let rss = server.rss();
        let mut peer = WebSocket::connect(server.address);
        peer.send("450-[\"x\"]");
        // The bug took each of these for an attachment, for ever.
        for _ in 0..200 {
            if !peer.flood(Frame::binary(vec![7; 500_000]).bytes()) {
                break;
            }
        }
        peer.expect_closed();
        assert!(server.rss() < rss + (16 << 20), "{} bytes", server.rss() - rss);
    });
}

#[test]
fn b10_binary_headers_of_namespaces_not_joined() {
    let packet =
        |namespace: &str| format!("451-{namespace}[\"seen\",{{\"_placeholder\":true,\"num\":0}}]");
    attack("B10", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send(packet("/admin-like,"));
        let _ = peer.flood(Frame::binary([1]).bytes());
        peer.expect_closed();

        // The namespace is left between the header and its attachment.
        let mut peer = WebSocket::connect(server.address);
        peer.send("40/admin-like,");
        assert!(peer.text().starts_with("40/admin-like,"));
        peer.send(packet("/admin-like,"));
        peer.send("41/admin-like,");
        let _ = peer.flood(Frame::binary([1]).bytes());
        peer.expect_closed();
    });
}

/// 2,500 emits, not the row's 100,000: the cap is 1,000. In rounds, which are read: it is not the
/// outbox that is full.
#[test]
fn s22_b20_acks_that_never_come() {
    attack("S22 B20", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        let mut refused = Vec::new();
        let mut events = 0;
        for round in 0..5 {
            peer.send(format!("42{round}[\"flood-ack\",{{\"n\":500}}]"));
            let answer = loop {
                let text = peer.text();
                match text.strip_prefix(&format!("43{round}")) {
                    Some(json) => break json.to_owned(),
                    None => {
                        assert!(
                            text.starts_with("42") && text.contains("[\"flood-ack\","),
                            "{text}"
                        );
                        events += 1;
                    }
                }
            };
            let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
            refused.push(answer[0]["refused"].as_u64().expect("a count"));
        }
        assert_eq!((events, refused), (1_000, vec![0, 0, 500, 500, 500]));
        peer.expect_alive();
    });
}

/// 50 a second and a burst of 100, as `contract.md` section 9 has it; over it an error as the ack.
#[test]
fn s31_too_many_events_are_refused() {
    attack("S31", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        let start = Instant::now();
        let events: Vec<u8> =
            (0..1_000).flat_map(|n| Frame::text(format!("42{n}[\"echo\",1]")).bytes()).collect();
        peer.send_bytes(events);
        // A refusal may overtake what still waits for its handler.
        let (mut answered, mut served) = (std::collections::BTreeSet::new(), 0);
        for _ in 0..1_000 {
            let answer = peer.text();
            let (id, body) = answer.split_at(answer.find('[').expect("an ack's arguments"));
            assert!(answered.insert(id.to_owned()), "{id} answered twice");
            if body == "[1]" {
                served += 1;
            } else {
                let refused = "[{\"error\":\"Rate limit exceeded\",\"retryAfter\":";
                assert!(body.starts_with(refused), "{answer}");
            }
        }
        let allowed = 100 + 50 * (start.elapsed().as_secs() + 1);
        assert!((100..=allowed).contains(&served), "{served} of 1,000 served, {allowed} allowed");
    });
}

#[test]
fn s31_who_keeps_on_is_closed() {
    let mut settings = QUICK.to_vec();
    settings.push("limits.flood_timeout=1000");
    attack("S31", &settings, |server| {
        let mut peer = WebSocket::connect(server.address);
        let start = Instant::now();
        // 500 a second: ten times what is allowed, for longer than the grace.
        loop {
            assert!(start.elapsed() < SOON * 2, "still open");
            let taken = peer.flood(Frame::text("42[\"seen\"]").bytes().repeat(10));
            match peer.receive(Duration::from_millis(20)) {
                Some(Received::Close(_) | Received::End) => break,
                _ if !taken => break,
                _ => {}
            }
        }
        assert!(start.elapsed() >= Duration::from_millis(900), "closed without grace");
    });
}

/// 300 sockets, not the row's 10,000.
#[test]
fn b33_idle_sockets_keep_no_buffers() {
    attack("B33", CALM, |server| {
        let mut crowd: Vec<_> = (0..150).map(|_| WebSocket::connect(server.address)).collect();
        let idle = server.rss();
        let big = format!("421[\"echo\",\"{}\"]", "x".repeat(60_000));
        for peer in &mut crowd {
            peer.send(&big);
            let answer = format!("431[\"{}\"]", "x".repeat(60_000));
            assert!(peer.text() == answer);
        }
        // 60 KB kept by each, read or written, would be 9 MB.
        let now = server.rss();
        assert!(now < idle + (4 << 20), "{} bytes more", now - idle);
        for peer in &mut crowd {
            peer.expect_alive();
        }
    });
}

#[test]
fn b25_attachments_are_not_interleaved() {
    attack("B25", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        // Two tasks emit 50 events of two attachments each, at the same time.
        peer.send("42[\"burst-binary\",{\"n\":50}]");
        let mut next = [0_u64; 2];
        for _ in 0..100 {
            let text = peer.text();
            let json = text.strip_prefix("452-").expect("a binary event");
            let event: serde_json::Value = serde_json::from_str(json).expect("JSON");
            let (task, n) = (event[1].as_u64().expect("task"), event[2].as_u64().expect("n"));
            assert_eq!(next[task as usize], n, "out of order");
            next[task as usize] += 1;
            for part in 0..2 {
                assert_eq!(peer.binary(), [task as u8, n as u8, part]);
            }
        }
        peer.expect_alive();
    });
}

#[test]
fn z5_b25_handlers_that_call_back_into_the_server() {
    attack("Z5 B25", CALM, |server| {
        let mut others: Vec<_> = (0..10).map(|_| WebSocket::connect(server.address)).collect();
        for peer in &mut others {
            peer.send("421[\"join\",{\"room\":\"reenter\"}]");
            peer.expect("431[{\"ok\":true}]");
        }
        // Joins, broadcasts to the room, leaves it and reads its members, all inside one handler;
        // its own disconnect handler does the same again.
        for _ in 0..20 {
            let mut peer = WebSocket::connect(server.address);
            peer.send("421[\"reenter\"]");
            let (mut acked, mut heard) = (false, false);
            while !(acked && heard) {
                let text = peer.text();
                acked |= text == "431[true]";
                heard |= text.starts_with("42[\"broadcast\"");
            }
        }
        let mut last = WebSocket::connect(server.address);
        assert!(stat(&mut last, "disconnects") > 0);
        last.expect_alive();
    });
}

#[test]
fn z5_a_flood_over_polling_ends_in_a_poll() {
    attack("Z5", CALM, |server| {
        let peer = Polling::connect(server.address);
        peer.post("42[\"flood\",{\"n\":500,\"size\":100}]").expect_status(200);
        let mut events = 0;
        while events < 500 {
            events += peer.poll().expect_status(200).text().matches("42[\"flood\"").count();
        }
        peer.expect_alive();
    });
}
