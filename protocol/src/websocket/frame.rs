//! One frame, written (RFC 6455, 5.2). How one is read stands in `header` and `assembler`.

use super::{CloseCode, mask::apply_mask};

/// What a frame is for (RFC 6455, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation = 0x0,
    /// Text, or the first part of it.
    Text = 0x1,
    /// Bytes, or the first part of them.
    Binary = 0x2,
    /// Goodbye, or the answer to one.
    Close = 0x8,
    /// To be answered with a pong of the same payload.
    Ping = 0x9,
    /// The answer to a ping, or a sign of life.
    Pong = 0xa,
}

impl Opcode {
    /// Close, ping and pong: never fragmented, at most 125 bytes, legal inside a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A number of four bits that RFC 6455 gives no meaning to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("opcode {0:#x} is reserved")]
pub struct ReservedOpcode(pub u8);

impl TryFrom<u8> for Opcode {
    type Error = ReservedOpcode;

    fn try_from(number: u8) -> Result<Self, ReservedOpcode> {
        Ok(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            reserved => return Err(ReservedOpcode(reserved)),
        })
    }
}

/// Appends the header of a final frame with a payload of `len` bytes, which the caller appends
/// next; already masked, if there is a mask.
pub fn append_header(out: &mut Vec<u8>, opcode: Opcode, len: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { MASK } else { 0 };
    out.push(FIN | opcode as u8);
    // The shortest form, as the RFC demands.
    if let Some(len) = u8::try_from(len).ok().filter(|len| *len < LEN_16) {
        out.push(masked | len);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(masked | LEN_16);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(masked | LEN_64);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}

/// Appends a whole frame of a server: final and not masked.
pub fn append_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.reserve(HEADER_MAX + payload.len());
    append_header(out, opcode, payload.len(), None);
    out.extend_from_slice(payload);
}

/// Appends a whole frame of a client: final and masked with `mask`, which a client must draw anew
/// for each frame from a source that a page cannot foresee (RFC 6455, 10.3).
pub fn append_masked_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    out.reserve(HEADER_MAX + payload.len());
    append_header(out, opcode, payload.len(), Some(mask));
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(payload) = out.get_mut(start..) {
        apply_mask(payload, mask);
    }
}

/// Appends a server's close frame. The reason is cut to 123 bytes at a character's end; without a
/// code there is no reason either, because nothing could carry it.
pub fn append_close(out: &mut Vec<u8>, code: Option<CloseCode>, reason: &str) {
    let Some(code) = code else {
        append_header(out, Opcode::Close, 0, None);
        return;
    };
    let cut = reason.floor_char_boundary(CONTROL_MAX - 2);
    let reason = reason.get(..cut).unwrap_or_default();
    append_header(out, Opcode::Close, 2 + reason.len(), None);
    out.extend_from_slice(&code.get().to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Longest payload of a control frame (RFC 6455, 5.5).
pub(super) const CONTROL_MAX: usize = 125;
/// Longest header: two bytes, a length of eight, a mask of four.
pub(super) const HEADER_MAX: usize = 14;

/// The bits and marks of the first two bytes.
pub(super) const FIN: u8 = 0x80;
pub(super) const RESERVED: u8 = 0x70;
pub(super) const OPCODE: u8 = 0x0f;
pub(super) const MASK: u8 = 0x80;
/// Instead of a length: the length is in the next two bytes.
pub(super) const LEN_16: u8 = 126;
/// Instead of a length: the length is in the next eight bytes.
pub(super) const LEN_64: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455, 5.7.
        let mut out = Vec::new();
        append_frame(&mut out, Opcode::Text, b"Hello");
        assert_eq!(out, b"\x81\x05Hello");
        out.clear();
        append_masked_frame(&mut out, Opcode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        out.clear();
        append_header(&mut out, Opcode::Binary, 256, None);
        assert_eq!(out, b"\x82\x7e\x01\x00");
        out.clear();
        append_header(&mut out, Opcode::Binary, 65536, None);
        assert_eq!(out, b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, header) in
            [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (usize::MAX, 10)]
        {
            let mut out = Vec::new();
            append_header(&mut out, Opcode::Text, len, None);
            assert_eq!(out.len(), header, "{len}");
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_characters_end() {
        let mut out = Vec::new();
        append_close(&mut out, Some(CloseCode::POLICY), &"é".repeat(100));
        assert_eq!(out.get(..4), Some(&[0x88, 124, 0x03, 0xf0][..]));
        assert_eq!(out.get(4..), Some("é".repeat(61).as_bytes()));
        out.clear();
        append_close(&mut out, None, "lost");
        assert_eq!(out, b"\x88\x00");
    }

    #[test]
    fn reserved_opcodes_are_refused() {
        let legal = (0..=255).filter(|n| Opcode::try_from(*n).is_ok());
        assert_eq!(legal.collect::<Vec<u8>>(), [0, 1, 2, 8, 9, 10]);
    }
}
