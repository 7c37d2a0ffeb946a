//! Frames as a test wants them, legal or not. Written apart from the code under test.

use std::time::Instant;

use crier_protocol::websocket::Role;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A frame to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// The three reserved bits.
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    /// The payload, in the parts in which it is sent.
    pub(crate) parts: Vec<Vec<u8>>,
    /// Whether the mask bit is wrong for the receiver.
    pub(crate) wrong_mask: bool,
    pub(crate) length: Length,
}

/// How the payload's length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// In the shortest form.
    Shortest,
    /// In two bytes, whether it needs them or not.
    Two,
    /// In eight bytes, whether it needs them or not.
    Eight,
    /// In eight bytes, and not true.
    False(u64),
}

impl Frame {
    /// A whole frame.
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            parts: vec![payload.into()],
            wrong_mask: false,
            length: Length::Shortest,
        }
    }

    /// The same without FIN: more is to come.
    pub(crate) fn more(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same with reserved bits.
    pub(crate) fn rsv(mut self, bits: u8) -> Self {
        self.rsv = bits;
        self
    }

    /// The bytes for a receiver in `role`, in the parts in which they are sent.
    pub(crate) fn encode(&self, role: Role, key: [u8; 4]) -> Vec<Vec<u8>> {
        let masked = (role == Role::Server) != self.wrong_mask;
        let len: usize = self.parts.iter().map(Vec::len).sum();
        let mut head = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask_bit = u8::from(masked) << 7;
        let (mark, long) = match self.length {
            Length::Shortest if len < 126 => (len as u8, vec![]),
            Length::Shortest if len < 65_536 => (126, (len as u16).to_be_bytes().to_vec()),
            Length::Two => (126, (len as u16).to_be_bytes().to_vec()),
            Length::Shortest | Length::Eight => (127, (len as u64).to_be_bytes().to_vec()),
            Length::False(len) => (127, len.to_be_bytes().to_vec()),
        };
        head.push(mask_bit | mark);
        head.extend(long);
        if masked {
            head.extend(key);
        }
        let mut position = 0;
        let mut reads = Vec::new();
        for part in &self.parts {
            let mut bytes = std::mem::take(&mut head);
            let start = bytes.len();
            bytes.extend_from_slice(part);
            if masked {
                let mut key = key;
                key.rotate_left(position % 4);
                xor(&mut bytes[start..], key);
            }
            position += part.len();
            reads.push(bytes);
        }
        reads
    }
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// Reads back what an end in `role` wrote: whole, legal, final frames.
pub(crate) fn decode(role: Role, mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        assert_eq!(bytes[0] & 0xf0, 0x80, "final, no reserved bits");
        assert_eq!(bytes[1] & 0x80 != 0, role == Role::Client, "mask");
        let (len, head) = match bytes[1] & 0x7f {
            126 => (u16::from_be_bytes([bytes[2], bytes[3]]) as usize, 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
            len => (len as usize, 2),
        };
        let key_len = if role == Role::Client { 4 } else { 0 };
        let mut payload = bytes[head + key_len..head + key_len + len].to_vec();
        if let Some(key) = bytes[head..head + key_len].first_chunk() {
            xor(&mut payload, *key);
        }
        frames.push((bytes[0] & 0xf, payload));
        bytes = &bytes[head + key_len + len..];
    }
    frames
}

/// Masks. Sixteen bytes a step, because some cases are megabytes and tests are not optimised.
fn xor(bytes: &mut [u8], key: [u8; 4]) {
    let wide = u128::from(u32::from_ne_bytes(key)) * 0x0000_0001_0000_0001_0000_0001_0000_0001;
    let (words, rest) = bytes.as_chunks_mut::<16>();
    for word in words {
        *word = (u128::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// A first moment; tests go on from there by themselves.
#[expect(clippy::disallowed_methods, reason = "there is no other way to a first instant")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Numbers from a seed (SplitMix64), the same on every run.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn key(&mut self) -> [u8; 4] {
        (self.next() as u32).to_be_bytes()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
