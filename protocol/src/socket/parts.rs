//! A text packet in pieces.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::stringify::quote;

/// What stands before a packet's arguments; nearly always short enough to need no memory.
pub(super) type Head = SmallVec<[u8; 128]>;

/// The text of a packet in pieces, so that its length is known before its frame is written.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) head: Head,
    pub(super) items: ByteString,
    pub(super) tail: &'static [u8],
    pub(super) attachments: Option<Arc<[Bytes]>>,
}

impl Parts {
    pub(super) fn text(&self) -> [&[u8]; 3] {
        [&self.head, self.items.as_bytes(), self.tail]
    }

    pub(super) fn len(&self) -> usize {
        self.text().iter().map(|part| part.len()).sum()
    }

    pub(super) fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }
}

pub(super) fn push_digits(head: &mut Head, mut number: u64) {
    let start = head.len();
    loop {
        head.extend((number % 10).to_be_bytes().last().map(|digit| b'0' + digit));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = head.get_mut(start..) {
        digits.reverse();
    }
}

/// A JSON string; names in use need no escapes.
pub(super) fn push_quoted(head: &mut Head, name: &str) {
    if name.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        head.push(b'"');
        head.extend_from_slice(name.as_bytes());
        head.push(b'"');
    } else {
        let mut quoted = Vec::new();
        quote(name, &mut quoted);
        head.extend_from_slice(&quoted);
    }
}
