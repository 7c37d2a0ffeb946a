//! W: messages, floods of frames, and the upgrade's headers.

use std::time::{Duration, Instant};

use tests::oracle::attack;
use tests::raw::{Closed, Frame, Received, WAIT, WebSocket, Wire, opcode};

use super::{CALM, QUICK, SOON};

const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
/// The largest message that is let through (`max_payload`).
const MESSAGE_MAX: usize = 1_000_000;

/// A text message of `n` bytes that is a legal event.
fn event_of(n: usize) -> String {
    format!("42[\"seen\",\"{}\"]", "x".repeat(n - 13))
}

#[test]
fn w4_a_declared_message_that_never_comes() {
    attack("W4", QUICK, |server| {
        let rss = server.rss();
        let mut peers: Vec<_> = (0..30)
            .map(|_| {
                let mut peer = WebSocket::connect(server.address);
                peer.send_bytes(Frame::binary([]).declaring(900_000).bytes());
                peer
            })
            .collect();
        // 27 MB were announced.
        assert!(server.rss() < rss + (8 << 20), "{} bytes", server.rss() - rss);
        for peer in &mut peers {
            peer.drain_until_closed(SOON);
        }
    });
}

#[test]
fn w5_b18_one_limit_on_every_kind_of_message() {
    attack("W5 B18", CALM, |server| {
        let over = event_of(MESSAGE_MAX + 1).into_bytes();
        let (front, back) = over.split_at(600_000);
        let cases = [
            ("text", Frame::text(&over).bytes()),
            ("binary", Frame::binary(&over).bytes()),
            (
                "text in two fragments",
                [
                    Frame::text(front).unfinished().bytes(),
                    Frame::new(opcode::CONTINUATION, back).bytes(),
                ]
                .concat(),
            ),
            (
                "binary in two fragments",
                [
                    Frame::binary(front).unfinished().bytes(),
                    Frame::new(opcode::CONTINUATION, back).bytes(),
                ]
                .concat(),
            ),
        ];
        for (what, bytes) in cases {
            let mut peer = WebSocket::connect(server.address);
            // The close may come before all was sent.
            let _ = peer.flood(bytes);
            let closed = peer.expect_closed();
            assert_eq!(closed, Closed::Frame(Some(TOO_BIG)), "{what}");
        }
        let mut peer = WebSocket::connect(server.address);
        peer.send(event_of(MESSAGE_MAX));
        peer.expect_alive();
    });
}

#[test]
fn w6_b31_a_message_has_so_many_fragments() {
    attack("W6 B31", CALM, |server| {
        let one = || Frame::new(opcode::CONTINUATION, "x").unfinished().bytes();
        let none = || Frame::new(opcode::CONTINUATION, "").unfinished().bytes();
        for (what, first, piece) in [
            ("a byte each", Frame::text("4").unfinished(), one()),
            ("nothing each", Frame::text("4").unfinished(), none()),
            ("nothing at all", Frame::text("").unfinished(), none()),
            ("binary", Frame::binary("4").unfinished(), one()),
        ] {
            let mut peer = WebSocket::connect(server.address);
            peer.send_frame(&first);
            let _ = peer.flood(piece.repeat(131_000));
            assert_eq!(peer.expect_closed(), Closed::Frame(Some(POLICY)), "{what}");
        }
    });
}

#[test]
fn w6_as_many_fragments_as_allowed() {
    attack("W6", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        let text = format!("428[\"echo\",\"{}\"]", "x".repeat(1_000));
        let (bytes, last) = text.split_at(1_013);
        let mut frames = Frame::text(&bytes[..1]).unfinished().bytes();
        for byte in &bytes.as_bytes()[1..] {
            frames.extend(Frame::new(opcode::CONTINUATION, [*byte]).unfinished().bytes());
        }
        frames.extend(Frame::new(opcode::CONTINUATION, last).bytes());
        peer.send_bytes(frames);
        peer.expect(&format!("438[\"{}\"]", "x".repeat(1_000)));
    });
}

#[test]
fn w6_b31_a_message_has_its_time() {
    attack("W6 B31", QUICK, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send_frame(&Frame::text("42[\"").unfinished());
        // Far below 1,024 fragments, each in time: the message as a whole is not. A ping cannot be
        // answered inside a message; its timeout would come later, and with another code.
        peer.stop_answering_pings();
        let piece = Frame::new(opcode::CONTINUATION, "x").unfinished();
        let start = Instant::now();
        let code = loop {
            assert!(start.elapsed() < SOON, "still open");
            let _ = peer.flood(piece.bytes());
            match peer.receive(Duration::from_millis(100)) {
                None => {}
                Some(Received::Text(ping)) if ping == "2" => {}
                Some(Received::Close(code)) => break code,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code, Some(POLICY));
    });
}

#[test]
fn w9_b32_a_flood_of_pings() {
    attack("W9 B32", CALM, |server| {
        // Read: a few are answered, a flood is not.
        let mut peer = WebSocket::connect(server.address);
        for _ in 0..5 {
            peer.send_frame(&Frame::new(opcode::PING, "are you there"));
            assert_eq!(peer.receive(WAIT), Some(Received::Pong(b"are you there".to_vec())));
        }
        let _ = peer.flood(Frame::new(opcode::PING, [b'p'; 125]).bytes().repeat(10_000));
        let (before, closed) = peer.drain_until_closed(WAIT);
        assert_eq!(closed, Closed::Frame(Some(POLICY)));
        assert!(before.len() <= 20, "{} pongs", before.len());

        // Not read: 13 MB of pings leave no 13 MB of pongs.
        let rss = server.rss();
        let wire = Wire::connect_with_window(server.address, 2_048);
        let mut deaf = WebSocket::open_on(wire, "").joined();
        let _ = deaf.flood(Frame::new(opcode::PING, [b'p'; 125]).bytes().repeat(100_000));
        assert!(server.rss() < rss + (8 << 20), "{} bytes", server.rss() - rss);
        deaf.drain_until_closed(WAIT);
    });
}

#[test]
fn w9_unasked_websocket_pongs() {
    attack("W9", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        for _ in 0..5 {
            peer.send_frame(&Frame::new(opcode::PONG, "unasked"));
        }
        peer.expect_alive();
        let _ = peer.flood(Frame::new(opcode::PONG, "unasked").bytes().repeat(10_000));
        assert_eq!(peer.drain_until_closed(WAIT).1, Closed::Frame(Some(POLICY)));
    });
}

#[test]
fn w12_b29_offers_that_are_no_offers() {
    attack("W12 B29", CALM, |server| {
        for offer in [
            "constructor",
            "__proto__; toString=1",
            "permessage-deflate; server_max_window_bits=99",
            "permessage-deflate; client_max_window_bits=abc",
            "permessage-deflate; server_max_window_bits=8; server_max_window_bits=9",
            "permessage-deflate; unknown_parameter",
            "permessage-deflate; server_max_window_bits=\"\x7f\"",
            ";;;,,,===",
            "x-webkit-deflate-frame",
        ] {
            let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
            let mut wire = Wire::connect(server.address);
            wire.send(tests::raw::upgrade_request(super::WEBSOCKET, &header));
            let answer = tests::raw::Response::read_head(&mut wire, WAIT);
            if answer.status == 400 {
                continue;
            }
            assert_eq!(answer.header("sec-websocket-extensions"), None, "{offer}");
            let mut peer = WebSocket::after(wire, &answer).opened().joined();
            peer.expect_alive();
            peer.send_frame(&Frame::text("42[\"seen\"]").rsv(1));
            peer.expect_close_code(1002);
        }
        // Many offers in one header, at the head's limit: parsed in linear time, none taken twice.
        let many = "permessage-deflate; x=1, ".repeat(1_200);
        let start = Instant::now();
        let header = format!("Sec-WebSocket-Extensions: {many}x\r\n");
        let answer = super::http::ask(
            server.address,
            tests::raw::upgrade_request("/socket.io/?EIO=4&transport=nope", &header),
        );
        assert_eq!(answer.status, 400);
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn w14_ten_thousand_packets_in_one_segment() {
    attack("W14", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        // NOOPs (6): legal, and nothing comes of them but the work of reading them.
        let mut bytes = Frame::text("6").bytes().repeat(10_000);
        bytes.extend(Frame::text("427[\"echo\",7]").bytes());
        peer.send_bytes(bytes);
        peer.expect("437[7]");
    });
}

#[test]
fn w15_binary_that_nobody_announced() {
    attack("W15", CALM, |server| {
        for frame in
            [Frame::binary([1, 2, 3]), Frame::binary([]), Frame::text(""), Frame::text("bAQID")]
        {
            let mut peer = WebSocket::connect(server.address);
            peer.send_frame(&frame);
            peer.expect_closed();
        }
    });
}

#[test]
fn w16_b29_subprotocols() {
    let upgrade = |server: &tests::oracle::Process, header: &str| {
        let mut wire = Wire::connect(server.address);
        wire.send(tests::raw::upgrade_request(super::WEBSOCKET, header));
        (tests::raw::Response::read_head(&mut wire, WAIT), wire)
    };
    attack("W16 B29", CALM, |server| {
        let names: Vec<_> = (0..1_000).map(|i| format!("p{i}")).collect();
        let header = format!("Sec-WebSocket-Protocol: {}\r\n", names.join(", "));
        let (answer, wire) = upgrade(server, &header);
        assert_eq!(answer.header("sec-websocket-protocol"), Some("p0"));
        WebSocket::after(wire, &answer).opened().joined().expect_alive();

        // The quadratic trim of ws (2021), just below the head's limit.
        let header = format!("Sec-WebSocket-Protocol: b{}x\r\n", " ".repeat(30_000));
        let start = Instant::now();
        upgrade(server, &header).0.expect_status_in(&[101, 400]);
        assert!(start.elapsed() < Duration::from_secs(1));

        // Not tokens: no name of theirs may come back in a header.
        for bad in ["a b", "a;b", "\"a\"", "(a)", ",,,", "\u{e9}"] {
            let (answer, _) = upgrade(server, &format!("Sec-WebSocket-Protocol: {bad}\r\n"));
            assert_eq!(answer.header("sec-websocket-protocol"), None, "{bad}: {answer:?}");
        }
    });
}
