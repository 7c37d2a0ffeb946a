//! Numbers of payloads, with the range that each has to be in.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Defines a finite number within a range, passed on as it was given.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $min:literal ..= $max:expr, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $name(serde_json::Number);

        impl $name {
            /// The number.
            pub fn get(&self) -> f64 {
                self.0.as_f64().unwrap_or_default()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Within;

                impl de::Visitor<'_> for Within {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$name, E> {
                        checked(number.into(), || E::invalid_value(de::Unexpected::Unsigned(number), &self))
                    }

                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                        checked(number.into(), || E::invalid_value(de::Unexpected::Signed(number), &self))
                    }

                    fn visit_f64<E: de::Error>(self, number: f64) -> Result<$name, E> {
                        let refuse = || E::invalid_value(de::Unexpected::Float(number), &self);
                        let finite = serde_json::Number::from_f64(number).ok_or_else(refuse)?;
                        checked(finite, refuse)
                    }
                }

                fn checked<E>(number: serde_json::Number, refuse: impl Fn() -> E) -> Result<$name, E> {
                    let within = number.as_f64().is_some_and(|n| ($min..=$max).contains(&n));
                    within.then_some($name(number)).ok_or_else(refuse)
                }

                deserializer.deserialize_any(Within)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "number", "minimum": $min, "maximum": $max })
            }
        }
    };
}

/// 2^53 - 1: beyond it a client written in JavaScript reads another number.
const SAFE_MAX: f64 = 9_007_199_254_740_991.0;

number! {
    /// An amount of money.
    Amount, 0.0..=SAFE_MAX, "an amount from 0 to 2^53-1"
}

number! {
    /// How many, or how long; fractions are allowed.
    Count, 0.0..=SAFE_MAX, "a number from 0 to 2^53-1"
}

number! {
    /// Degrees north.
    Latitude, -90.0..=90.0, "a number from -90 to 90"
}

number! {
    /// Degrees east.
    Longitude, -180.0..=180.0, "a number from -180 to 180"
}
