//! What must be known of a JSON text before it is relayed unread.

use std::fmt;

use serde::{Deserializer, de};

/// Why a JSON text is not passed on to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Arrays and objects lie deeper in each other than allowed.
    #[error("nested deeper than {max} levels")]
    TooDeep {
        /// The deepest nesting allowed.
        max: usize,
    },
    /// A `\u` escape is one half of a surrogate pair: no UTF-8 text can hold it.
    #[error("a lone surrogate escape is no character")]
    LoneSurrogate,
}

/// Reads a whole number from 0, also one written as `5.0`: to JSON Schema, that is an integer too. For
/// `#[serde(deserialize_with)]`.
///
/// # Errors
///
/// Where it is none.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Whole;

    impl de::Visitor<'_> for Whole {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number from 0")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
            // From 2^53 on, a double no longer tells its neighbours apart.
            let whole = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
            if !whole {
                return Err(E::invalid_value(de::Unexpected::Float(number), &self));
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole, and in the range"
            )]
            Ok(number as u64)
        }
    }

    deserializer.deserialize_any(Whole)
}

/// Checks the nesting and the escapes of a text that a JSON parser accepted as well-formed.
///
/// `serde_json`'s `RawValue` takes any depth and half surrogate pairs, so a relay that keeps texts
/// raw would pass on what makes its clients throw. Reads each byte once, allocates nothing.
///
/// # Errors
///
/// The first fault found.
pub fn check(text: &str, depth_max: usize) -> Result<(), JsonFault> {
    let mut bytes = text.bytes();
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut awaits_low = false;
    while let Some(byte) = bytes.next() {
        if in_string {
            let escape = byte == b'\\';
            let escaped = if escape { bytes.next() } else { None };
            let unit = (escaped == Some(b'u')).then(|| code_unit(&mut bytes));
            let low = unit.is_some_and(|u| (0xDC00..=0xDFFF).contains(&u));
            if awaits_low != low {
                return Err(JsonFault::LoneSurrogate);
            }
            awaits_low = unit.is_some_and(|u| (0xD800..=0xDBFF).contains(&u));
            in_string = escape || byte != b'"';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > depth_max {
                    return Err(JsonFault::TooDeep { max: depth_max });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The four hex digits after `\u`.
fn code_unit(bytes: &mut std::str::Bytes<'_>) -> u32 {
    bytes
        .by_ref()
        .take(4)
        .filter_map(|digit| char::from(digit).to_digit(16))
        .fold(0, |unit, digit| unit * 16 + digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let read = |text: &str| whole(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!((read("5"), read("5.0"), read("0")), (Some(5), Some(5), Some(0)));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        for text in ["5.5", "-1", "-1.0", "1e300", "9007199254740992.0", "\"5\"", "null"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_is_counted_outside_of_strings_only() {
        assert_eq!(check(r#"[{"a":"[[[[\"[["}]"#, 2), Ok(()));
        assert_eq!(check(r#"[{"a":[]}]"#, 2), Err(JsonFault::TooDeep { max: 2 }));
        assert_eq!(check("[[],[],[]]", 2), Ok(()), "siblings do not add up");
        let deep = "[".repeat(490_000) + &"]".repeat(490_000);
        assert_eq!(check(&deep, 64), Err(JsonFault::TooDeep { max: 64 }));
    }

    #[test]
    fn half_a_surrogate_pair_is_no_character() {
        for (text, fine) in [
            (r#""\ud83d\ude00""#, true),
            (r#""\uD83D\uDE00\\u""#, true),
            (r#""\\ud800""#, true),
            (r#""\ud800""#, false),
            (r#""\ud800x""#, false),
            (r#""\ud800\n""#, false),
            (r#""\ud800\ud800""#, false),
            (r#""\udc00""#, false),
            (r#"{"\udfff":1}"#, false),
        ] {
            assert_eq!(check(text, 8).is_ok(), fine, "{text}");
        }
    }
}
