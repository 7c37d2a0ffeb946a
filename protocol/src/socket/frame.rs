//! Unmasked websocket frames, and bytes as Engine.IO text.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bytes as an Engine.IO text packet.
pub(super) fn base64_packet(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4 + 1);
    text.push('b');
    STANDARD.encode_string(bytes, &mut text);
    text.into()
}

/// A websocket frame's opcode with FIN.
pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;

/// Longest head of an unmasked frame.
pub(super) const HEAD_MAX: usize = 10;

/// Appends one unmasked frame (RFC 6455, 5.2) whose payload is given in pieces.
pub(super) fn append_frame(out: &mut Vec<u8>, opcode: u8, payload: &[&[u8]]) {
    let len = payload.iter().map(|part| part.len()).sum::<usize>();
    out.push(opcode);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..=125), _) => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    for part in payload {
        out.extend_from_slice(part);
    }
}
