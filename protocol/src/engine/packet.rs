//! One Engine.IO packet, to and from its wire forms.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use bytestring::ByteString;

use super::DecodeError;
use crate::Message;

/// Stands between the packets of a polling body.
pub const SEPARATOR: u8 = 0x1e;

/// One packet. Its first character is its type, in every text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// `0`: the server's first packet, with the session's settings as JSON.
    Open(ByteString),
    /// `1`: the sender ends the session.
    Close,
    /// `2`: the server asks for a sign of life; from a client only as `2probe`.
    Ping(ByteString),
    /// `3`: the answer to a ping, with the ping's data.
    Pong(ByteString),
    /// `4`: what Socket.IO sends. Binary data has no type: it is a websocket's binary message as it
    /// stands, and `b` with base64 in text.
    Message(Message),
    /// `5`: the client moves the session to this websocket.
    Upgrade,
    /// `6`: nothing; ends a held GET.
    Noop,
}

impl Packet {
    /// Reads a websocket's text message or one record of a polling body.
    ///
    /// `b` with base64 is a binary message in both places. Data behind `1`, `5` and `6` means nothing
    /// and is dropped (`engine.io-parser` 5.2.3 hands it on, nobody reads it). The data of the
    /// packet is a slice of `text`, so who keeps it keeps all of `text`.
    ///
    /// A bare `b` is an empty binary message: the official client sends an empty buffer so.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Empty`], [`DecodeError::UnknownType`] or [`DecodeError::Base64`]. Stricter than
    /// the reference in base64 alone, which Node reads with anything in it.
    pub fn decode_text(text: ByteString) -> Result<Self, DecodeError> {
        let mut chars = text.chars();
        let kind = chars.next().ok_or(DecodeError::Empty)?;
        let data = chars.as_str();
        Ok(match kind {
            '0' => Self::Open(text.slice_ref(data)),
            '1' => Self::Close,
            '2' => Self::Ping(text.slice_ref(data)),
            '3' => Self::Pong(text.slice_ref(data)),
            '4' => Self::Message(Message::Text(text.slice_ref(data))),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            'b' => {
                let bytes = STANDARD.decode(data).map_err(|_| DecodeError::Base64)?;
                Self::Message(Message::Binary(bytes.into()))
            }
            other => return Err(DecodeError::UnknownType(other)),
        })
    }

    /// Reads one websocket message: a binary one is the data of a message packet, without a type.
    ///
    /// # Errors
    ///
    /// As [`Packet::decode_text`]; a binary message is never wrong.
    pub fn decode(message: Message) -> Result<Self, DecodeError> {
        match message {
            Message::Text(text) => Self::decode_text(text),
            binary @ Message::Binary(_) => Ok(Self::Message(binary)),
        }
    }

    /// Appends the text form, as a record of a polling body has it (without separator).
    pub fn append_record(&self, out: &mut Vec<u8>) {
        let data = match self {
            Self::Message(Message::Binary(bytes)) => return append_base64(bytes, out),
            Self::Open(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Message(Message::Text(text)) => text,
            Self::Close | Self::Upgrade | Self::Noop => "",
        };
        out.push(self.kind());
        out.extend_from_slice(data.as_bytes());
    }

    /// The websocket message that carries the packet.
    pub fn into_message(self) -> Message {
        if let Self::Message(binary @ Message::Binary(_)) = self {
            return binary;
        }
        let mut text = Vec::new();
        self.append_record(&mut text);
        // A packet's text is a digit and the text that it was made of, so this is never the default.
        Message::Text(ByteString::try_from(Bytes::from(text)).unwrap_or_default())
    }

    /// The type, as the first byte of the text form.
    fn kind(&self) -> u8 {
        match self {
            Self::Open(_) => b'0',
            Self::Close => b'1',
            Self::Ping(_) => b'2',
            Self::Pong(_) => b'3',
            Self::Message(Message::Text(_)) => b'4',
            Self::Message(Message::Binary(_)) => b'b',
            Self::Upgrade => b'5',
            Self::Noop => b'6',
        }
    }
}

/// Appends `b` and the base64 of `bytes`, straight into `out`.
fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'b');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    if let Some(room) = out.get_mut(start..) {
        // The room was made for exactly this many bytes, so it cannot be too small.
        let _ = STANDARD.encode_slice(bytes, room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sliced_and_not_copied() {
        let text = ByteString::from("4hello");
        let packet = Packet::decode_text(text.clone()).unwrap();
        let Packet::Message(Message::Text(data)) = packet else {
            panic!("not a message: {packet:?}");
        };
        assert_eq!(data.as_ptr(), text.as_ptr().wrapping_add(1));
    }

    #[test]
    fn base64_of_every_remainder_is_padded() {
        for (bytes, record) in [
            (&b""[..], "b"),
            (b"\x01", "bAQ=="),
            (b"\x01\x02", "bAQI="),
            (b"\x01\x02\x03", "bAQID"),
            (b"\xfb\xff", "b+/8="),
        ] {
            let packet = Packet::Message(Message::Binary(Bytes::copy_from_slice(bytes)));
            let mut out = b"before".to_vec();
            packet.append_record(&mut out);
            assert_eq!(out.strip_prefix(b"before"), Some(record.as_bytes()));
            assert_eq!(Packet::decode_text(record.into()), Ok(packet));
        }
    }
}
