//! Keys whose bytes sort as their parts do.

use std::fmt;

/// The name of a record: a collection and parts, in an order. Cheap enough to build for each call.
///
/// Texts sort by their bytes, numbers by their value, and no two lists of texts share bytes: a text
/// ends with `00`, which occurs nowhere in it, since `00` is written `01 01` and `01` is `01 02`. So a
/// shorter list of parts is a prefix of exactly those keys that begin with these parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of a whole collection.
    pub fn of(collection: &'static str) -> Self {
        Self(Vec::with_capacity(48)).text(collection)
    }

    /// With one more part, a text.
    #[must_use]
    pub fn text(mut self, part: &str) -> Self {
        for byte in part.bytes() {
            match byte {
                0 | 1 => self.0.extend_from_slice(&[1, byte + 1]),
                byte => self.0.push(byte),
            }
        }
        self.0.push(0);
        self
    }

    /// With one more part, a number; smaller ones come first.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// With one more part, a number; larger ones come first.
    #[must_use]
    pub fn descending(self, part: u64) -> Self {
        self.number(!part)
    }

    /// Takes a key as a backend stored it.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The key as a backend stores it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a key is in the range that this one is the prefix of, itself apart.
    pub fn holds(&self, other: &Self) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }

    /// The parts behind a prefix; empty where the key is not under it.
    pub fn after<'a>(&'a self, prefix: &Self) -> Parts<'a> {
        Parts(self.0.strip_prefix(prefix.0.as_slice()).unwrap_or_default())
    }
}

/// Reads the parts of a key, in order.
#[derive(Clone, Debug)]
pub struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    /// The next part as a text.
    pub fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (written, rest) = self.0.split_at_checked(end)?;
        let mut text = Vec::with_capacity(written.len());
        let mut bytes = written.iter();
        while let Some(byte) = bytes.next() {
            text.push(if *byte == 1 { bytes.next()?.checked_sub(1)? } else { *byte });
        }
        let rest = rest.get(1..)?;
        self.0 = rest;
        String::from_utf8(text).ok()
    }

    /// The next part as a number.
    pub fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    /// The next part as a number whose larger values come first.
    pub fn descending(&mut self) -> Option<u64> {
        self.number().map(|number| !number)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(parts: &[String]) -> Key {
        parts.iter().fold(Key::of("c"), |key, part| key.text(part))
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_parts(
            a in prop::collection::vec("[ab\u{0}\u{1}\u{2}\u{ff}]{0,3}", 0..4),
            b in prop::collection::vec("[ab\u{0}\u{1}\u{2}\u{ff}]{0,3}", 0..4),
        ) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            prop_assert_eq!(key(&a).holds(&key(&b)), b.len() > a.len() && b.starts_with(&a));
            let (whole, prefix) = (key(&b), Key::of("c"));
            let mut parts = whole.after(&prefix);
            for part in &b {
                prop_assert_eq!(parts.text(), Some(part.clone()));
            }
            prop_assert_eq!(parts.text(), None);
        }

        #[test]
        fn numbers_sort_up_or_down(a: u64, b: u64) {
            let (up, down) = (|n| Key::of("c").number(n), |n| Key::of("c").descending(n));
            let collection = Key::of("c");
            prop_assert_eq!(up(a).cmp(&up(b)), a.cmp(&b));
            prop_assert_eq!(down(a).cmp(&down(b)), b.cmp(&a));
            let key = down(a);
            prop_assert_eq!(key.after(&collection).descending(), Some(a));
        }
    }
}
