//! One head at a time: a scalar, or the length of an array or map.

use super::super::MsgpackError;

/// What stands at the beginning of a msgpack value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Head<'a> {
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
    /// Milliseconds since 1970; extension of type 0 with eight bytes.
    Date(i64),
    /// So many values follow.
    Array(u32),
    /// So many pairs of key and value follow.
    Map(u32),
}

/// Reads heads from bytes; cannot overrun, allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(in super::super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub(in super::super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next head, without stepping over it.
    pub(in super::super) fn peek(&self) -> Result<Head<'a>, MsgpackError> {
        let mut ahead = *self;
        ahead.head()
    }

    /// Reads the next head; of a string or bytes the content too.
    pub(in super::super) fn head(&mut self) -> Result<Head<'a>, MsgpackError> {
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
                self.expect_ext_type_0()?;
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
            0xd7 => {
                self.expect_ext_type_0()?;
                Head::Date(i64::from_be_bytes(self.take()?))
            }
            0xd5 | 0xd6 | 0xd8 => return Err(MsgpackError::Extension),
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

    fn expect_ext_type_0(&mut self) -> Result<(), MsgpackError> {
        match self.take()? {
            [0] => Ok(()),
            _ => Err(MsgpackError::Extension),
        }
    }
}

/// A signed number in its one form: `UInt` unless negative.
fn int(value: i64) -> Head<'static> {
    u64::try_from(value).map_or(Head::Int(value), Head::UInt)
}
