//! The id of a user.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes that the id of a user may have.
pub const USER_ID_BYTES_MAX: usize = 256;

/// Names an authenticated person. Cheap to clone.
///
/// Issuers write ids as text or as whole numbers. Two ids are the same where their text is
/// (`5` = `"5"`); in JSON an id is shown in the form in which it came.
#[derive(Clone)]
pub struct UserId {
    text: Arc<str>,
    number: bool,
}

impl UserId {
    /// Takes an id in text form; `None` where it is empty, over [`USER_ID_BYTES_MAX`] or holds a
    /// control character.
    pub fn parse(text: &str) -> Option<Self> {
        let legal =
            (1..=USER_ID_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        legal.then(|| Self { text: text.into(), number: false })
    }

    /// The id as text, to compare and to put into room names.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<u64> for UserId {
    fn from(id: u64) -> Self {
        Self { text: id.to_string().into(), number: true }
    }
}

impl From<i64> for UserId {
    fn from(id: i64) -> Self {
        Self { text: id.to_string().into(), number: true }
    }
}

impl PartialEq for UserId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UserId {}

impl PartialOrd for UserId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UserId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for UserId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.number {
            // Made from one of the two, so one of them fits.
            if let Ok(id) = self.text.parse::<u64>() {
                return serializer.serialize_u64(id);
            }
            if let Ok(id) = self.text.parse::<i64>() {
                return serializer.serialize_i64(id);
            }
        }
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;

        impl de::Visitor<'_> for Id {
            type Value = UserId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an id: text of 1 to 256 bytes without control characters, or a whole number",
                )
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<UserId, E> {
                Ok(id.into())
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<UserId, E> {
                Ok(id.into())
            }

            // `5.0` is the whole number 5 to JSON, though hardly anybody writes it so.
            fn visit_f64<E: de::Error>(self, id: f64) -> Result<UserId, E> {
                const END: f64 = 18_446_744_073_709_551_616.0;
                // Not the lower end itself: a double that reads as it may have been written below it.
                let whole = id.fract() == 0.0 && id > -END / 2.0 && id < END;
                if !whole {
                    return Err(E::invalid_value(de::Unexpected::Float(id), &self));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is whole, and in the range"
                )]
                Ok(if id < 0.0 { (id as i64).into() } else { (id as u64).into() })
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<UserId, E> {
                UserId::parse(id)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Other("text"), &self))
            }
        }

        deserializer.deserialize_any(Id)
    }
}

impl JsonSchema for UserId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minLength": 1,
            "maxLength": USER_ID_BYTES_MAX,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
            "minimum": i64::MIN,
            "maximum": u64::MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_compare_by_text_and_are_shown_as_given() {
        let number: UserId = serde_json::from_str("5").unwrap();
        let text: UserId = serde_json::from_str(r#""5""#).unwrap();
        assert_eq!(serde_json::from_str::<UserId>("5.0").unwrap().as_str(), "5");
        assert_eq!(number, text);
        assert_eq!(serde_json::to_string(&number).unwrap(), "5");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""5""#);
        for json in ["-7", "18446744073709551615"] {
            let id: UserId = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        let long = format!("\"{}\"", "x".repeat(257));
        for json in
            [r#""""#, "1.5", "1e300", "null", "true", "[]", "{}", r#""a\u0000""#, r#""\n""#, &long]
        {
            assert!(serde_json::from_str::<UserId>(json).is_err(), "{json:.20}");
        }
    }
}
