//! What must be known of a JSON text before it is relayed unread.

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
