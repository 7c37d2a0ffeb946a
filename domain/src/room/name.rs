//! The name of a room, in the alphabet of the contract.

use std::{fmt, sync::Arc};

use crier_protocol::Room;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes that the name of a room may have.
pub const ROOM_BYTES_MAX: usize = 128;

/// A legal name: 1 to 128 bytes of `A-Z a-z 0-9 _ - : . @ / %`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend(
    "minLength" = 1, "maxLength" = ROOM_BYTES_MAX, "pattern" = "^[A-Za-z0-9_.:@/%-]+$"
))]
pub struct RoomName(Arc<str>);

/// Why a text is no name of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room is named by 1 to {ROOM_BYTES_MAX} bytes of A-Z a-z 0-9 _ - : . @ / %")]
pub struct RoomError;

impl RoomName {
    /// Takes a name as it stands.
    ///
    /// # Errors
    ///
    /// [`RoomError`] where it is empty, too long, or has a character outside of the alphabet.
    pub fn parse(name: &str) -> Result<Self, RoomError> {
        let legal = (1..=ROOM_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_legal);
        legal.then(|| Self(name.into())).ok_or(RoomError)
    }

    /// The room of one thing: a prefix such as `order:` and the thing's id, encoded as
    /// [`push_encoded`] says.
    ///
    /// # Errors
    ///
    /// [`RoomError`] where the id is empty or the name becomes too long.
    pub fn of(prefix: &str, id: &str) -> Result<Self, RoomError> {
        if id.is_empty() || id.len() > ROOM_BYTES_MAX {
            return Err(RoomError);
        }
        let mut name = prefix.to_owned();
        push_encoded(&mut name, id);
        Self::parse(&name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends an id to the name of a room, each byte outside of the alphabet as `%XX`.
///
/// `%` itself is encoded too, though it is of the alphabet: otherwise the ids `a b` and `a%20b`
/// would share a room, and the second user would read what is the first one's.
pub fn push_encoded(name: &mut String, id: &str) {
    for byte in id.bytes() {
        if is_legal(byte) && byte != b'%' {
            name.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            name.push('%');
            name.push(digit(byte >> 4).to_ascii_uppercase());
            name.push(digit(byte & 0xF).to_ascii_uppercase());
        }
    }
}

/// The id that [`push_encoded`] wrote so; `None` where it would have written it otherwise (`a%2f` for
/// `a%2F`): a second spelling must not be a second room of one thing.
pub fn decoded_id(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let nibble = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(nibble(rest.next())? * 16 + nibble(rest.next())?).ok()?,
            plain => plain,
        });
    }
    let id = String::from_utf8(bytes).ok()?;
    let mut again = String::with_capacity(encoded.len());
    push_encoded(&mut again, &id);
    (again == encoded).then_some(id)
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'.' | b'@' | b'/' | b'%')
}

impl TryFrom<String> for RoomName {
    type Error = RoomError;

    fn try_from(name: String) -> Result<Self, RoomError> {
        Self::parse(&name)
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.as_str().to_owned()
    }
}

impl From<RoomName> for Room {
    fn from(name: RoomName) -> Self {
        Self::from(name.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_1_to_128_bytes_of_the_alphabet() {
        let longest = "x".repeat(128);
        for name in ["a", "order:5", "a_b-c:d.e@f/g%20", &longest] {
            assert!(RoomName::parse(name).is_ok(), "{name}");
        }
        let too_long = "x".repeat(129);
        for name in ["", " ", "a b", "é", "a\n", "a,b", "a*", "\u{0}", &too_long] {
            assert_eq!(RoomName::parse(name), Err(RoomError), "{name:?}");
        }
    }

    #[test]
    fn an_id_is_encoded_into_the_name() {
        let of = |id: &str| RoomName::of("order:", id).map(|room| room.to_string());
        assert_eq!(of("5"), Ok("order:5".into()));
        assert_eq!(of("a b/é"), Ok("order:a%20b/%C3%A9".into()));
        assert_eq!(of(""), Err(RoomError));
        assert_eq!(of(&"x".repeat(123)), Err(RoomError));
    }

    #[test]
    fn only_the_one_spelling_of_an_id_is_read_back() {
        for (encoded, id) in [
            ("5", Some("5")),
            ("a%20b/%C3%A9", Some("a b/é")),
            ("a%2Fb", None),
            ("a%c3%a9", None),
            ("%C3", None),
            ("%", None),
            ("%+1", None),
        ] {
            assert_eq!(decoded_id(encoded).as_deref(), id, "{encoded}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(id in "\\PC{1,8}") {
            let mut encoded = String::new();
            push_encoded(&mut encoded, &id);
            prop_assert_eq!(decoded_id(&encoded), Some(id));
        }

        // Were it not so, one user could be in the room of another.
        #[test]
        fn two_ids_never_share_a_room(a in "[a-z% /\u{e9}]{1,6}", b in "[a-z0-9% /\u{e9}]{1,6}") {
            let room = |id: &str| RoomName::of("user:", id).unwrap();
            prop_assert_eq!(a == b, room(&a) == room(&b));
        }
    }
}
