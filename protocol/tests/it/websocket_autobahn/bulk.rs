//! Sections 9 and 10: large messages, many fragments, small reads, many messages.

use super::{Case, Cut, End, case, in_frames, repeated};
use crate::websocket_wire::{BINARY, Frame, TEXT};

const KI: usize = 1 << 10;
const MI: usize = 1 << 20;

/// As much as a read brings, when nothing else is asked for.
const READ: Cut = Cut::Bytes(64 * KI);

pub(super) fn limits() -> Vec<Case> {
    let mut cases = Vec::new();
    for (odd, opcode, pattern) in
        [(0, TEXT, b"BAsd7&jh23".as_slice()), (1, BINARY, b"\x00\xfe\x23\xfa\xf0")]
    {
        let whole = |id: String, len, cut| {
            let payload = repeated(pattern, len);
            let frames = vec![Frame::new(opcode, payload.clone())];
            case(id, frames, vec![(opcode, payload)], End::Clean).cut(cut)
        };
        for (number, len) in (1..).zip([64 * KI, 256 * KI, MI, 4 * MI, 8 * MI, 16 * MI]) {
            cases.push(whole(format!("9.{}.{number}", 1 + odd), len, READ));
        }
        let sizes = [64, 256, KI, 4 * KI, 16 * KI, 64 * KI, 256 * KI, MI, 4 * MI];
        for (number, size) in (1..).zip(sizes) {
            let payload = repeated(if odd == 0 { b"*" } else { b"\xfe" }, 4 * MI);
            let frames = in_frames(opcode, &payload, size);
            let id = format!("9.{}.{number}", 3 + odd);
            cases.push(case(id, frames, vec![(opcode, payload)], End::Clean).cut(READ));
        }
        for (number, cut) in (1..).zip([64, 128, 256, 512, 1024, 2048]) {
            cases.push(whole(format!("9.{}.{number}", 5 + odd), MI, Cut::Bytes(cut)));
        }
        for (number, len) in (1..).zip([0, 16, 64, 256, 1024, 4096]) {
            let payload = repeated(if odd == 0 { b"*" } else { b"\xfe" }, len);
            let frames = vec![Frame::new(opcode, payload.clone()); 1000];
            let replies = vec![(opcode, payload); 1000];
            let id = format!("9.{}.{number}", 7 + odd);
            cases.push(case(id, frames, replies, End::Clean).cut(Cut::Parts));
        }
    }
    cases
}

pub(super) fn auto_fragmentation() -> Vec<Case> {
    let payload = repeated(b"*", 65_536);
    let frames = in_frames(TEXT, &payload, 1300);
    vec![case("10.1.1", frames, vec![(TEXT, payload)], End::Clean)]
}
