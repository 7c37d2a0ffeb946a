//! What text from users may hold (contract, section 9).

use serde_json::Value;

use crate::error::Refusal;

/// What [`has_control`] lets pass, as a pattern for schemas.
pub const PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";

/// Whether a text has a control character (Cc) other than tab, LF and CR.
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Whether any text in a JSON value has one, names of fields included.
///
/// Recurses: the value's depth was limited when it was read.
pub fn has_control_within(value: &Value) -> bool {
    match value {
        Value::String(text) => has_control(text),
        Value::Array(items) => items.iter().any(has_control_within),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| has_control(name) || has_control_within(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Takes a text of `min` to `max` UTF-16 units, as JavaScript counts, without control characters.
///
/// # Errors
///
/// [`Refusal::Invalid`] at `path`.
pub fn check(path: &str, text: &str, min: usize, max: usize) -> Result<(), Refusal> {
    let refuse = |message: String| Refusal::Invalid { path: path.to_owned(), message };
    // A text has at most as many units as bytes, so most are not counted.
    if text.len() < min || (text.len() > max && text.encode_utf16().count() > max) {
        return Err(refuse(format!("expected {min} to {max} characters")));
    }
    if has_control(text) {
        return Err(refuse("control characters are not allowed".to_owned()));
    }
    Ok(())
}

/// Takes a JSON value of at most `max` bytes, without control characters in its texts.
///
/// # Errors
///
/// [`Refusal::Invalid`] at `path`.
pub fn check_json(path: &str, value: &Value, max: usize) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::Invalid { path: path.to_owned(), message });
    if serde_json::to_vec(value).map_or(usize::MAX, |json| json.len()) > max {
        return refuse(format!("at most {max} bytes of JSON"));
    }
    if has_control_within(value) {
        return refuse("control characters are not allowed".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_is_but_for_control_characters_and_length() {
        for (text, fine) in [
            ("a", true),
            ("a\tb\nc\r", true),
            ("<b>😀</b>", true),
            ("123456789", true),
            ("", false),
            ("1234567890", false),
            ("😀😀😀😀", true),
            ("😀😀😀😀😀", false),
            ("a\u{0}", false),
            ("\u{1b}[31m", false),
            ("\u{7f}", false),
            ("\u{85}", false),
        ] {
            assert_eq!(check("text", text, 1, 9).is_ok(), fine, "{text:?}");
        }
        let nested = serde_json::json!({ "a": [{ "b\u{1}": 1 }] });
        assert!(has_control_within(&nested));
        assert!(!has_control_within(&serde_json::json!({ "a": [{ "b": "\n" }, 1, null] })));
    }
}
