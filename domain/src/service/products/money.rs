//! Money in whole cents, so that sums are exact.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of at least 0 with at most 2 decimals. In JSON it is a number of units: `149.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(u64);

/// 100 thousand million units. Up to here a double holds every amount apart from its neighbours, and
/// a hundred lines of it still add up in 64 bits.
const CENTS_MAX: u64 = 10_000_000_000_000;

/// Why a number is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyFault {
    /// Below 0.
    #[error("expected at least 0")]
    Negative,
    /// A fraction of a cent.
    #[error("at most 2 decimals")]
    Fraction,
    /// More than is ever meant.
    #[error("expected at most {}", CENTS_MAX / 100)]
    TooMuch,
}

impl Cents {
    /// So many cents.
    pub const fn new(cents: u64) -> Self {
        Self(cents)
    }

    /// The number of cents.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Takes a number of units.
    ///
    /// # Errors
    ///
    /// See [`MoneyFault`].
    pub fn of_units(units: f64) -> Result<Self, MoneyFault> {
        if units < 0.0 {
            return Err(MoneyFault::Negative);
        }
        let cents = (units * 100.0).round();
        if cents.is_nan() || cents > CENTS_MAX as f64 {
            return Err(MoneyFault::TooMuch);
        }
        // `0.29` is no sum of halves: what counts is whether its cents read as this very double.
        if cents / 100.0 != units {
            return Err(MoneyFault::Fraction);
        }
        // Whole, and within the bounds above.
        Ok(Self(cents as u64))
    }

    /// So many times this; `None` where it is beyond counting.
    pub fn times(self, count: u64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// Both together; `None` where it is beyond counting.
    pub fn plus(self, more: Self) -> Option<Self> {
        self.0.checked_add(more.0).map(Self)
    }
}

impl std::fmt::Display for Cents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}", self.0 / 100),
            _ => write!(f, "{}", self.0 as f64 / 100.0),
        }
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            // As JavaScript prints it, without `.0`.
            0 => serializer.serialize_u64(self.0 / 100),
            _ => serializer.serialize_f64(self.0 as f64 / 100.0),
        }
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = f64::deserialize(deserializer)?;
        Self::of_units(units).map_err(de::Error::custom)
    }
}

impl JsonSchema for Cents {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number", "minimum": 0, "maximum": CENTS_MAX / 100, "multipleOf": 0.01
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_units_is_read_to_the_cent() {
        for (units, expected) in [
            (0.0, Ok(0)),
            (-0.0, Ok(0)),
            (0.29, Ok(29)),
            (19.99, Ok(1_999)),
            (1.1 + 2.2, Err(MoneyFault::Fraction)),
            (1.005, Err(MoneyFault::Fraction)),
            (0.001, Err(MoneyFault::Fraction)),
            (-0.01, Err(MoneyFault::Negative)),
            (1e11, Ok(10_000_000_000_000)),
            (1e12, Err(MoneyFault::TooMuch)),
            (f64::INFINITY, Err(MoneyFault::TooMuch)),
            (f64::NAN, Err(MoneyFault::TooMuch)),
        ] {
            assert_eq!(Cents::of_units(units).map(Cents::get), expected, "{units}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(cents in 0..=CENTS_MAX) {
            let json = serde_json::to_string(&Cents(cents)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Cents>(&json).unwrap(), Cents(cents), "{}", json);
            prop_assert_eq!(json, Cents(cents).to_string());
        }
    }
}
