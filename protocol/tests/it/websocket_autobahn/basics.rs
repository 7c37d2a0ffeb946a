//! Sections 1 to 5: framing, pings, reserved bits, opcodes, fragmentation.

use super::{
    Case, Cut, End, binary, case, continuation, echo, echo_binary, ping, pong, ponged, text,
};
use crate::websocket_wire::{CLOSE, Frame, PING, PONG, TEXT};

const HELLO: &str = "Hello, world!";
const BYTES: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
const PROTOCOL: End = End::Failed(1002);

pub(super) fn framing() -> Vec<Case> {
    let lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
    let mut cases = Vec::new();
    for (number, len) in (1..).zip(lengths) {
        let cut = if number == 8 { Cut::Bytes(997) } else { Cut::Whole };
        let payload = vec![b'*'; len];
        let frames = vec![text(payload.clone())];
        cases.push(case(format!("1.1.{number}"), frames, vec![echo(payload)], End::Clean).cut(cut));
        let payload = vec![0xfe; len];
        let frames = vec![binary(payload.clone())];
        let replies = vec![echo_binary(payload)];
        cases.push(case(format!("1.2.{number}"), frames, replies, End::Clean).cut(cut));
    }
    cases
}

pub(super) fn pings() -> Vec<Case> {
    let simple =
        |id, payload: &[u8]| case(id, vec![ping(payload)], vec![ponged(payload)], End::Clean);
    let ten = |id, cut| {
        let payloads = (0..10).map(|n| format!("payload-{n}"));
        let frames = payloads.clone().map(ping).collect();
        case(id, frames, payloads.map(ponged).collect(), End::Clean).cut(cut)
    };
    let unsolicited = "unsolicited pong payload";
    vec![
        simple("2.1", b""),
        simple("2.2", HELLO.as_bytes()),
        simple("2.3", BYTES),
        simple("2.4", &[0xfe; 125]),
        case("2.5", vec![ping([0xfe; 126])], vec![], PROTOCOL),
        simple("2.6", &[0xfe; 125]).cut(Cut::Bytes(1)),
        case("2.7", vec![pong("")], vec![], End::Clean),
        case("2.8", vec![pong(unsolicited)], vec![], End::Clean),
        case(
            "2.9",
            vec![pong(unsolicited), ping("ping payload")],
            vec![ponged("ping payload")],
            End::Clean,
        ),
        ten("2.10", Cut::Whole),
        ten("2.11", Cut::Bytes(1)),
    ]
}

pub(super) fn reserved_bits() -> Vec<Case> {
    let after_hello = |id, bits, cut| {
        let frames = vec![text(HELLO), text(HELLO).rsv(bits), ping("")];
        case(id, frames, vec![echo(HELLO)], PROTOCOL).cut(cut)
    };
    vec![
        case("3.1", vec![text(HELLO).rsv(1)], vec![], PROTOCOL),
        after_hello("3.2", 2, Cut::Whole),
        after_hello("3.3", 3, Cut::Parts),
        after_hello("3.4", 4, Cut::Bytes(1)),
        case("3.5", vec![binary(BYTES).rsv(5)], vec![], PROTOCOL),
        case("3.6", vec![ping(HELLO).rsv(6)], vec![], PROTOCOL),
        case("3.7", vec![Frame::new(CLOSE, "").rsv(7)], vec![], PROTOCOL),
    ]
}

pub(super) fn opcodes() -> Vec<Case> {
    let alone =
        |id, opcode, payload: &str| case(id, vec![Frame::new(opcode, payload)], vec![], PROTOCOL);
    let after_hello = |id, opcode, payload: &str, cut| {
        let frames = vec![text(HELLO), Frame::new(opcode, payload), ping("")];
        case(id, frames, vec![echo(HELLO)], PROTOCOL).cut(cut)
    };
    let payload = "reserved opcode payload";
    vec![
        alone("4.1.1", 3, ""),
        alone("4.1.2", 4, payload),
        after_hello("4.1.3", 5, "", Cut::Whole),
        after_hello("4.1.4", 6, HELLO, Cut::Whole),
        after_hello("4.1.5", 7, HELLO, Cut::Bytes(1)),
        alone("4.2.1", 11, ""),
        alone("4.2.2", 12, payload),
        after_hello("4.2.3", 13, "", Cut::Whole),
        after_hello("4.2.4", 14, HELLO, Cut::Whole),
        after_hello("4.2.5", 15, HELLO, Cut::Bytes(1)),
    ]
}

pub(super) fn fragmentation() -> Vec<Case> {
    let cuts = [Cut::Whole, Cut::Parts, Cut::Bytes(1)];
    let two = |opcode| vec![Frame::new(opcode, "fragment1").more(), continuation("fragment2")];
    let both = "fragment1fragment2";
    let mut cases =
        vec![case("5.1", two(PING), vec![], PROTOCOL), case("5.2", two(PONG), vec![], PROTOCOL)];
    for (number, cut) in (3..).zip(cuts) {
        let id = format!("5.{number}");
        cases.push(case(id, two(TEXT), vec![echo(both)], End::Clean).cut(cut));
    }
    for (number, cut) in (6..).zip(cuts) {
        let mut frames = two(TEXT);
        frames.insert(1, ping("ping payload"));
        let replies = vec![ponged("ping payload"), echo(both)];
        cases.push(case(format!("5.{number}"), frames, replies, End::Clean).cut(cut));
    }
    let nothing = "non-continuation payload";
    for (number, cut) in (9..).zip(cuts) {
        let frames = vec![continuation(nothing), text(HELLO)];
        cases.push(case(format!("5.{number}"), frames, vec![], PROTOCOL).cut(cut));
    }
    for (number, cut) in (12..).zip(cuts) {
        let frames = vec![continuation(nothing).more(), text(HELLO)];
        cases.push(case(format!("5.{number}"), frames, vec![], PROTOCOL).cut(cut));
    }
    let mut frames = two(TEXT);
    frames.extend([continuation("fragment3").more(), text("fragment4")]);
    cases.push(case("5.15", frames, vec![echo(both)], PROTOCOL));
    for (id, first) in
        [("5.16", continuation("fragment1").more()), ("5.17", continuation("fragment1"))]
    {
        let frames = vec![first, text("fragment2").more(), continuation("fragment3")];
        cases.push(case(id, [frames.clone(), frames].concat(), vec![], PROTOCOL));
    }
    let frames = vec![text("fragment1").more(), text("fragment2")];
    cases.push(case("5.18", frames, vec![], PROTOCOL));
    for (id, cut) in [("5.19", Cut::Whole), ("5.20", Cut::Parts)] {
        let frames = vec![
            text("fragment1").more(),
            continuation("fragment2").more(),
            ping("pongme 1!"),
            continuation("fragment3").more(),
            continuation("fragment4").more(),
            ping("pongme 2!"),
            continuation("fragment5"),
        ];
        let replies = vec![
            ponged("pongme 1!"),
            ponged("pongme 2!"),
            echo("fragment1fragment2fragment3fragment4fragment5"),
        ];
        cases.push(case(id, frames, replies, End::Clean).cut(cut));
    }
    cases
}
