//! Ids of things, as payloads carry them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::identity::{USER_ID_BYTES_MAX, UserId};

/// Names a thing: text of 1 to 256 bytes, or a whole number, as its issuer writes it.
///
/// Two ids are the same where their text is (`12345` = `"12345"`), and one is shown as it was given:
/// the rules of a [`UserId`], for what is no user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(UserId);

impl Id {
    /// Takes an id in text form; `None` where it is empty, over 256 bytes or holds a control
    /// character.
    pub fn parse(text: &str) -> Option<Self> {
        UserId::parse(text).map(Self)
    }

    /// The id as text, to compare and to put into room names.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<UserId> for Id {
    fn from(id: UserId) -> Self {
        Self(id)
    }
}

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        UserId::json_schema(generator)
    }
}

/// Defines a text that is checked when it is made.
macro_rules! checked_text {
    (
        $(#[$doc:meta])* $name:ident as $shown:literal, $error:ident, $expected:literal, $legal:expr,
        $schema:tt
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        #[doc = concat!("Why a text is no [`", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($expected)]
        pub struct $error;

        impl $name {
            /// Takes a text; `None` where it is not legal.
            pub fn parse(text: &str) -> Option<Self> {
                let legal: fn(&str) -> bool = $legal;
                legal(text).then(|| Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                Self::parse(&text).ok_or($error)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $shown.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

fn is_printable(text: &str) -> bool {
    !crate::service::text::has_control(text)
}

checked_text! {
    /// An id that its source writes as text alone: 1 to 256 bytes without control characters.
    TextId as "TextId", TextIdError, "expected a text of 1 to 256 bytes without control characters",
    |text| UserId::parse(text).is_some(),
    {
        "type": "string",
        "minLength": 1,
        "maxLength": USER_ID_BYTES_MAX,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    }
}

checked_text! {
    /// What a user wrote: no control characters but tab, LF and CR (contract, section 9).
    Text as "PlainText", TextError, "control characters other than tab, LF and CR are not allowed",
    is_printable,
    { "type": "string", "pattern": crate::service::text::PATTERN }
}

impl Text {
    /// A text that was stored, each illegal character as U+FFFD: where it was checked there is none.
    pub fn stored(text: &str) -> Self {
        let legal = |c: char| if is_printable(c.encode_utf8(&mut [0; 4])) { c } else { '\u{fffd}' };
        Self(text.chars().map(legal).collect::<String>().into())
    }
}

checked_text! {
    /// The id that a client gives what it sends, so that a retry is recognised for 24 hours.
    ClientId as "ClientId", ClientIdError, "expected 1 to 64 bytes",
    |text| (1..=64).contains(&text.len()),
    { "type": "string", "minLength": 1, "maxLength": 64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: serde::de::DeserializeOwned>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }

    #[test]
    fn an_id_is_text_or_a_whole_number_and_a_text_id_is_text() {
        for (json, id, text) in [
            (r#""a""#, true, true),
            ("5", true, false),
            ("1.5", false, false),
            (r#""""#, false, false),
            (r#""a\u0000""#, false, false),
            ("null", false, false),
        ] {
            assert_eq!((reads::<Id>(json), reads::<TextId>(json)), (id, text), "{json}");
        }
        let same: [Id; 2] = serde_json::from_str(r#"[12345,"12345"]"#).unwrap();
        assert_eq!(same[0], same[1]);
        assert_eq!(serde_json::to_string(&same).unwrap(), r#"[12345,"12345"]"#);
    }

    #[test]
    fn a_text_has_no_control_characters_but_those_of_writing() {
        assert!(reads::<Text>(r#""a\tb\r\n<b>""#) && reads::<Text>(r#""""#));
        for json in [r#""\u0000""#, r#""\u001b""#, r#""\u007f""#, r#""\u0085""#] {
            assert!(!reads::<Text>(json), "{json}");
        }
    }
}
