//! What a transport carries: one text or binary unit.

use bytes::Bytes;
use bytestring::ByteString;

/// One whole unit of a transport: a websocket message, or the data of an Engine.IO message packet.
///
/// Owned, and cheap to clone and to slice. It never borrows from a read buffer: a five-byte message
/// that is kept must not pin the 64 KiB that it was read with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, valid UTF-8.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Bytes of content.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it has no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
