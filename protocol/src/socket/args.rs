//! The arguments of an event or an acknowledgement.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    DecodeError, EncodeError, Value,
    json::{self, Bounds, Ends},
    msgpack::{Facts, MsgpackDeserializer, Reader, write_str, write_value},
    placeholder,
    stringify::{quote, stringify},
    tree,
};
use crate::Limits;

/// The arguments of an event (without its name) or of an ack; none, one or several.
///
/// Immutable and cheap to clone. They stay as they came or as they were first written: JSON text
/// with attachments, or msgpack. Reading one parses only that one.
#[derive(Clone)]
pub struct Args(Repr);

#[derive(Clone)]
enum Repr {
    /// The items as JSON, a comma between two; `ends` are the offsets of those commas and of the end.
    Json { text: ByteString, ends: Ends, attachments: Option<Arc<[Bytes]>> },
    /// The items one after another; `ends` are the offsets behind each.
    Msgpack { items: Bytes, ends: Ends, facts: Facts },
}

/// An argument that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {index}, field {path}: {reason}")]
pub struct ArgError {
    /// Which argument, from 0.
    pub index: usize,
    /// The field in it, such as `items[2].price`; `.` for the argument itself.
    pub path: String,
    /// What is wrong with it, for people.
    pub reason: String,
}

impl Args {
    /// No arguments.
    pub fn none() -> Self {
        Self::from_json_items(ByteString::new(), Ends::new())
    }

    /// One argument.
    ///
    /// # Errors
    ///
    /// The value cannot be JSON; or it has both bytes and data that looks like a placeholder.
    pub fn one<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let (text, attachments) = to_json(value)?;
        let end = u32::try_from(text.len()).map_err(|_| EncodeError::TooLarge)?;
        Self::own(text, Ends::from_elem(end, 1), attachments)
    }

    /// One argument for each item of a tuple, array or `Vec`; none for `()`.
    ///
    /// # Errors
    ///
    /// As [`Args::one`]; `NotAList` for anything else.
    pub fn many<T: Serialize + ?Sized>(values: &T) -> Result<Self, EncodeError> {
        let (text, attachments) = to_json(values)?;
        if &*text == "null" {
            return Ok(Self::none());
        }
        let (text, ends) = items(&text, Bounds::NONE).map_err(|error| match error {
            DecodeError::TooLarge => EncodeError::TooLarge,
            _ => EncodeError::NotAList,
        })?;
        Self::own(text, ends, attachments)
    }

    /// The items of a JSON array, such as a REST body carries: `[1,{"a":2}]`.
    ///
    /// # Errors
    ///
    /// Not an array, not JSON, deeper or longer than `limits` allow.
    pub fn from_json_array(text: &str, limits: &Limits) -> Result<Self, DecodeError> {
        let bounds = Bounds { depth: limits.depth_max, items: limits.args_max };
        let text = ByteString::from(text);
        let (items, ends) = items(&text, bounds)?;
        json::validate(&text)?;
        Ok(Self::from_json_items(items, ends))
    }

    /// The arguments that [`Args::to_parts`] wrote, perhaps elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Args::from_json_array`]; or the placeholders are not those of the attachments.
    pub fn from_parts(
        text: &str,
        attachments: Vec<Bytes>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut args = Self::from_json_array(text, limits)?;
        if let (Repr::Json { text, .. }, false) = (&args.0, attachments.is_empty()) {
            placeholder::check(text, attachments.len())?;
        }
        args.attach(attachments);
        Ok(args)
    }

    /// The arguments as the text of a JSON array with a placeholder for each attachment, and those; from
    /// msgpack too.
    pub fn to_parts(&self) -> (String, Vec<Bytes>) {
        let (items, attachments) = self.to_json();
        (format!("[{items}]"), attachments.map(|all| all.to_vec()).unwrap_or_default())
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.ends().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads an argument. A missing one reads as `null`, as in JavaScript it is `undefined`.
    ///
    /// # Errors
    ///
    /// It is not a `T`. A string with half of a surrogate pair is no `String`.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgError> {
        let span = self.span(index);
        match &self.0 {
            Repr::Json { text, attachments, .. } => {
                let item = span.and_then(|span| text.get(span)).unwrap_or("null");
                match attachments {
                    None => from_json(item).map_err(|error| error.at(index)),
                    Some(attachments) => {
                        let value = tree::parse(item, attachments).map_err(|_| {
                            Misread::new(".", "a string with a lone surrogate").at(index)
                        })?;
                        serde_path_to_error::deserialize(value)
                            .map_err(|error| Misread::from(error).at(index))
                    }
                }
            }
            Repr::Msgpack { items, .. } => {
                let item = span.and_then(|span| items.get(span)).unwrap_or(&[0xc0]);
                from_msgpack(item).map_err(|error| error.at(index))
            }
        }
    }

    /// The same arguments and a string after them.
    #[must_use]
    pub fn with_last(&self, last: &str) -> Self {
        let mut ends = self.ends().clone();
        let repr = match &self.0 {
            Repr::Json { text, attachments, .. } => {
                let mut longer = Vec::with_capacity(text.len() + last.len() + 3);
                longer.extend_from_slice(text.as_bytes());
                if !ends.is_empty() {
                    longer.push(b',');
                }
                quote(last, &mut longer);
                ends.push(u32::try_from(longer.len()).unwrap_or(u32::MAX));
                Repr::Json { text: utf8(longer), ends, attachments: attachments.clone() }
            }
            Repr::Msgpack { items, facts, .. } => {
                let mut longer = Vec::with_capacity(items.len() + last.len() + 5);
                longer.extend_from_slice(items);
                write_str(&mut longer, last);
                ends.push(u32::try_from(longer.len()).unwrap_or(u32::MAX));
                Repr::Msgpack { items: longer.into(), ends, facts: *facts }
            }
        };
        Self(repr)
    }

    /// The attachments, in the order of their numbers. Empty where binary data is inline (msgpack).
    pub fn attachments(&self) -> &[Bytes] {
        match &self.0 {
            Repr::Json { attachments, .. } => attachments.as_deref().unwrap_or_default(),
            Repr::Msgpack { .. } => &[],
        }
    }

    /// Bytes held, attachments included.
    pub fn size(&self) -> usize {
        match &self.0 {
            Repr::Json { text, .. } => {
                text.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
            }
            Repr::Msgpack { items, .. } => items.len(),
        }
    }

    /// Valid JSON items out of a packet.
    pub(super) fn from_json_items(text: ByteString, ends: Ends) -> Self {
        Self(Repr::Json { text, ends, attachments: None })
    }

    /// Checked msgpack items out of a packet.
    pub(super) fn from_msgpack_items(items: Bytes, ends: Ends, facts: Facts) -> Self {
        Self(Repr::Msgpack { items, ends, facts })
    }

    /// The attachments that the placeholders of a packet stand for.
    pub(super) fn attach(&mut self, received: Vec<Bytes>) {
        if let Repr::Json { attachments, .. } = &mut self.0 {
            *attachments = (!received.is_empty()).then(|| received.into());
        }
    }

    /// How many attachments this needs for a client of the default parser, and whether data in it
    /// could be taken for a placeholder then.
    pub(super) fn facts(&self) -> Facts {
        match &self.0 {
            Repr::Json { .. } => Facts { binaries: self.attachments().len(), lookalike: false },
            Repr::Msgpack { facts, .. } => *facts,
        }
    }

    /// The items as JSON, with commas between them, and the attachments; converts msgpack.
    pub(super) fn to_json(&self) -> (ByteString, Option<Arc<[Bytes]>>) {
        match &self.0 {
            Repr::Json { text, attachments, .. } => (text.clone(), attachments.clone()),
            Repr::Msgpack { items, ends, .. } => {
                let mut reader = Reader::new(items);
                let (mut text, mut attachments) = (Vec::new(), Vec::new());
                for index in 0..ends.len() {
                    if index > 0 {
                        text.push(b',');
                    }
                    let value = Value::deserialize(MsgpackDeserializer(&mut reader));
                    // Checked when it came, so neither step fails.
                    let _ = stringify(&value.unwrap_or_default(), &mut text, &mut attachments);
                }
                let attachments = (!attachments.is_empty()).then(|| attachments.into());
                (utf8(text), attachments)
            }
        }
    }

    /// Appends the items as msgpack, one after another; converts JSON.
    pub(super) fn write_msgpack(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Json { text, .. } => {
                for index in 0..self.len() {
                    let item = self.span(index).and_then(|span| text.get(span));
                    let item = item.unwrap_or("null");
                    write_value(out, &tree::parse_lossy(item, self.attachments()));
                }
            }
            Repr::Msgpack { items, .. } => out.extend_from_slice(items),
        }
    }

    /// Arguments written here.
    fn own(text: ByteString, ends: Ends, attachments: Vec<Bytes>) -> Result<Self, EncodeError> {
        if !attachments.is_empty() {
            // Data that a client sent as plain text could otherwise point at a real attachment.
            placeholder::check(&text, attachments.len()).map_err(|_| EncodeError::Ambiguous)?;
        }
        let mut args = Self::from_json_items(text, ends);
        args.attach(attachments);
        Ok(args)
    }

    fn ends(&self) -> &Ends {
        match &self.0 {
            Repr::Json { ends, .. } | Repr::Msgpack { ends, .. } => ends,
        }
    }

    /// Where an item lies.
    fn span(&self, index: usize) -> Option<std::ops::Range<usize>> {
        let separator = usize::from(matches!(self.0, Repr::Json { .. }));
        let at = |index: usize| {
            let end = self.ends().get(index)?;
            usize::try_from(*end).ok()
        };
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => at(before)? + separator,
        };
        Some(start..at(index)?)
    }
}

impl Default for Args {
    fn default() -> Self {
        Self::none()
    }
}

/// Says how much, not what: payloads do not belong in logs.
impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({} in {} bytes)", self.len(), self.size())
    }
}

/// An [`ArgError`] before it is known which argument.
pub(super) struct Misread {
    path: String,
    reason: String,
}

impl Misread {
    fn new(path: &str, reason: &str) -> Self {
        // The position in the text of one argument tells nobody anything.
        let reason = reason.split(" at line ").next().unwrap_or(reason);
        Self { path: path.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn at(self, index: usize) -> ArgError {
        ArgError { index, path: self.path, reason: self.reason }
    }
}

impl<E: fmt::Display> From<serde_path_to_error::Error<E>> for Misread {
    fn from(error: serde_path_to_error::Error<E>) -> Self {
        Self::new(&error.path().to_string(), &error.inner().to_string())
    }
}

/// Reads JSON; only a failure is read again, to find its place, since following it costs.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Misread> {
    serde_json::from_str(text).or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Ok(serde_path_to_error::deserialize(&mut deserializer)?)
    })
}

/// Reads checked msgpack.
pub(super) fn from_msgpack<T: DeserializeOwned>(item: &[u8]) -> Result<T, Misread> {
    T::deserialize(MsgpackDeserializer(&mut Reader::new(item))).or_else(|_| {
        let mut reader = Reader::new(item);
        Ok(serde_path_to_error::deserialize(MsgpackDeserializer(&mut reader))?)
    })
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<(ByteString, Vec<Bytes>), EncodeError> {
    let (mut text, mut attachments) = (Vec::with_capacity(128), Vec::new());
    stringify(value, &mut text, &mut attachments)?;
    Ok((utf8(text), attachments))
}

/// The inside of a JSON array, and where its items end.
fn items(array: &ByteString, bounds: Bounds) -> Result<(ByteString, Ends), DecodeError> {
    let scan = json::scan(array, b'[', bounds)?;
    Ok(scan.items_from(array, 0))
}

/// Text that this crate wrote, so it is UTF-8.
pub(super) fn utf8(text: Vec<u8>) -> ByteString {
    ByteString::try_from(text).unwrap_or_default()
}
