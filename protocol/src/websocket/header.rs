//! A frame's header, read: every rule that can be judged before the payload.

use super::{
    Opcode, Role, Violation,
    frame::{CONTROL_MAX, FIN, LEN_16, LEN_64, MASK, OPCODE, RESERVED, ReservedOpcode},
};

/// What the header of a frame says, once it is found legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The last frame of its message.
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    /// The key, if the payload is masked.
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub(super) len: usize,
}

/// What a header is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) role: Role,
    /// Bytes of a whole message.
    pub(super) max_payload: usize,
    /// Frames of a whole message.
    pub(super) fragments_max: u32,
    /// The message under way, if one is.
    pub(super) under_way: Option<Size>,
}

/// How much of a message its frames have declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) frames: u32,
    pub(super) bytes: usize,
}

impl Header {
    /// Reads a header from the front of `bytes`; with how many bytes it took, or `None` while some
    /// are missing.
    ///
    /// # Errors
    ///
    /// Rules are judged in the order of the bytes, each as soon as its bytes are there. So it makes
    /// no difference how a header is cut into reads.
    pub(super) fn parse(bytes: &[u8], rules: &Rules) -> Result<Option<(Self, usize)>, Violation> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let (fin, opcode) = parse_first(first, rules)?;
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let masked = second & MASK != 0;
        if masked != matches!(rules.role, Role::Server) {
            return Err(Violation::WrongMask { role: rules.role });
        }
        let short = second & !MASK;
        if opcode.is_control() && usize::from(short) > CONTROL_MAX {
            return Err(Violation::LongControl { opcode });
        }
        let Some((len, rest)) = parse_len(short, rest)? else {
            return Ok(None);
        };
        let len = if opcode.is_control() { usize::from(short) } else { rules.fit(len)? };
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !masked => (None, rest),
            Some((mask, rest)) => (Some(*mask), rest),
            None => return Ok(None),
        };
        let header = Self { fin, opcode, mask, len };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

impl Rules {
    /// The length of a data frame, if the message still fits with it.
    fn fit(&self, len: u64) -> Result<usize, Violation> {
        let before = self.under_way.unwrap_or_default().bytes as u64;
        let got = before.saturating_add(len);
        if got > self.max_payload as u64 {
            return Err(Violation::MessageTooLarge { got, max: self.max_payload });
        }
        usize::try_from(len).map_err(|_| Violation::MessageTooLarge { got, max: self.max_payload })
    }
}

/// Reads the first byte: FIN, three reserved bits, the opcode.
fn parse_first(byte: u8, rules: &Rules) -> Result<(bool, Opcode), Violation> {
    let fin = byte & FIN != 0;
    // RSV1 on the first frame of a message would say that it is compressed (RFC 7692, 6).
    let bits = (byte & RESERVED) >> 4;
    if bits != 0 {
        return Err(Violation::ReservedBits { bits });
    }
    let opcode = Opcode::try_from(byte & OPCODE)
        .map_err(|ReservedOpcode(opcode)| Violation::ReservedOpcode { opcode })?;
    match (opcode, rules.under_way) {
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) if !fin => {
            Err(Violation::FragmentedControl { opcode })
        }
        (Opcode::Continuation, None) => Err(Violation::NothingToContinue),
        (Opcode::Continuation, Some(size)) if size.frames >= rules.fragments_max => {
            Err(Violation::TooManyFragments { max: rules.fragments_max })
        }
        (Opcode::Text | Opcode::Binary, Some(_)) => Err(Violation::MessageInsideMessage { opcode }),
        _ => Ok((fin, opcode)),
    }
}

/// Reads the length that `short` announces, from the bytes after it.
fn parse_len(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    let (len, rest, least) = match short {
        LEN_16 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, u64::from(LEN_16)),
            None => return Ok(None),
        },
        LEN_64 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 1 << 16),
            None => return Ok(None),
        },
        short => (u64::from(short), rest, 0),
    };
    if len >> 63 != 0 {
        return Err(Violation::NegativeLength { len });
    }
    if len < least {
        return Err(Violation::LongLength { len });
    }
    Ok(Some((len, rest)))
}
