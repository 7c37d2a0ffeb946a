//! W: single frames and their sequence (RFC 6455, section 5).

use tests::oracle::attack;
use tests::raw::{Closed, Frame, WAIT, WebSocket, opcode};

use super::CALM;

const PROTOCOL_ERROR: u16 = 1002;
const NOT_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// For each case: a fresh session, these bytes, and a close with one of these codes.
fn each_closes(row: &str, cases: &[(&str, Vec<u8>)], codes: &[u16]) {
    attack(row, CALM, |server| {
        for (what, bytes) in cases {
            let mut peer = WebSocket::connect(server.address);
            peer.send_bytes(bytes);
            match peer.expect_closed() {
                Closed::Frame(Some(code)) if codes.contains(&code) => {}
                other => panic!("{what}: expected a close with {codes:?}, got {other:?}"),
            }
        }
    });
}

fn ping(payload: &[u8]) -> Frame {
    Frame::new(opcode::PING, payload)
}

#[test]
fn w1_frames_that_no_client_may_send() {
    let text = || Frame::text("42[\"seen\"]");
    let mut cases = vec![
        ("unmasked text", text().unmasked().bytes()),
        ("unmasked ping", ping(b"x").unmasked().bytes()),
        ("rsv1", text().rsv(1).bytes()),
        ("rsv2", text().rsv(2).bytes()),
        ("rsv3", text().rsv(3).bytes()),
        ("rsv1 on a ping", ping(b"").rsv(1).bytes()),
    ];
    for reserved in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        cases.push(("reserved opcode", Frame::new(reserved, b"x").bytes()));
    }
    each_closes("W1", &cases, &[PROTOCOL_ERROR]);
}

#[test]
fn w2_control_frames_are_small_and_whole() {
    let cases = [
        ("ping of 126", ping(&[b'x'; 126]).bytes()),
        ("pong of 126", Frame::new(opcode::PONG, [b'x'; 126]).bytes()),
        ("close of 126", Frame::new(opcode::CLOSE, [b'x'; 126]).bytes()),
        ("ping of 64 KiB", ping(&[b'x'; 65_536]).bytes()),
        ("unfinished ping", ping(b"x").unfinished().bytes()),
        ("unfinished close", Frame::new(opcode::CLOSE, [3, 232]).unfinished().bytes()),
    ];
    each_closes("W2", &cases, &[PROTOCOL_ERROR]);
}

#[test]
fn w3_b27_declared_lengths_are_not_believed() {
    let declares = |length| Frame::binary([]).declaring(length).bytes();
    let cases = [
        ("2^63 - 1", declares(u64::MAX >> 1)),
        ("2^63", declares(1 << 63)),
        ("2^64 - 1", declares(u64::MAX)),
        ("4 GiB", declares(1 << 32)),
        ("the limit and one", declares(1_000_001)),
    ];
    each_closes("W3 B27", &cases, &[PROTOCOL_ERROR, TOO_BIG]);
}

#[test]
fn w3_lengths_are_written_in_the_shortest_way() {
    let cases = [
        ("125 in two bytes", Frame::text([b'6'; 125]).declaring_in_two(125).bytes()),
        ("125 in eight", Frame::text([b'6'; 125]).declaring(125).bytes()),
        ("65,535 in eight", Frame::text(vec![b'6'; 65_535]).declaring(65_535).bytes()),
        ("nothing in two", Frame::text([]).declaring_in_two(0).bytes()),
    ];
    each_closes("W3", &cases, &[PROTOCOL_ERROR]);
}

#[test]
fn w7_fragments_out_of_order() {
    let begin = || Frame::text("42[\"s").unfinished().bytes();
    let cases = [
        ("continuation first", Frame::new(opcode::CONTINUATION, "x").bytes()),
        (
            "unfinished continuation first",
            Frame::new(opcode::CONTINUATION, "x").unfinished().bytes(),
        ),
        ("text inside text", [begin(), Frame::text("een\"]").bytes()].concat()),
        ("binary inside text", [begin(), Frame::binary("x").bytes()].concat()),
        ("fragments inside fragments", [begin(), begin()].concat()),
    ];
    each_closes("W7", &cases, &[PROTOCOL_ERROR]);
}

#[test]
fn w7_a_ping_between_fragments_is_legal() {
    attack("W7", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send_frame(&Frame::text("425[\"ec").unfinished());
        peer.send_frame(&ping(b"between"));
        assert_eq!(peer.receive(WAIT), Some(tests::raw::Received::Pong(b"between".to_vec())));
        peer.send_frame(&Frame::new(opcode::CONTINUATION, "ho\",1]"));
        peer.expect("435[1]");
    });
}

#[test]
fn w8_text_that_is_not_utf8() {
    let text = |tail: &[u8]| [b"42[\"seen\",\"".as_slice(), tail, b"\"]"].concat();
    let cases = [
        ("a lone byte", Frame::text(text(b"\xff")).bytes()),
        ("a lone continuation", Frame::text(text(b"\x80")).bytes()),
        ("overlong slash", Frame::text(text(b"\xc0\xaf")).bytes()),
        ("overlong NUL", Frame::text(text(b"\xe0\x80\x80")).bytes()),
        ("a surrogate", Frame::text(text(b"\xed\xa0\x80")).bytes()),
        ("over U+10FFFF", Frame::text(text(b"\xf4\x90\x80\x80")).bytes()),
        ("cut at the end", Frame::text(b"42[\"\xe2\x82").bytes()),
        // No FIN: the rest of the message is never needed to know.
        ("bad in an unfinished fragment", Frame::text(text(b"\xff")).unfinished().bytes()),
        (
            "bad across two fragments",
            [
                Frame::text(b"42[\"\xe2").unfinished().bytes(),
                Frame::new(opcode::CONTINUATION, b"\x28\xa1").unfinished().bytes(),
            ]
            .concat(),
        ),
    ];
    each_closes("W8", &cases, &[NOT_UTF8]);
}

#[test]
fn w8_a_character_split_over_frames_is_legal() {
    attack("W8", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        peer.send_frame(&Frame::text(b"426[\"echo\",\"\xe2\x82").unfinished());
        peer.send_frame(&Frame::new(opcode::CONTINUATION, b"\xac\"]"));
        peer.expect("436[\"\u{20ac}\"]");
    });
}

#[test]
fn w10_malformed_closes() {
    let close = |payload: &[u8]| Frame::new(opcode::CLOSE, payload).bytes();
    let code = |code: u16| close(&code.to_be_bytes());
    let cases = [
        ("one byte", close(&[3])),
        ("0", code(0)),
        ("999", code(999)),
        ("1004", code(1004)),
        ("1005", code(1005)),
        ("1006", code(1006)),
        ("1015", code(1015)),
        ("2999", code(2999)),
        ("5000", code(5000)),
        ("65535", code(65_535)),
    ];
    each_closes("W10", &cases, &[PROTOCOL_ERROR]);
    let cases = [("bad UTF-8 reason", close(b"\x03\xe8\xff\xfe"))];
    each_closes("W10", &cases, &[NOT_UTF8, PROTOCOL_ERROR]);
}

#[test]
fn w11_nothing_counts_behind_a_close() {
    attack("W11", CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let seen = super::abuse::seen(&mut witness);
        let mut peer = WebSocket::connect(server.address);
        peer.send_bytes(
            [
                Frame::new(opcode::CLOSE, 1000_u16.to_be_bytes()).bytes(),
                Frame::text("42[\"seen\"]").bytes(),
                Frame::new(0xB, b"x").bytes(),
            ]
            .concat(),
        );
        peer.expect_closed();
        assert_eq!(super::abuse::seen(&mut witness), seen);
    });
}

#[test]
fn w11_a_close_that_is_never_answered() {
    attack("W11", CALM, |server| {
        let mut peer = WebSocket::connect(server.address);
        // A packet that ends the session; this side neither answers the close nor hangs up.
        peer.send("49");
        let (_, closed) = peer.drain_until_closed(WAIT);
        if closed != Closed::Tcp {
            peer.wire().expect_end(WAIT);
        }
    });
}
