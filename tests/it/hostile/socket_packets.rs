//! S: packets that cannot be read, and packets that can but should not.

use tests::oracle::attack;
use tests::raw::WebSocket;

use super::CALM;
use super::abuse::{each_packet_closes, each_packet_is_ignored, seen};

#[test]
fn s9_packet_types_that_are_none() {
    each_packet_closes(
        "S9",
        &["4", "47", "48", "49", "4-", "4:", "4\u{ff12}[\"seen\"]", "4 2[\"seen\"]", "4x"],
    );
}

#[test]
fn s10_s11_b8_b21_attachment_counts() {
    let packet = |count: &str| format!("45{count}[\"seen\",{{\"_placeholder\":true,\"num\":0}}]");
    let packets: Vec<String> = [
        "",
        "5invalid",
        "-",
        "1",
        "1.5-",
        "1e0-",
        " 1 -",
        "0x1-",
        "+1-",
        "-1-",
        "1 -",
        "\u{ff11}-",
        // S11, B8, B9: none, too many, far too many.
        "0-",
        "00-",
        "11-",
        "99-",
        "4294967296-",
        "4294967297-",
        "18446744073709551617-",
        "99999999999999999999-",
        "9999999999-",
    ]
    .iter()
    .map(|count| packet(count))
    .chain(["45".to_owned(), "46".to_owned(), "45invalid".to_owned(), "460-0[]".to_owned()])
    .collect();
    each_packet_closes("S10 S11 B8 B21", &packets);
}

#[test]
fn s13_b5_placeholder_numbers() {
    let packets: Vec<String> = [
        "-1",
        "1.5",
        "\"0\"",
        "\"splice\"",
        "null",
        "9007199254740992",
        "1",
        "1e0",
        "true",
        "[]",
        "{}",
        "-0.5",
        "\"__proto__\"",
    ]
    .iter()
    .map(|num| format!("451-[\"seen\",{{\"_placeholder\":true,\"num\":{num}}}]"))
    .chain(["451-[\"seen\",{\"_placeholder\":true}]".to_owned()])
    .collect();
    attack("S13 B5", CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = seen(&mut witness);
        for packet in &packets {
            // At the header or at the attachment: closed, and no handler sees a hole.
            let mut peer = WebSocket::connect(server.address);
            peer.send(packet);
            let _ = peer.flood(tests::raw::Frame::binary([0]).bytes());
            peer.expect_closed();
        }
        assert_eq!(seen(&mut witness), before);
    });
}

#[test]
fn s12_s14_placeholders_and_attachments_match_one_to_one() {
    let ph = |num: u32| format!("{{\"_placeholder\":true,\"num\":{num}}}");
    attack("S12 S14", CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = seen(&mut witness);
        for (count, args) in [
            (2, ph(0)),
            (1, format!("{},{}", ph(0), ph(1))),
            (1, "1".to_owned()),
            (2, format!("{},{}", ph(0), ph(0))),
            (2, format!("{},{}", ph(1), ph(1))),
        ] {
            let mut peer = WebSocket::connect(server.address);
            peer.send(format!("45{count}-[\"seen\",{args}]"));
            for n in 0..count {
                let _ = peer.flood(tests::raw::Frame::binary([n as u8]).bytes());
            }
            peer.expect_closed();
        }
        assert_eq!(seen(&mut witness), before);

        // Permuted is legal: the number says which is which.
        let mut peer = WebSocket::connect(server.address);
        peer.send(format!("452-3[\"echo\",{},{}]", ph(1), ph(0)));
        peer.send_binary([0]);
        peer.send_binary([1]);
        // The answer may number them as it likes; what counts is which bytes stand where.
        let answer = peer.text();
        let parts = [peer.binary(), peer.binary()];
        let json = answer.strip_prefix("462-3").expect("a binary ack");
        let args: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let part = |at: usize| &parts[args[at]["num"].as_u64().expect("a number") as usize];
        assert_eq!((part(0).as_slice(), part(1).as_slice()), ([1].as_slice(), [0].as_slice()));
    });
}

#[test]
fn s19_ack_ids() {
    each_packet_closes(
        "S19",
        &[
            "429007199254740992[\"echo\",1]",
            "429999999999999999999999[\"echo\",1]",
            "4218446744073709551616[\"echo\",1]",
        ],
    );
    attack("S19", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send("429007199254740991[\"echo\",1]");
        peer.expect("439007199254740991[1]");
    });
}

#[test]
fn s21_acks_that_nobody_waits_for() {
    each_packet_is_ignored(
        "S21",
        &["430[]", "4399[1,2]", "439007199254740991[]", "430[{\"__proto__\":1}]"],
    );
    each_packet_closes("S21", &["430{}", "430\"x\"", "430[", "430null"]);
}

#[test]
fn s21_an_ack_counts_once_and_only_from_its_socket() {
    attack("S21", CALM, |server| {
        let mut asked = WebSocket::connect(server.address);
        asked.send("421[\"flood-ack\",{\"n\":1}]");
        let mut id = None;
        for _ in 0..2 {
            let text = asked.text();
            if let Some(rest) = text.strip_prefix("42") {
                id = rest.split('[').next().map(str::to_owned);
            }
        }
        let id = id.expect("an event with an ack id");
        let mut other = WebSocket::connect(server.address);
        other.send(format!("43{id}[\"stolen\"]"));
        other.expect_alive();
        let acked = super::abuse::stat(&mut other, "acked");
        asked.send(format!("43{id}[\"mine\"]"));
        asked.send(format!("43{id}[\"mine\"]"));
        asked.expect_alive();
        // The emitter's own task counts it, so not at once; but never twice.
        tests::raw::eventually(tests::raw::WAIT, || {
            match super::abuse::stat(&mut other, "acked") {
                now if now == acked + 1 => Ok(()),
                now => Err(format!("{now} acks, {acked} before")),
            }
        });
        asked.expect_alive();
        assert_eq!(super::abuse::stat(&mut other, "acked"), acked + 1);
    });
}

#[test]
fn s23_b6_event_names_that_are_none() {
    each_packet_closes(
        "S23 B6",
        &[
            "42[null]",
            "42[true]",
            "42[{}]",
            "42[[]]",
            "42[{\"toString\":\"foo\"}]",
            "42[]",
            "42{}",
            "42\"seen\"",
            "42[\"seen\"",
            "42[\"seen\"]]",
            "42[\"seen\",]",
            "42[,\"seen\"]",
            "42['seen']",
            "42[\"seen\",undefined]",
            "42[\"seen\",NaN]",
        ],
    );
    // JavaScript emits numbers as names; nobody listens to them.
    each_packet_is_ignored("S23", &["42[1]", "42[1.5,\"x\"]", "42[-0]"]);
}

#[test]
fn s24_b7_reserved_names() {
    let packets: Vec<String> = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        // The same name, written with an escape.
        "disco\\u006enect",
    ]
    .iter()
    .map(|name| format!("42[\"{name}\"]"))
    .collect();
    each_packet_closes("S24 B7", &packets);
}

#[test]
fn s25_b3_unknown_and_odd_names_are_ignored() {
    each_packet_is_ignored(
        "S25 B3",
        &[
            "42[\"error\",{}]",
            "42[\"error\"]",
            "42[\"__proto__\",{\"x\":1}]",
            "42[\"constructor\"]",
            "42[\"hasOwnProperty\"]",
            "42[\"connection\"]",
            "42[\"\"]",
            "42[\"\\u0000\\u001b[2J\"]",
            "42[\"Seen\"]",
            "42[\"seen \"]",
        ],
    );
    each_packet_closes(
        "S25",
        &[
            format!("42[\"{}\"]", "n".repeat(129)),
            format!("42[\"{}\"]", "n".repeat(900_000)),
            format!("42[\"{}\"]", "\\u006e".repeat(129)),
        ],
    );
}

#[test]
fn s26_depth_arguments_and_keys() {
    let deep = |n: usize| format!("42[\"seen\",{}{}]", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("42[\"seen\",{}1{}]", "{\"a\":".repeat(n), "}".repeat(n));
    let args = |n: usize| format!("42[\"seen\"{}]", ",1".repeat(n));
    each_packet_closes(
        "S26",
        &[
            deep(64),
            deep(1_000),
            deep(490_000),
            objects(64),
            objects(150_000),
            args(65),
            args(100_000),
            // Never closed: a reader that looks for the end first would scan it again and again.
            format!("42[\"seen\",{}", "[".repeat(900_000)),
        ],
    );
    attack("S26", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        let before = seen(&mut peer);
        // The packet's own array is the first level.
        peer.send(deep(63));
        peer.send(args(64));
        // Brackets in a string are no depth.
        peer.send(format!("42[\"seen\",\"{}\\\"{}\"]", "[".repeat(1_000), "{".repeat(1_000)));
        assert_eq!(seen(&mut peer), before + 3);
        // Many keys: one pass, no quadratic comparison.
        let keys: Vec<_> = (0..60_000).map(|i| format!("\"k{i}\":1")).collect();
        peer.send(format!("42[\"seen\",{{{}}}]", keys.join(",")));
        peer.expect_alive();
    });
}

#[test]
fn s28_duplicate_keys_in_a_connect() {
    attack("S28", CALM, |server| {
        for auth in ["{\"token\":\"a\",\"token\":\"b\"}", "{\"pid\":\"a\",\"p\\u0069d\":\"b\"}"] {
            let mut peer = WebSocket::open(server.address);
            peer.send(format!("40{auth}"));
            peer.expect_closed();
        }
        // A placeholder is a control message too.
        let mut peer = WebSocket::connect(server.address);
        peer.send("451-[\"seen\",{\"_placeholder\":true,\"num\":0,\"num\":1}]");
        let _ = peer.flood(tests::raw::Frame::binary([0]).bytes());
        peer.expect_closed();
    });
}
