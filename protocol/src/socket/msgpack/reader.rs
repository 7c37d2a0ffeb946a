//! One head at a time: a scalar, or the length of an array or map.

use super::super::MsgpackError;

/// What stands at the beginning of a msgpack value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Head<'a> {
    Nil,
    /// Extension of type 0 with one byte: JavaScript's `undefined`.
    Undefined,
    Bool(bool),
    UInt(u64),
    Int(i64),
    Float(f64),
    Str(&'a str),
    /// `bin`, or the extension for an `ArrayBuffer`.
    Bin(&'a [u8]),
    /// Milliseconds since 1970; extension of type 0 with eight bytes, between servers the timestamp of msgpack.
    Date(i64),
    /// So many values follow.
    Array(u32),
    /// So many pairs of key and value follow.
    Map(u32),
}

/// Reads heads from bytes; cannot overrun, allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Whether timestamps (extension -1) are dates.
    timestamps: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, timestamps: false }
    }

    /// Reads what notepack.io 3 writes: servers use it among each other.
    pub(crate) fn between_servers(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, timestamps: true }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next head, without stepping over it.
    pub(crate) fn peek(&self) -> Result<Head<'a>, MsgpackError> {
        let mut ahead = *self;
        ahead.head()
    }

    /// Reads the next head; of a string or bytes the content too.
    pub(crate) fn head(&mut self) -> Result<Head<'a>, MsgpackError> {
        let [marker] = self.take()?;
        Ok(match marker {
            0x00..=0x7f => Head::UInt(marker.into()),
            0x80..=0x8f => Head::Map((marker & 0x0f).into()),
            0x90..=0x9f => Head::Array((marker & 0x0f).into()),
            0xa0..=0xbf => Head::Str(self.text((marker & 0x1f).into())?),
            0xc0 => Head::Nil,
            0xc1 => return Err(MsgpackError::Marker),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4..=0xc6 => {
                let len = self.len(marker - 0xc4)?;
                Head::Bin(self.bytes(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.len(marker - 0xc7)?;
                if self.is_timestamp()? {
                    if len != 12 {
                        return Err(MsgpackError::Extension);
                    }
                    let nanos = u32::from_be_bytes(self.take()?);
                    return Ok(date(i64::from_be_bytes(self.take()?), nanos));
                }
                Head::Bin(self.bytes(len)?)
            }
            0xca => Head::Float(f32::from_be_bytes(self.take()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.take()?)),
            0xcc => Head::UInt(u8::from_be_bytes(self.take()?).into()),
            0xcd => Head::UInt(u16::from_be_bytes(self.take()?).into()),
            0xce => Head::UInt(u32::from_be_bytes(self.take()?).into()),
            0xcf => Head::UInt(u64::from_be_bytes(self.take()?)),
            0xd0 => int(i8::from_be_bytes(self.take()?).into()),
            0xd1 => int(i16::from_be_bytes(self.take()?).into()),
            0xd2 => int(i32::from_be_bytes(self.take()?).into()),
            0xd3 => int(i64::from_be_bytes(self.take()?)),
            0xd4 => {
                self.expect_ext_type_0()?;
                self.take::<1>()?;
                Head::Undefined
            }
            0xd6 => match self.is_timestamp()? {
                true => date(u32::from_be_bytes(self.take()?).into(), 0),
                false => return Err(MsgpackError::Extension),
            },
            0xd7 => {
                if self.is_timestamp()? {
                    let bits = u64::from_be_bytes(self.take()?);
                    let seconds = i64::try_from(bits & 0x3_ffff_ffff).unwrap_or(i64::MAX);
                    return Ok(date(seconds, u32::try_from(bits >> 34).unwrap_or(u32::MAX)));
                }
                Head::Date(i64::from_be_bytes(self.take()?))
            }
            0xd5 | 0xd8 => return Err(MsgpackError::Extension),
            0xd9..=0xdb => {
                let len = self.len(marker - 0xd9)?;
                Head::Str(self.text(len)?)
            }
            0xdc => Head::Array(u16::from_be_bytes(self.take()?).into()),
            0xdd => Head::Array(u32::from_be_bytes(self.take()?)),
            0xde => Head::Map(u16::from_be_bytes(self.take()?).into()),
            0xdf => Head::Map(u32::from_be_bytes(self.take()?)),
            0xe0..=0xff => Head::Int(i8::from_be_bytes([marker]).into()),
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], MsgpackError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(MsgpackError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A length of 1, 2 or 4 bytes (`width` 0, 1, 2).
    fn len(&mut self, width: u8) -> Result<usize, MsgpackError> {
        let len = match width {
            0 => u8::from_be_bytes(self.take()?).into(),
            1 => u16::from_be_bytes(self.take()?).into(),
            _ => u32::from_be_bytes(self.take()?),
        };
        usize::try_from(len).map_err(|_| MsgpackError::Truncated)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], MsgpackError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(MsgpackError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, MsgpackError> {
        std::str::from_utf8(self.bytes(len)?).map_err(|_| MsgpackError::Utf8)
    }

    /// Whether an extension is a timestamp; if it is neither that nor of type 0, it is refused.
    fn is_timestamp(&mut self) -> Result<bool, MsgpackError> {
        match self.take()? {
            [0] => Ok(false),
            [0xff] if self.timestamps => Ok(true),
            _ => Err(MsgpackError::Extension),
        }
    }

    fn expect_ext_type_0(&mut self) -> Result<(), MsgpackError> {
        match self.take()? {
            [0] => Ok(()),
            _ => Err(MsgpackError::Extension),
        }
    }
}

/// A timestamp of msgpack; JavaScript's dates end at the millisecond.
fn date(seconds: i64, nanos: u32) -> Head<'static> {
    Head::Date(seconds.saturating_mul(1_000).saturating_add(i64::from(nanos / 1_000_000)))
}

/// A signed number in its one form: `UInt` unless negative.
fn int(value: i64) -> Head<'static> {
    u64::try_from(value).map_or(Head::Int(value), Head::UInt)
}
