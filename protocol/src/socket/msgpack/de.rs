//! Reads msgpack into any type.

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{Error, MapAccessDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{super::MsgpackError, Head, Reader};

/// Deserialises one value that `check` accepted, which bounds the recursion.
///
/// As after `JSON.stringify`: `undefined` is null, or no key at all; a `Date` is its ISO string.
#[derive(Debug)]
pub(in super::super) struct MsgpackDeserializer<'a, 'r>(pub(in super::super) &'r mut Reader<'a>);

impl<'de> Deserializer<'de> for MsgpackDeserializer<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.head().map_err(de::Error::custom)? {
            Head::Nil | Head::Undefined => visitor.visit_unit(),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::UInt(value) => visitor.visit_u64(value),
            Head::Int(value) => visitor.visit_i64(value),
            Head::Float(value) => visitor.visit_f64(value),
            Head::Str(text) => visitor.visit_borrowed_str(text),
            Head::Bin(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::Date(ms) => match iso_date(ms) {
                Some(text) => visitor.visit_string(text),
                None => visitor.visit_unit(),
            },
            Head::Array(len) => {
                let mut items = Items { reader: self.0, left: len };
                let value = visitor.visit_seq(&mut items)?;
                match items.left {
                    0 => Ok(value),
                    left => Err(de::Error::custom(format_args!("{left} items too many"))),
                }
            }
            Head::Map(len) => visitor.visit_map(Items { reader: self.0, left: len }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.peek() {
            Ok(Head::Nil | Head::Undefined) => {
                self.0.head().map_err(de::Error::custom)?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.head().map_err(de::Error::custom)? {
            Head::Str(text) => visitor.visit_enum(text.into_deserializer()),
            Head::Map(1) => {
                visitor.visit_enum(MapAccessDeserializer::new(Items { reader: self.0, left: 1 }))
            }
            _ => Err(de::Error::custom("expected a string or an object of one key")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a, 'r> {
    reader: &'r mut Reader<'a>,
    left: u32,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(MsgpackDeserializer(self.reader)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let Head::Str(key) = self.reader.head().map_err(de::Error::custom)? else {
                return Err(de::Error::custom(MsgpackError::Key));
            };
            if self.reader.peek() == Ok(Head::Undefined) {
                self.reader.head().map_err(de::Error::custom)?;
                continue;
            }
            let key: de::value::BorrowedStrDeserializer<'de, Error> =
                de::value::BorrowedStrDeserializer::new(key);
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(MsgpackDeserializer(self.reader))
    }
}

/// A date as `Date.prototype.toISOString` writes it; `None` beyond the dates that JavaScript has.
pub(crate) fn iso_date(ms: i64) -> Option<String> {
    // ECMA-262: a hundred million days to either side of 1970.
    if ms.unsigned_abs() > 8_640_000_000_000_000 {
        return None;
    }
    let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!("{year}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z"))
}

/// Year, month and day of a count of days since 1970-01-01 in the Gregorian calendar.
///
/// Counts from 1 March of the year 0, so that a leap day is the last of its year; 146,097 days make
/// 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next) = match month_from_march {
        0..=9 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    (era * 400 + year_of_era + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_javascript_writes_them() {
        // Right column: `new Date(ms).toISOString()` in Node 20.
        for (ms, iso) in [
            (0, Some("1970-01-01T00:00:00.000Z")),
            (-1, Some("1969-12-31T23:59:59.999Z")),
            (951_782_400_000, Some("2000-02-29T00:00:00.000Z")),
            (1_798_761_599_123, Some("2026-12-31T23:59:59.123Z")),
            (-62_198_755_200_000, Some("-000001-01-01T00:00:00.000Z")),
            (8_640_000_000_000_000, Some("+275760-09-13T00:00:00.000Z")),
            (8_640_000_000_000_001, None),
            (i64::MIN, None),
        ] {
            assert_eq!(iso_date(ms).as_deref(), iso, "{ms}");
        }
    }
}
