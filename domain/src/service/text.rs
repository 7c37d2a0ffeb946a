//! What texts of users are held to (contract, section 9): length in UTF-16 units, and no control
//! characters but tab, LF and CR. They are stored and sent as given.

use crate::error::Refusal;

/// Checks a text of `min` to `max` UTF-16 units.
///
/// # Errors
///
/// [`Refusal::Invalid`] at `path`.
pub(crate) fn check(path: &str, text: &str, min: usize, max: usize) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::Invalid { path: path.to_owned(), message });
    // No UTF-16 form is longer than the bytes, so most texts need not be counted.
    let short = text.len() <= max || text.encode_utf16().take(max + 1).count() <= max;
    let long_enough = text.len() >= min && (min == 0 || !text.trim().is_empty());
    if !short || !long_enough {
        return refuse(match min {
            0 => format!("at most {max} characters"),
            min => format!("expected {min} to {max} characters"),
        });
    }
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.contains(is_control) {
        return refuse("control characters are not allowed".to_owned());
    }
    Ok(())
}

/// Checks a JSON value of at most `max` bytes as text.
///
/// # Errors
///
/// [`Refusal::Invalid`] at `path`.
pub(crate) fn check_json(
    path: &str,
    value: &impl serde::Serialize,
    max: usize,
) -> Result<(), Refusal> {
    let bytes = serde_json::to_vec(value).map_or(usize::MAX, |json| json.len());
    if bytes <= max {
        return Ok(());
    }
    Err(Refusal::Invalid { path: path.to_owned(), message: format!("at most {max} bytes of JSON") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_as_javascript_counts_them() {
        let check = |text: &str, max| check("content", text, 1, max).is_ok();
        assert!(check("aé漢", 3));
        assert!(check("😀", 2) && !check("😀", 1), "two UTF-16 units");
        assert!(!check("", 5) && !check(" \n", 5), "nothing to read");
        assert!(check("a\tb\nc\r", 10));
        for control in ["\u{0}", "\u{1b}[2J", "\u{7f}", "\u{85}"] {
            assert!(!check(control, 10), "{control:?}");
        }
    }
}
