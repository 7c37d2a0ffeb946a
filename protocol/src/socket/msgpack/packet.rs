//! Packets of `socket.io-msgpack-parser`: a map `{type, nsp, data?, id?}`, other keys ignored.

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    super::{Args, Auth, DecodeError, EventName, MsgpackError, Packet, json::Ends},
    Head, Reader,
    check::Check,
};
use crate::{AckId, Limits, Namespace};

/// Reads one packet.
///
/// As strict as the reference's `checkPacket`, and also: reserved names, names that are neither
/// string nor number, ids that are not safe integers, and a key that stands twice are refused.
pub(in super::super) fn decode(bytes: &Bytes, limits: &Limits) -> Result<Packet, DecodeError> {
    let envelope = Envelope::read(bytes, limits)?;
    let max = limits.namespace_max;
    let namespace = envelope.namespace.ok_or(DecodeError::Namespace { max })?;
    let namespace = bytes.slice_ref(namespace.as_bytes());
    let namespace = ByteString::try_from(namespace).map_err(|_| MsgpackError::Utf8)?;
    let namespace = Namespace::parse(namespace, max).ok_or(DecodeError::Namespace { max })?;
    let id = envelope.id;
    Ok(match (envelope.kind, envelope.data) {
        (Some(0), data) => Packet::Connect {
            namespace,
            auth: data.map(|data| auth(bytes, data, limits)).transpose()?,
        },
        (Some(1), None) => Packet::Disconnect { namespace },
        (Some(1), Some(_)) => return Err(DecodeError::UnexpectedPayload),
        (Some(2 | 3), None) => return Err(DecodeError::MissingPayload),
        (Some(2), Some(data)) => {
            let mut items = Items::open(data, limits.args_max + 1, limits)?;
            let name = items.name(bytes, limits)?;
            let args = items.args(bytes, limits)?;
            Packet::Event { namespace, id, name, args }
        }
        (Some(3), Some(data)) => Packet::Ack {
            namespace,
            id,
            args: Some(Items::open(data, limits.args_max, limits)?.args(bytes, limits)?),
        },
        (Some(4), _) => return Err(DecodeError::NotFromClient),
        (Some(kind), _) => {
            let kind = u8::try_from(kind).unwrap_or(u8::MAX);
            return Err(DecodeError::UnknownType(kind));
        }
        (None, _) => return Err(DecodeError::UnknownType(u8::MAX)),
    })
}

/// The known keys. `undefined` is the same as no key at all.
#[derive(Default)]
struct Envelope<'a> {
    kind: Option<u64>,
    namespace: Option<&'a str>,
    id: Option<AckId>,
    /// From the payload's first byte on.
    data: Option<Reader<'a>>,
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        let mut reader = Reader::new(bytes);
        let Head::Map(len) = reader.head()? else {
            let expected = "an object";
            return Err(DecodeError::PayloadShape { expected });
        };
        let (mut envelope, mut seen) = (Self::default(), [false; 4]);
        let mut check = Check { depth_max: limits.depth_max, ..Check::default() };
        for _ in 0..len {
            let Head::Str(key) = reader.head()? else {
                return Err(MsgpackError::Key.into());
            };
            let value = reader;
            check.value(&mut reader, 0)?;
            let Some(known) = ["type", "nsp", "id", "data"].iter().position(|k| *k == key) else {
                continue;
            };
            if seen.get_mut(known).is_some_and(|seen| std::mem::replace(seen, true)) {
                return Err(DecodeError::DuplicateKey);
            }
            envelope.set(key, value)?;
        }
        match reader.rest() {
            [] => Ok(envelope),
            _ => Err(MsgpackError::Trailing.into()),
        }
    }

    fn set(&mut self, key: &str, value: Reader<'a>) -> Result<(), DecodeError> {
        match (key, value.peek()?) {
            (_, Head::Undefined) => {}
            ("type", Head::UInt(kind)) => self.kind = Some(kind),
            ("nsp", Head::Str(name)) => self.namespace = Some(name),
            ("id", Head::UInt(id)) => self.id = Some(AckId::new(id).ok_or(DecodeError::AckId)?),
            ("id", _) => return Err(DecodeError::AckId),
            ("data", _) => self.data = Some(value),
            // A type or namespace of another kind is as good as none.
            _ => {}
        }
        Ok(())
    }
}

fn auth(bytes: &Bytes, mut data: Reader<'_>, limits: &Limits) -> Result<Auth, DecodeError> {
    let Head::Map(_) = data.peek()? else {
        let expected = "an object";
        return Err(DecodeError::PayloadShape { expected });
    };
    let start = data.rest();
    let mut check = Check { depth_max: limits.depth_max, unique: true, ..Check::default() };
    check.value(&mut data, 0)?;
    Ok(Auth::from_msgpack(bytes.slice_ref(consumed(start, &data))))
}

/// The items of an array that are not read yet.
struct Items<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Items<'a> {
    fn open(mut reader: Reader<'a>, max: usize, limits: &Limits) -> Result<Self, DecodeError> {
        let Head::Array(left) = reader.head()? else {
            let expected = "an array";
            return Err(DecodeError::PayloadShape { expected });
        };
        if usize::try_from(left).map_or(true, |left| left > max) {
            let max = limits.args_max;
            return Err(DecodeError::TooManyArgs { max });
        }
        Ok(Self { reader, left })
    }

    fn name(&mut self, bytes: &Bytes, limits: &Limits) -> Result<EventName, DecodeError> {
        self.left = self.left.checked_sub(1).ok_or(DecodeError::EventName)?;
        match self.reader.head()? {
            Head::Str(name) => {
                let name = ByteString::try_from(bytes.slice_ref(name.as_bytes()));
                EventName::string(name.map_err(|_| MsgpackError::Utf8)?, limits)
            }
            Head::UInt(number) => Ok(EventName::number(number.to_string().into())),
            Head::Int(number) => Ok(EventName::number(number.to_string().into())),
            Head::Float(number) => Ok(EventName::number(number.to_string().into())),
            _ => Err(DecodeError::EventName),
        }
    }

    fn args(mut self, bytes: &Bytes, limits: &Limits) -> Result<Args, DecodeError> {
        let start = self.reader.rest();
        let mut ends = Ends::new();
        let mut check = Check { depth_max: limits.depth_max, ..Check::default() };
        for _ in 0..self.left {
            check.value(&mut self.reader, 1)?;
            let end = consumed(start, &self.reader).len();
            ends.push(u32::try_from(end).map_err(|_| DecodeError::TooLarge)?);
        }
        if check.facts.binaries > limits.attachments_max {
            let max = limits.attachments_max;
            return Err(DecodeError::TooManyAttachments { max });
        }
        let items = bytes.slice_ref(consumed(start, &self.reader));
        Ok(Args::from_msgpack_items(items, ends, check.facts))
    }
}

/// What of `start` the reader has read.
fn consumed<'a>(start: &'a [u8], reader: &Reader<'a>) -> &'a [u8] {
    let len = start.len().saturating_sub(reader.rest().len());
    start.get(..len).unwrap_or(start)
}
