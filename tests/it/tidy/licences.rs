//! Which licences are permitted, and how an SPDX expression is read.

/// Licences whose code may be part of a closed product.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression can be satisfied with [`LICENCES`]. `AND` binds closer than `OR`.
pub(super) fn is_permissive(expression: &str) -> bool {
    fn any(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> bool {
        let mut holds = all(tokens);
        while tokens.next_if(|token| token == "OR" || token == "/").is_some() {
            // Both sides are read in any case.
            holds |= all(tokens);
        }
        holds
    }
    fn all(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> bool {
        let mut holds = one(tokens);
        while tokens.next_if_eq("AND").is_some() {
            holds &= one(tokens);
        }
        holds
    }
    fn one(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> bool {
        let Some(mut licence) = tokens.next() else {
            return false;
        };
        if licence == "(" {
            let holds = any(tokens);
            tokens.next_if_eq(")");
            return holds;
        }
        if tokens.next_if_eq("WITH").is_some() {
            licence = format!("{licence} WITH {}", tokens.next().unwrap_or_default());
        }
        LICENCES.contains(&licence.as_str())
    }
    let spaced = ["(", ")", "/"]
        .iter()
        .fold(expression.to_owned(), |text, mark| text.replace(mark, &format!(" {mark} ")));
    let tokens: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    any(&mut tokens.into_iter().peekable())
}

#[test]
fn a_licence_expression_needs_one_way_that_is_permitted() {
    for (expression, permitted) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND LGPL-2.1", false),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("ISC AND (Apache-2.0 OR ISC)", true),
        ("MPL-2.0", false),
    ] {
        assert_eq!(is_permissive(expression), permitted, "{expression}");
    }
}
