//! msgpack of foreign messages, in the dialect of notepack.io 3.

use bytes::Bytes;

use super::{Bounds, Malformed};
use crate::socket::{
    Value,
    msgpack::{Head, Reader, iso_date, write_array_len, write_map_len, write_str, write_value},
};

/// Reads one value, and nothing behind it.
pub(super) fn read(payload: &[u8], bounds: &Bounds) -> Result<Value, Malformed> {
    let mut tree = Tree { reader: Reader::between_servers(payload), left: bounds.values_max };
    let value = tree.value(bounds.depth_max)?;
    tree.reader.rest().is_empty().then_some(value).ok_or(Malformed::Syntax)
}

struct Tree<'a> {
    reader: Reader<'a>,
    /// How many more values are read. Declared lengths are only counted down.
    left: usize,
}

impl Tree<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        self.left = self.left.checked_sub(1).ok_or(Malformed::TooMuch)?;
        Ok(match self.reader.head().map_err(|_| Malformed::Syntax)? {
            Head::Nil | Head::Undefined => Value::Null,
            Head::Bool(value) => Value::Bool(value),
            Head::UInt(value) => Value::Number(value.into()),
            Head::Int(value) => Value::Number(value.into()),
            Head::Float(value) => Value::double(value),
            Head::Str(text) => Value::String(text.to_owned()),
            Head::Bin(bytes) => Value::Binary(Bytes::copy_from_slice(bytes)),
            // As JSON.stringify would send it on.
            Head::Date(ms) => iso_date(ms).map_or(Value::Null, Value::String),
            Head::Array(len) => {
                let below = depth.checked_sub(1).ok_or(Malformed::TooMuch)?;
                let mut items = Vec::new();
                for _ in 0..len {
                    items.push(self.value(below)?);
                }
                Value::Array(items)
            }
            Head::Map(len) => {
                let below = depth.checked_sub(1).ok_or(Malformed::TooMuch)?;
                let mut entries = Vec::new();
                for _ in 0..len {
                    let Ok(Head::Str(key)) = self.reader.head() else {
                        return Err(Malformed::Syntax);
                    };
                    entries.push((key.to_owned(), self.value(below)?));
                }
                Value::object(entries)
            }
        })
    }
}

/// Writes one value.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append(&mut out, value);
    out
}

fn append(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Array(items) => {
            write_array_len(out, items.len());
            for item in items {
                append(out, item);
            }
        }
        Value::Object(entries) => {
            write_map_len(out, entries.len());
            for (key, value) in entries {
                write_str(out, key);
                append(out, value);
            }
        }
        Value::Number(number) => match whole(number) {
            Some(whole) => write_value(out, &Value::Number(whole)),
            None => write_value(out, value),
        },
        scalar => write_value(out, scalar),
    }
}

/// A whole double beyond 2^53 as an integer of 64 bits, which notepack.io 3 writes and 2 does not.
fn whole(number: &serde_json::Number) -> Option<serde_json::Number> {
    if !number.is_f64() {
        return None;
    }
    let value = number.as_f64().filter(|value| value.trunc() == *value)?;
    // 2^64 and 2^63: every whole double below fits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    if (0.0..18_446_744_073_709_551_616.0).contains(&value) {
        Some((value as u64).into())
    } else if (-9_223_372_036_854_775_808.0..0.0).contains(&value) {
        Some((value as i64).into())
    } else {
        None
    }
}

/// Whether there are bytes anywhere in it.
pub(super) fn has_binary(value: &Value) -> bool {
    match value {
        Value::Binary(_) => true,
        Value::Array(items) => items.iter().any(has_binary),
        Value::Object(entries) => entries.iter().any(|(_, value)| has_binary(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
