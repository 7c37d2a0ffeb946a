//! JSON text into a [`Value`], attachments put in their places.

use bytes::Bytes;
use serde_json::Number;

use super::{
    Value,
    json::{Cursor, unquote_lossy},
};

/// Deepest nesting that is read; deeper values become `null`. What comes from a peer was bounded
/// lower before; this bounds the stack for text that the application wrote.
const DEPTH_MAX: usize = 512;

/// A string that holds half of a surrogate pair, which Rust's strings cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

/// Reads one valid JSON value.
///
/// With attachments, every placeholder object becomes its attachment; without, it is plain data, as
/// in a packet of type 2.
///
/// # Errors
///
/// A string with a lone surrogate.
pub(super) fn parse(text: &str, attachments: &[Bytes]) -> Result<Value, LoneSurrogate> {
    let mut tree = Tree { cursor: Cursor::new(text), attachments, lossy: false };
    tree.value(DEPTH_MAX)
}

/// Like [`parse`], but a lone surrogate becomes U+FFFD: for clients that can be sent no such string.
pub(crate) fn parse_lossy(text: &str, attachments: &[Bytes]) -> Value {
    let mut tree = Tree { cursor: Cursor::new(text), attachments, lossy: true };
    tree.value(DEPTH_MAX).unwrap_or_default()
}

struct Tree<'a> {
    cursor: Cursor<'a>,
    attachments: &'a [Bytes],
    lossy: bool,
}

impl Tree<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, LoneSurrogate> {
        let Some(below) = depth.checked_sub(1) else {
            return Ok(Value::Null);
        };
        if self.cursor.take('[') {
            let mut items = Vec::new();
            if self.cursor.take(']') {
                return Ok(Value::Array(items));
            }
            loop {
                items.push(self.value(below)?);
                if !self.cursor.take(',') {
                    break;
                }
            }
            self.cursor.take(']');
            Ok(Value::Array(items))
        } else if self.cursor.take('{') {
            let mut entries = Vec::new();
            if self.cursor.take('}') {
                return Ok(Value::Object(entries));
            }
            loop {
                let token = self.cursor.token();
                let key = self.string(token)?;
                self.cursor.take(':');
                entries.push((key, self.value(below)?));
                if !self.cursor.take(',') {
                    break;
                }
            }
            self.cursor.take('}');
            Ok(self.resolve(Value::object(entries)))
        } else {
            let token = self.cursor.token();
            self.scalar(token)
        }
    }

    fn scalar(&self, token: &str) -> Result<Value, LoneSurrogate> {
        Ok(match token {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if token.starts_with('"') => Value::String(self.string(token)?),
            // A number beyond a double is Infinity in JavaScript, and `null` when sent on.
            _ => serde_json::from_str::<Number>(token).map_or(Value::Null, Value::Number),
        })
    }

    fn string(&self, token: &str) -> Result<String, LoneSurrogate> {
        if self.lossy {
            return Ok(unquote_lossy(token).into_owned());
        }
        serde_json::from_str(token).map_err(|_| LoneSurrogate)
    }

    /// The attachment that a placeholder stands for; every other object as it is.
    fn resolve(&self, object: Value) -> Value {
        if self.attachments.is_empty() || object.get("_placeholder") != Some(&Value::Bool(true)) {
            return object;
        }
        let num = match object.get("num") {
            Some(Value::Number(num)) => num.as_u64().and_then(|num| usize::try_from(num).ok()),
            _ => None,
        };
        match num.and_then(|num| self.attachments.get(num)) {
            Some(bytes) => Value::Binary(bytes.clone()),
            None => object,
        }
    }
}
