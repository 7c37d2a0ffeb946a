//! Rooms that the issuer of a token grants.

use serde::{Deserialize, Serialize};

use super::{RoomName, name::RoomError};

/// The name of a room, or the start of one and `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomPattern {
    /// The name, or its start.
    text: String,
    /// Whether more may follow.
    open: bool,
}

impl RoomPattern {
    /// Takes a pattern: a legal name with at most one `*`, at its end. `*` alone stands for all.
    ///
    /// # Errors
    ///
    /// [`RoomError`] where the part before the star is no legal name.
    pub fn parse(pattern: &str) -> Result<Self, RoomError> {
        let (text, open) = match pattern.strip_suffix('*') {
            Some(text) => (text, true),
            None => (pattern, false),
        };
        if !(open && text.is_empty()) {
            RoomName::parse(text)?;
        }
        Ok(Self { text: text.to_owned(), open })
    }

    /// Its fixed part: the name, or the start of it.
    pub fn start(&self) -> &str {
        &self.text
    }

    /// Whether more may follow the fixed part.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it grants this room.
    pub fn matches(&self, room: &RoomName) -> bool {
        match room.as_str().strip_prefix(self.text.as_str()) {
            Some(rest) => self.open || rest.is_empty(),
            None => false,
        }
    }
}

impl TryFrom<String> for RoomPattern {
    type Error = RoomError;

    fn try_from(pattern: String) -> Result<Self, RoomError> {
        Self::parse(&pattern)
    }
}

impl From<RoomPattern> for String {
    fn from(pattern: RoomPattern) -> Self {
        let mut text = pattern.text;
        if pattern.open {
            text.push('*');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_with_at_most_one_star_at_its_end() {
        let grants = |pattern: &str, room: &str| {
            let pattern = RoomPattern::parse(pattern).ok()?;
            Some(pattern.matches(&RoomName::parse(room).ok()?))
        };
        for (pattern, room, granted) in [
            ("order:5", "order:5", Some(true)),
            ("order:5", "order:55", Some(false)),
            ("order:*", "order:55", Some(true)),
            ("order:*", "orders:5", Some(false)),
            ("*", "order:5", Some(true)),
            ("order:**", "order:5", None),
            ("*:5", "order:5", None),
            ("or*er:5", "order:5", None),
            ("", "order:5", None),
        ] {
            assert_eq!(grants(pattern, room), granted, "{pattern} {room}");
        }
    }
}
