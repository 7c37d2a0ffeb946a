//! Ids of products and orders, as MongoDB makes them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::event::Id;

/// 12 bytes, written as 24 hexadecimal digits; shown in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

/// The text is no [`ObjectId`]. The sentence is the one that mongoose says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Cast to ObjectId failed")]
pub struct NoObjectId;

impl ObjectId {
    /// Takes 24 hexadecimal digits, in either case.
    ///
    /// # Errors
    ///
    /// [`NoObjectId`] for anything else.
    pub fn parse(text: &str) -> Result<Self, NoObjectId> {
        let digits = text.as_bytes();
        if digits.len() != 24 {
            return Err(NoObjectId);
        }
        let mut id = [0; 12];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or(NoObjectId)?;
                // A digit of base 16 fits into a byte.
                *byte = *byte << 4 | u8::try_from(value).unwrap_or_default();
            }
        }
        Ok(Self(id))
    }

    /// A new id: the second in which it is made, then chance (MongoDB counts in the last three bytes
    /// instead; with a random rest no two replicas meet).
    #[expect(clippy::expect_used, reason = "without randomness ids collide: nothing can go on")]
    pub fn generate(unix_ms: u64) -> Self {
        let mut id = [0; 12];
        let (seconds, rest) = id.split_at_mut(4);
        // The low 32 bits, as in MongoDB: they last until 2106.
        let now = u32::try_from((unix_ms / 1_000) & u64::from(u32::MAX)).unwrap_or_default();
        seconds.copy_from_slice(&now.to_be_bytes());
        getrandom::fill(rest).expect("the system gives random bytes");
        Self(id)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<ObjectId> for Id {
    fn from(id: ObjectId) -> Self {
        // Digits alone are a legal id, so the number is never seen.
        Self::parse(&id.to_string()).unwrap_or_else(|| 0_u64.into())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for ObjectId {
    fn schema_name() -> Cow<'static, str> {
        "ObjectId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F]{24}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_24_hexadecimal_digits() {
        let id = "64a1b2c3d4e5f67890123456";
        assert_eq!(ObjectId::parse(id).unwrap().to_string(), id);
        assert_eq!(ObjectId::parse(&id.to_uppercase()).unwrap().to_string(), id);
        for text in
            ["", "64a1b2c3d4e5f6789012345", "64a1b2c3d4e5f678901234567", "<64a1b2c3d4e5f678901234>"]
        {
            assert_eq!(ObjectId::parse(text), Err(NoObjectId), "{text}");
        }
        assert_eq!(ObjectId::parse(&"é".repeat(12)), Err(NoObjectId), "24 bytes, no digits");
    }

    #[test]
    fn a_new_id_begins_with_its_second_and_is_like_no_other() {
        let made = ObjectId::generate(0x64a1_b2c3 * 1_000 + 999);
        assert!(made.to_string().starts_with("64a1b2c3"), "{made}");
        assert_ne!(ObjectId::generate(0), ObjectId::generate(0));
    }
}
