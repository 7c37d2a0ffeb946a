//! Reads `testdata/*.txt`: cases of input, `----` and expected lines, with an empty line between cases.
//!
//! In the input, `\xNN` is a byte, so that separators and broken UTF-8 can be seen.

use std::{fs, path::Path};

/// Runs every case of a file; `actual` makes lines out of the input.
pub(crate) fn check(file: &str, actual: impl Fn(&[u8]) -> Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let cases: Vec<&str> = text.trim_end().split("\n\n").collect();
    assert!(cases.len() > 5, "{file} has lost its cases");
    for case in cases {
        // An empty input leaves nothing before the dashes.
        let case = if case.starts_with("----") { format!("\n{case}") } else { case.to_owned() };
        let (input, expected) = case.split_once("\n----\n").unwrap_or_else(|| panic!("{case:?}"));
        assert_eq!(actual(&unescape(input)).join("\n"), expected, "{file}: {input:?}");
    }
}

fn unescape(input: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    while let Some((before, after)) = rest.split_once(r"\x") {
        out.extend_from_slice(before.as_bytes());
        let (digits, after) = after.split_at(2);
        out.push(u8::from_str_radix(digits, 16).unwrap());
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
