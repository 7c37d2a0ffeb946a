//! The cases of the Autobahn test suite without compression (sections 1 to 7, 9 and 10), by their
//! numbers, in both roles.
//!
//! Autobahn's peer sends the frames and judges what an echo server, or an echo client, makes of
//! them. Here the peer is a table and the echo is [`peer::Echo`] around the assembler. What is
//! expected is the strict outcome; where Autobahn only informs (7.1.6, 7.13), it is our choice. Each
//! small case is run in other cuts too: they must change nothing.

mod basics;
mod bulk;
mod closing;
mod peer;
mod utf8;

use crier_protocol::websocket::Role;

use self::peer::Echo;
use crate::websocket_wire::{BINARY, CLOSE, Frame, PING, PONG, TEXT, close_payload, start};

/// One case.
struct Case {
    id: String,
    /// What is sent.
    frames: Vec<Frame>,
    cut: Cut,
    /// What comes back before the end: opcode and payload.
    replies: Vec<(u8, Vec<u8>)>,
    end: End,
}

/// How the bytes are cut into reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// All at once.
    Whole,
    /// Each frame, or part of one, by itself.
    Parts,
    /// So many bytes at a time.
    Bytes(usize),
}

/// How a case ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The tester closes after the last frame, with 1000, and is answered.
    Clean,
    /// The frames contain a close, which is answered with this.
    Answered(Option<u16>),
    /// The peer fails the connection with this code.
    Failed(u16),
    /// The same, with the given part at the latest.
    FailedIn(u16, usize),
}

fn case(id: impl Into<String>, frames: Vec<Frame>, replies: Vec<(u8, Vec<u8>)>, end: End) -> Case {
    Case { id: id.into(), frames, cut: Cut::Whole, replies, end }
}

impl Case {
    fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    fn run(&self) {
        let size: usize = self.frames.iter().flat_map(|f| &f.parts).map(Vec::len).sum();
        let more = [Cut::Whole, Cut::Parts, Cut::Bytes(1), Cut::Bytes(7)];
        let cuts = more.iter().filter(|cut| size < 2048 && **cut != self.cut);
        for cut in cuts.chain([&self.cut]) {
            for role in [Role::Server, Role::Client] {
                self.run_as(role, *cut);
            }
        }
    }

    fn run_as(&self, role: Role, cut: Cut) {
        let at = format!("case {} as {role:?}, {cut:?}", self.id);
        let mut frames = self.frames.clone();
        if matches!(self.end, End::Clean) {
            frames.push(Frame::new(CLOSE, close_payload(1000, b"")));
        }
        let key = [0x12, 0xfe, 0x80, 0x5b];
        let parts: Vec<Vec<u8>> = frames.iter().flat_map(|f| f.encode(role, key)).collect();
        let reads: Vec<Vec<u8>> = match cut {
            Cut::Parts => parts,
            Cut::Whole => vec![parts.concat()],
            Cut::Bytes(len) => parts.concat().chunks(len).map(<[u8]>::to_vec).collect(),
        };
        let mut peer = Echo::new(role);
        let mut ended_in = None;
        for (number, bytes) in reads.into_iter().enumerate() {
            peer.receive(bytes, start());
            if peer.ended && ended_in.is_none() {
                ended_in = Some(number);
            }
        }
        let mut replies = peer.replies();
        let (opcode, close) = replies.pop().unwrap_or_else(|| panic!("{at}: silent"));
        assert_eq!(opcode, CLOSE, "{at}: not closed");
        assert_eq!(replies.len(), self.replies.len(), "{at}: replies");
        for (number, (reply, expected)) in replies.iter().zip(&self.replies).enumerate() {
            // Not assert_eq: some are megabytes.
            assert!(reply == expected, "{at}: reply {number} differs");
        }
        let code = close.first_chunk().map(|code| u16::from_be_bytes(*code));
        match self.end {
            End::Clean => assert_eq!(close, close_payload(1000, b""), "{at}"),
            End::Answered(expected) => assert_eq!(code, expected, "{at}"),
            End::Failed(expected) => assert_eq!(code, Some(expected), "{at}"),
            End::FailedIn(expected, part) => {
                assert_eq!(code, Some(expected), "{at}");
                if cut == Cut::Parts {
                    assert_eq!(ended_in, Some(part), "{at}: not as early as it was certain");
                }
            }
        }
        assert_eq!(peer.failed, matches!(self.end, End::Failed(_) | End::FailedIn(..)), "{at}");
    }
}

fn text(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(TEXT, payload)
}

fn binary(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(BINARY, payload)
}

fn ping(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(PING, payload)
}

fn pong(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(PONG, payload)
}

fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    Frame::new(CLOSE, close_payload(code, reason.as_ref()))
}

fn continuation(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(crate::websocket_wire::CONTINUATION, payload)
}

/// The reply to a text.
fn echo(payload: impl Into<Vec<u8>>) -> (u8, Vec<u8>) {
    (TEXT, payload.into())
}

/// The reply to bytes.
fn echo_binary(payload: impl Into<Vec<u8>>) -> (u8, Vec<u8>) {
    (BINARY, payload.into())
}

/// The reply to a ping.
fn ponged(payload: impl Into<Vec<u8>>) -> (u8, Vec<u8>) {
    (PONG, payload.into())
}

/// A message in frames of at most `size` bytes.
fn in_frames(opcode: u8, payload: &[u8], size: usize) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        payload.chunks(size).map(|piece| continuation(piece).more()).collect();
    frames.first_mut().unwrap().opcode = opcode;
    frames.last_mut().unwrap().fin = true;
    frames
}

/// `pattern` over and over, `len` bytes of it.
fn repeated(pattern: &[u8], len: usize) -> Vec<u8> {
    pattern.iter().copied().cycle().take(len).collect()
}

/// Runs a section, and sees that it is as large as Autobahn's.
fn run(section: &str, cases: &[Case], expected: usize) {
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    for case in cases {
        case.run();
    }
    assert!(ids.iter().all(|id| id.split('.').next() == Some(section)), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), expected, "section {section}: {ids:?}");
    println!("autobahn: section {section}: {expected} cases passed as server and as client");
}

#[test]
fn autobahn_1_framing() {
    run("1", &basics::framing(), 16);
}

#[test]
fn autobahn_2_pings_and_pongs() {
    run("2", &basics::pings(), 11);
}

#[test]
fn autobahn_3_reserved_bits() {
    run("3", &basics::reserved_bits(), 7);
}

#[test]
fn autobahn_4_opcodes() {
    run("4", &basics::opcodes(), 10);
}

#[test]
fn autobahn_5_fragmentation() {
    run("5", &basics::fragmentation(), 20);
}

#[test]
fn autobahn_6_utf8() {
    run("6", &utf8::utf8(), 145);
}

#[test]
fn autobahn_7_closing() {
    run("7", &closing::closing(), 37);
}

#[test]
fn autobahn_9_limits() {
    run("9", &bulk::limits(), 54);
}

#[test]
fn autobahn_10_auto_fragmentation() {
    run("10", &bulk::auto_fragmentation(), 1);
}
