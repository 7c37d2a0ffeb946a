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

            /// Takes a number; `None` where it is out of range.
            pub fn new(number: f64) -> Option<Self> {
                let within = ($min..=$max).contains(&number);
                let number = serde_json::Number::from_f64(number)?;
                within.then_some(Self(number))
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

impl Amount {
    /// An amount of hundredths: `1050` is 10.5, `1000` is 10.
    pub fn from_cents(cents: u64) -> Self {
        // A whole amount is written without a fraction; no amount in use has 2^53 cents.
        Self(if cents.is_multiple_of(100) {
            (cents / 100).into()
        } else {
            serde_json::Number::from_f64(cents as f64 / 100.0).unwrap_or_else(|| cents.into())
        })
    }
}

impl From<u32> for Count {
    fn from(count: u32) -> Self {
        Self(count.into())
    }
}

/// Defines a whole number within a range; `5.0` is one, too.
macro_rules! whole {
    ($(#[$doc:meta])* $name:ident, $int:ty, $min:literal ..= $max:literal, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            const MIN: $int = $min;
            const MAX: $int = $max;

            /// The number.
            pub fn get(self) -> $int {
                self.0
            }

            /// Takes a number; `None` where it is out of range.
            pub fn new(number: $int) -> Option<Self> {
                (Self::MIN..=Self::MAX).contains(&number).then_some(Self(number))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let refuse = || de::Error::custom(concat!("expected ", $expecting));
                // Read as any number first: what JavaScript writes for 5.0 is 5, others write 5.0.
                let number = serde_json::Number::deserialize(deserializer)?;
                let whole = number.as_f64().filter(|n| n.fract() == 0.0).ok_or_else(refuse)?;
                let range = (Self::MIN as f64)..=(Self::MAX as f64);
                range.contains(&whole).then_some(Self(whole as $int)).ok_or_else(refuse)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": Self::MIN, "maximum": Self::MAX })
            }
        }
    };
}

whole! {
    /// How many of what cannot be halved.
    Whole, u64, 0..=9_007_199_254_740_991, "a whole number from 0 to 2^53-1"
}

whole! {
    /// A difference of two [`Whole`]s.
    Signed, i64, -9_007_199_254_740_991..=9_007_199_254_740_991,
    "a whole number from -(2^53-1) to 2^53-1"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned + Serialize>(json: &str) -> String {
        match serde_json::from_str::<T>(json) {
            Ok(number) => serde_json::to_string(&number).unwrap(),
            Err(_) => "refused".to_owned(),
        }
    }

    #[test]
    fn a_whole_number_is_one_that_every_client_can_read() {
        for (json, whole, signed) in [
            ("0", "0", "0"),
            ("5.0", "5", "5"),
            ("-3", "refused", "-3"),
            ("9007199254740991", "9007199254740991", "9007199254740991"),
            ("9007199254740992", "refused", "refused"),
            ("18446744073709551615", "refused", "refused"),
            ("1.5", "refused", "refused"),
            ("1e300", "refused", "refused"),
            (r#""5""#, "refused", "refused"),
            ("null", "refused", "refused"),
        ] {
            assert_eq!(
                (read::<Whole>(json), read::<Signed>(json)),
                (whole.into(), signed.into()),
                "{json}"
            );
        }
    }

    #[test]
    fn cents_become_an_amount() {
        for (cents, amount) in [(0, "0"), (1, "0.01"), (1_050, "10.5"), (35_000, "350")] {
            assert_eq!(serde_json::to_string(&Amount::from_cents(cents)).unwrap(), amount);
        }
    }
}
