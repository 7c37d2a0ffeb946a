//! What an assembler keeps of a frame or a message that is not finished.

use std::time::Instant;

use bytes::Bytes;

use super::{
    Opcode, Violation,
    frame::HEADER_MAX,
    header::{Header, Size},
    text::{NotUtf8, TextBuffer},
};
use crate::Message;

/// All of it; an idle connection has none.
#[derive(Debug)]
pub(super) struct Unfinished {
    /// When all of it must be finished; `None` if the timeout is beyond what time can tell.
    pub(super) deadline: Option<Instant>,
    /// The next frame's header, as far as it has come.
    pub(super) header: PartialHeader,
    /// The frame whose payload has not all come.
    pub(super) frame: Option<PartialFrame>,
    /// The message whose last frame has not come.
    pub(super) message: Option<PartialMessage>,
}

impl Unfinished {
    /// Nothing yet.
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Self { deadline, header: PartialHeader::default(), frame: None, message: None }
    }

    /// Whether there is nothing to keep.
    pub(super) fn is_empty(&self) -> bool {
        self.header.as_slice().is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// Bytes of memory.
    pub(super) fn allocated(&self) -> usize {
        let control = self.frame.as_ref().map_or(0, |frame| frame.control.capacity());
        let body = self.message.as_ref().map_or(0, |message| match &message.body {
            Body::Text(text) => text.buffer().capacity(),
            Body::Binary(bytes) => bytes.capacity(),
        });
        size_of::<Self>() + control + body
    }
}

/// The first bytes of a header.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl PartialHeader {
    /// What has come.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Adds from `input` what fits; no header is longer than what fits.
    pub(super) fn fill(&mut self, input: &[u8]) {
        let free = self.bytes.iter_mut().skip(self.len);
        let taken = free.zip(input).map(|(slot, byte)| *slot = *byte).count();
        self.len += taken;
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

/// A frame whose payload is on its way.
#[derive(Debug)]
pub(super) struct PartialFrame {
    /// As it came; its mask is kept turned to the next byte.
    pub(super) header: Header,
    /// Bytes of payload that are still to come.
    pub(super) missing: usize,
    /// The payload of a control frame; that of a data frame goes to the message.
    pub(super) control: Vec<u8>,
}

/// A message that is on its way.
#[derive(Debug)]
pub(super) struct PartialMessage {
    /// What its frames have declared so far.
    pub(super) size: Size,
    body: Body,
}

/// The content, as far as it has come.
#[derive(Debug)]
enum Body {
    Text(TextBuffer),
    Binary(Vec<u8>),
}

impl PartialMessage {
    /// A message with nothing in it yet, begun by a frame of `opcode`.
    pub(super) fn new(opcode: Opcode) -> Self {
        let body = match opcode {
            Opcode::Text => Body::Text(TextBuffer::default()),
            // The header's rules let no other opcode begin a message.
            Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                Body::Binary(Vec::new())
            }
        };
        Self { size: Size::default(), body }
    }

    /// Adds unmasked content.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let declared = self.size.bytes;
        match &mut self.body {
            Body::Text(text) => {
                let buffer = text.buffer_mut();
                // Three bytes more: the start of a character may have waited outside.
                let more = growth(buffer.len(), buffer.capacity(), piece.len() + 3, declared);
                buffer.reserve_exact(more);
                text.push(piece).map_err(|NotUtf8| Violation::TextNotUtf8)
            }
            Body::Binary(bytes) => {
                let more = growth(bytes.len(), bytes.capacity(), piece.len(), declared);
                bytes.reserve_exact(more);
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// The whole message. Its memory is as large as its content: who keeps it keeps nothing else.
    pub(super) fn finish(self) -> Result<Message, Violation> {
        Ok(match self.body {
            Body::Text(text) => {
                let mut text = text.finish().map_err(|NotUtf8| Violation::TextNotUtf8)?;
                text.shrink_to_fit();
                Message::Text(text.into())
            }
            Body::Binary(mut bytes) => {
                bytes.shrink_to_fit();
                Message::Binary(Bytes::from(bytes))
            }
        })
    }
}

/// By how much to grow a buffer before `piece` bytes go in: it doubles, but not past what the
/// frames have declared, so that most messages end in a buffer of exactly their size. What has not
/// arrived is not paid for: a declared length alone allocates nothing.
fn growth(len: usize, capacity: usize, piece: usize, declared: usize) -> usize {
    // `piece` may name up to three bytes too many, never more than are declared.
    let needed = (len + piece).min(declared);
    if needed <= capacity {
        return 0;
    }
    (2 * len).min(declared).max(needed) - len
}
