//! JSON of foreign messages: bounds first, then syntax, then a tree.

use super::{Bounds, Malformed};
use crate::socket::{Value, json, stringify::stringify, tree};

/// Reads one value.
pub(super) fn read(payload: &[u8], bounds: &Bounds) -> Result<Value, Malformed> {
    let text = std::str::from_utf8(payload).map_err(|_| Malformed::Syntax)?;
    bounded(payload, bounds)?;
    json::validate(text).map_err(|_| Malformed::Syntax)?;
    Ok(tree::parse_lossy(text, &[]))
}

/// One pass without recursion: how deep it goes, and how many values there may be at most.
fn bounded(bytes: &[u8], bounds: &Bounds) -> Result<(), Malformed> {
    let (mut at, mut depth, mut values) = (0, 0_usize, 1_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = json::end_of_string(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > bounds.depth_max || values > bounds.values_max {
            return Err(Malformed::TooMuch);
        }
        at += 1;
    }
    Ok(())
}

/// Writes one value as `JSON.stringify` does: bytes as what `Buffer.prototype.toJSON` makes of them.
pub(super) fn write(value: Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // A tree without bytes can always be written.
    let _ = stringify(&without_bytes(value), &mut out, &mut Vec::new());
    out
}

fn without_bytes(value: Value) -> Value {
    match value {
        Value::Binary(bytes) => {
            let bytes = bytes.iter().map(|byte| Value::Number((*byte).into())).collect();
            let kind = ("type".to_owned(), Value::String("Buffer".to_owned()));
            Value::Object(vec![kind, ("data".to_owned(), Value::Array(bytes))])
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_bytes).collect()),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, without_bytes(value)));
            Value::Object(entries.collect())
        }
        scalar => scalar,
    }
}
