//! JSON text without a tree: bounds first, then syntax, then a cursor over what is known to be valid.

use std::borrow::Cow;

use bytestring::ByteString;
use memchr::memchr2;
use serde::de::{self, Deserializer as _, IgnoredAny};
use smallvec::SmallVec;

use super::DecodeError;

/// Offsets of the ends of items: of the comma after each, or of the end of the text.
pub(super) type Ends = SmallVec<[u32; 4]>;

/// The white space of JSON.
const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];

/// Where the items of an array or object lie in its text.
#[derive(Debug)]
pub(super) struct Scan {
    /// Offset of the first byte after the opening bracket.
    pub(super) start: usize,
    /// Offset of the closing bracket.
    pub(super) end: usize,
    /// Offsets of the commas between items.
    pub(super) commas: Ends,
}

impl Scan {
    /// The text of the items from number `from` on, and where in it each of them ends.
    pub(super) fn items_from(&self, array: &ByteString, from: usize) -> (ByteString, Ends) {
        let offset = |i: usize| self.commas.get(i).and_then(|at| usize::try_from(*at).ok());
        let start = match from.checked_sub(1) {
            None => self.start,
            Some(before) => offset(before).map_or(self.end, |comma| comma + 1),
        };
        let inside = array.get(start..self.end).unwrap_or_default();
        if from > self.commas.len() || (self.commas.is_empty() && inside.trim().is_empty()) {
            return (ByteString::new(), Ends::new());
        }
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = u32::try_from(self.end).unwrap_or(u32::MAX);
        let commas = self.commas.iter().skip(from).chain([&end]);
        let ends = commas.map(|at| at.saturating_sub(start)).collect();
        (array.slice_ref(inside), ends)
    }
}

/// What a scan lets through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Deepest nesting; the outermost bracket counts as 1.
    pub(super) depth: usize,
    /// Most items of the outermost array or object.
    pub(super) items: usize,
}

impl Bounds {
    /// For text that this side wrote itself.
    pub(super) const NONE: Self = Self { depth: usize::MAX, items: usize::MAX };
}

/// Finds the items of the array (`open` is `[`) or object (`{`) that `text` holds.
///
/// One linear pass without recursion, so that it may come before any parser: parsers of JSON
/// differ in how deep they go before they fail or overflow. It does not check syntax; what it
/// returns means something only for text that [`validate`] accepts too.
///
/// # Errors
///
/// `PayloadShape` for another first byte, `TooDeep`, `TooManyArgs` (`max` is `bounds.items`), and
/// `Json` for text that ends early.
pub(super) fn scan(text: &str, open: u8, bounds: Bounds) -> Result<Scan, DecodeError> {
    let bytes = text.as_bytes();
    if u32::try_from(bytes.len()).is_err() {
        return Err(DecodeError::TooLarge);
    }
    let space = bytes.iter().take_while(|b| b" \n\r\t".contains(b)).count();
    if bytes.get(space) != Some(&open) {
        let expected = if open == b'[' { "an array" } else { "an object" };
        return Err(DecodeError::PayloadShape { expected });
    }
    let (start, mut at, mut depth) = (space + 1, space, 0_usize);
    let mut commas = Ends::new();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' if depth == bounds.depth => {
                return Err(DecodeError::TooDeep { max: bounds.depth });
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth <= 1 => {
                let end = at;
                return Ok(Scan { start, end, commas });
            }
            b']' | b'}' => depth -= 1,
            b',' if depth == 1 => {
                if commas.len() + 1 >= bounds.items {
                    return Err(DecodeError::TooManyArgs { max: bounds.items });
                }
                commas.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            _ => {}
        }
        at += 1;
    }
    Err(DecodeError::Json { column: at })
}

/// The offset of the quote that ends the string beginning at `at`, or of the end of the bytes.
pub(crate) fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

/// Checks that `text` is one JSON value and nothing else.
///
/// Lone surrogates (`"\ud83d"`) and numbers beyond a double (`1e400`) pass: they are JSON, and
/// JavaScript reads them.
pub(crate) fn validate(text: &str) -> Result<(), DecodeError> {
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| DecodeError::Json { column: error.column() })
}

/// The string of a JSON string token, quotes included. Lone surrogates become U+FFFD.
pub(super) fn unquote_lossy(token: &str) -> Cow<'_, str> {
    match plain(token) {
        Some(text) => Cow::Borrowed(text),
        None => {
            let bytes = serde_json::Deserializer::from_str(token).deserialize_bytes(OwnedBytes);
            let bytes = bytes.unwrap_or_default();
            Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// The content of a string token without escapes.
pub(super) fn plain(token: &str) -> Option<&str> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

struct OwnedBytes;

impl de::Visitor<'_> for OwnedBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

/// Walks over text that [`validate`] accepted. On other text it ends early, without harm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Steps over `mark` if it comes next.
    pub(super) fn take(&mut self, mark: char) -> bool {
        self.rest = self.rest.trim_start_matches(SPACE);
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a string (with its quotes), number, `true`, `false` or `null`; empty before anything else.
    pub(super) fn token(&mut self) -> &'a str {
        self.rest = self.rest.trim_start_matches(SPACE);
        let bytes = self.rest.as_bytes();
        let len = match bytes.first() {
            Some(b'"') => (end_of_string(bytes, 0) + 1).min(bytes.len()),
            _ => {
                let ends = |b: &u8| b",:]}[{\" \n\r\t".contains(b);
                bytes.iter().position(ends).unwrap_or(bytes.len())
            }
        };
        let (token, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        token
    }
}

/// Whether no object in the valid JSON `text` has a key twice.
///
/// Readers differ in which of the two they take, so a credential could mean one thing here and
/// another behind us. `depth` bounds the recursion.
pub(super) fn keys_are_unique(text: &str, depth: usize) -> bool {
    unique(&mut Cursor::new(text), depth)
}

fn unique(cursor: &mut Cursor<'_>, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return false;
    };
    if cursor.take('[') {
        while !cursor.take(']') {
            if !unique(cursor, below) || (!cursor.take(',') && cursor.rest.is_empty()) {
                return false;
            }
        }
    } else if cursor.take('{') {
        let mut keys = Vec::new();
        while !cursor.take('}') {
            keys.push(unquote_lossy(cursor.token()));
            cursor.take(':');
            if !unique(cursor, below) || (!cursor.take(',') && cursor.rest.is_empty()) {
                return false;
            }
        }
        keys.sort_unstable();
        return keys.is_sorted_by(|a, b| a < b);
    } else {
        return !cursor.token().is_empty();
    }
    true
}
