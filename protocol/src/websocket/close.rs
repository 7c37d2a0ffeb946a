//! How a websocket ends: the codes, the frame, and what a peer can do wrong.

use std::{fmt, str, time::Duration};

use bytestring::ByteString;

use super::{Opcode, Role};

/// Why a websocket is closed, as a number (RFC 6455, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// All is said.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of data that this end does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Content that is not what its type says, such as text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// The peer broke a rule of this end.
    pub const POLICY: Self = Self(1008);
    /// A message that is too large.
    pub const TOO_BIG: Self = Self(1009);
    /// The client misses an extension.
    pub const EXTENSION: Self = Self(1010);
    /// This end failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// Come back later.
    pub const TRY_AGAIN: Self = Self(1013);

    /// Takes a number that a peer sent.
    ///
    /// `None` for what must not be on the wire: 1004 to 1006 and 1015, all that nobody has
    /// registered (below 3000), and what is out of range. 3000 to 4999 are for libraries and
    /// applications.
    pub fn parse(number: u16) -> Option<Self> {
        // 1012 to 1014 came later than the RFC, by the registry that it founded.
        let legal = matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999);
        legal.then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code; a peer may send none.
    pub code: Option<CloseCode>,
    /// The reason, at most 123 bytes; not meant for people.
    pub reason: ByteString,
}

impl CloseFrame {
    /// Reads the payload of a close frame (RFC 6455, 5.5.1).
    ///
    /// # Errors
    ///
    /// One byte, a code that must not be sent, a reason that is not UTF-8.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Violation> {
        if payload.is_empty() {
            return Ok(Self::default());
        }
        let (number, reason) = payload.split_first_chunk().ok_or(Violation::CloseTooShort)?;
        let number = u16::from_be_bytes(*number);
        let code = CloseCode::parse(number).ok_or(Violation::CloseCode { number })?;
        let reason = str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        Ok(Self { code: Some(code), reason: reason.into() })
    }
}

/// What a peer did wrong; the connection ends with [`Violation::close_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A reserved bit is set and no extension gives it a meaning.
    #[error("reserved bits {bits:#05b} are set")]
    ReservedBits {
        /// RSV1, RSV2, RSV3 from the left.
        bits: u8,
    },
    /// An opcode without a meaning.
    #[error("opcode {opcode:#x} is reserved")]
    ReservedOpcode {
        /// Its four bits.
        opcode: u8,
    },
    /// A control frame without the FIN bit.
    #[error("a fragmented control frame: {opcode:?}")]
    FragmentedControl {
        /// Which.
        opcode: Opcode,
    },
    /// A control frame of more than 125 bytes.
    #[error("a control frame of more than 125 bytes: {opcode:?}")]
    LongControl {
        /// Which.
        opcode: Opcode,
    },
    /// A continuation with nothing to continue.
    #[error("a continuation of nothing")]
    NothingToContinue,
    /// A new message before the last fragment of another.
    #[error("a new message inside a fragmented one: {opcode:?}")]
    MessageInsideMessage {
        /// Which kind it is.
        opcode: Opcode,
    },
    /// A frame that is not masked, to a server; a masked one, to a client.
    #[error("a frame to a {role:?} with the wrong mask bit")]
    WrongMask {
        /// Who got it.
        role: Role,
    },
    /// A length in a longer form than it needs.
    #[error("length {len} is not in its shortest form")]
    LongLength {
        /// The length.
        len: u64,
    },
    /// A length of 2^63 or more.
    #[error("length {len} has the highest bit set")]
    NegativeLength {
        /// The length, read without a sign.
        len: u64,
    },
    /// A close payload of one byte.
    #[error("a close frame with half a code")]
    CloseTooShort,
    /// A close code that must not be sent.
    #[error("close code {number} must not be sent")]
    CloseCode {
        /// The code.
        number: u16,
    },
    /// A close reason that is not UTF-8.
    #[error("a close reason that is not UTF-8")]
    CloseReasonNotUtf8,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    TextNotUtf8,
    /// A message over the limit, by what its frames declare.
    #[error("a message of {got} bytes, {max} are allowed")]
    MessageTooLarge {
        /// Bytes declared by the frames so far.
        got: u64,
        /// `max_payload`.
        max: usize,
    },
    /// A message in more frames than allowed.
    #[error("a message of more than {max} frames")]
    TooManyFragments {
        /// `fragments_max`.
        max: u32,
    },
    /// More pings and pongs than allowed.
    #[error("more than {per_second} control frames a second")]
    TooManyControlFrames {
        /// `control_frames_per_second`.
        per_second: u32,
    },
    /// A message, or a frame, that was begun and not finished in time.
    #[error("a message was not finished in {timeout:?}")]
    MessageTimeout {
        /// `message_timeout`.
        timeout: Duration,
    },
}

impl Violation {
    /// The code that tells the peer (RFC 6455, 7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::ReservedBits { .. }
            | Self::ReservedOpcode { .. }
            | Self::FragmentedControl { .. }
            | Self::LongControl { .. }
            | Self::NothingToContinue
            | Self::MessageInsideMessage { .. }
            | Self::WrongMask { .. }
            | Self::LongLength { .. }
            | Self::NegativeLength { .. }
            | Self::CloseTooShort
            | Self::CloseCode { .. } => CloseCode::PROTOCOL,
            Self::CloseReasonNotUtf8 | Self::TextNotUtf8 => CloseCode::INVALID,
            Self::MessageTooLarge { .. } => CloseCode::TOO_BIG,
            Self::TooManyFragments { .. }
            | Self::TooManyControlFrames { .. }
            | Self::MessageTimeout { .. } => CloseCode::POLICY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_a_peer_may_send() {
        let legal: Vec<u16> = (0..=u16::MAX).filter(|n| CloseCode::parse(*n).is_some()).collect();
        let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
        let expected: Vec<u16> = registered.into_iter().chain(3000..=4999).collect();
        assert_eq!(legal, expected);
    }

    #[test]
    fn the_payload_of_a_close_frame() {
        let check = |payload: &[u8], expected: Result<(u16, &str), Violation>| {
            let read = CloseFrame::parse(payload);
            let read =
                read.as_ref().map(|frame| (frame.code.map_or(0, CloseCode::get), &*frame.reason));
            assert_eq!(read, expected.as_ref().copied(), "{payload:x?}");
        };
        check(b"", Ok((0, "")));
        check(b"\x03", Err(Violation::CloseTooShort));
        check(b"\x03\xe8", Ok((1000, "")));
        check(b"\x03\xe9bye", Ok((1001, "bye")));
        check(b"\x03\xed", Err(Violation::CloseCode { number: 1005 }));
        check(b"\x03\xe8\xff", Err(Violation::CloseReasonNotUtf8));
    }
}
