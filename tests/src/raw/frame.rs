//! One websocket frame (RFC 6455, 5.2) with every field open to abuse.

/// The opcodes of RFC 6455, 11.8; the numbers between and above them are reserved.
pub mod opcode {
    /// The next piece of a message.
    pub const CONTINUATION: u8 = 0x0;
    /// A text message, or its first piece.
    pub const TEXT: u8 = 0x1;
    /// A binary message, or its first piece.
    pub const BINARY: u8 = 0x2;
    /// The close handshake.
    pub const CLOSE: u8 = 0x8;
    /// A ping of the websocket's own, not Engine.IO's.
    pub const PING: u8 = 0x9;
    /// Its answer.
    pub const PONG: u8 = 0xA;
}

/// How the payload's length is written.
#[derive(Debug, Clone, Copy)]
enum Length {
    Shortest,
    /// In two bytes, whatever it is.
    Two(u16),
    /// In eight bytes, whatever it is.
    Eight(u64),
}

/// A frame to send. Correct (final, masked, shortest length) until told otherwise.
#[derive(Debug, Clone)]
pub struct Frame {
    first: u8,
    masked: bool,
    length: Length,
    payload: Vec<u8>,
}

impl Frame {
    /// A final, masked frame.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self {
            first: 0x80 | opcode,
            masked: true,
            length: Length::Shortest,
            payload: payload.as_ref().to_vec(),
        }
    }

    /// A text message in one frame.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::new(opcode::TEXT, text)
    }

    /// A binary message in one frame.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(opcode::BINARY, bytes)
    }

    /// Without FIN: more of the message is to come.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.first &= 0x7F;
        self
    }

    /// With reserved bit 1, 2 or 3 set.
    #[must_use]
    pub fn rsv(mut self, bit: u8) -> Self {
        self.first |= 0x80 >> bit;
        self
    }

    /// Without a mask, which no client may do.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// Declares a length in two bytes, whatever the payload has.
    #[must_use]
    pub fn declaring_in_two(mut self, length: u16) -> Self {
        self.length = Length::Two(length);
        self
    }

    /// Declares a length in eight bytes, whatever the payload has.
    #[must_use]
    pub fn declaring(mut self, length: u64) -> Self {
        self.length = Length::Eight(length);
        self
    }

    /// The frame's bytes. The mask is fixed: nothing here is secret.
    pub fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
        let masked = if self.masked { 0x80 } else { 0 };
        let mut out = vec![self.first];
        match (self.length, self.payload.len()) {
            (Length::Shortest, n @ 0..=125) => out.push(masked | n as u8),
            (Length::Shortest, n @ 126..=0xFFFF) => {
                out.push(masked | 126);
                out.extend((n as u16).to_be_bytes());
            }
            (Length::Shortest, n) => {
                out.push(masked | 127);
                out.extend((n as u64).to_be_bytes());
            }
            (Length::Two(n), _) => {
                out.push(masked | 126);
                out.extend(n.to_be_bytes());
            }
            (Length::Eight(n), _) => {
                out.push(masked | 127);
                out.extend(n.to_be_bytes());
            }
        }
        if self.masked {
            out.extend(MASK);
            out.extend(
                self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask),
            );
        } else {
            out.extend(&self.payload);
        }
        out
    }
}
