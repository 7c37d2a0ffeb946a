//! README.md as a script: what it tells a reader to type is run unchanged, in a fresh clone.
//!
//! The words after the fence say what a block is; every other block is only read by people.
//!
//! | fence | what happens |
//! | --- | --- |
//! | ```` ```sh ```` | run by bash in the clone, in the order of the page; the first failing command fails the run. Variables and the folder stay for the next block, as in one terminal |
//! | ```` ```sh background ```` | a second terminal: runs until the page's end; the page goes on when it has printed the lines of the `text` block that follows |
//! | ```` ```sh skip ```` | not run: a variation for the reader, or what runs us |
//! | ```` ```text ```` after one of these | what it prints on standard output: every line in this order and, for a block that ends, nothing else |
//! | ```` ```js title=client.mjs ```` | (any language) a file of that name, written to the clone |
//!
//! In a `text` block, `<name>` and `…` within a line stand for any text, and a line `…` for any lines.

mod run;

pub use run::run;

use crate::process::{Failure, Outcome};

/// One step of the script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The line of its fence, from 1.
    pub line: usize,
    /// What to do.
    pub action: Action,
}

/// What a block asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Writes a file.
    Write {
        /// Its path in the clone.
        path: String,
        /// What it holds.
        text: String,
    },
    /// Runs commands.
    Run {
        /// The block.
        script: String,
        /// Whether it goes on while the page does.
        background: bool,
        /// What it must print, where the page says so.
        output: Option<Vec<String>>,
    },
}

/// Reads the steps of a page.
///
/// # Errors
/// Naming the line of a block that breaks the rules above: a word that is not known, a path that
/// leaves the clone, a background block without the lines that say it is ready, a fence never closed.
pub fn parse(markdown: &str) -> Outcome<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    // A `text` block belongs to the block right before it only, and not to a skipped one.
    let mut may_have_output = false;
    for block in blocks(markdown)? {
        let Block { line, language, words, text } = block;
        let fail = |why: &str| Failure::new(format!("README.md, line {line}: {why}"));
        let title = words.iter().find_map(|word| word.strip_prefix("title="));
        if let Some(path) = title {
            if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..")
            {
                return Err(fail("the title is no path in the clone"));
            }
            let action = Action::Write { path: path.to_owned(), text };
            steps.push(Step { line, action });
            may_have_output = false;
        } else if language == "sh" {
            let background = match words.as_slice() {
                [] => false,
                ["background"] => true,
                ["skip"] => {
                    may_have_output = false;
                    continue;
                }
                _ => return Err(fail("after `sh` comes nothing, `background` or `skip`")),
            };
            let action = Action::Run { script: text, background, output: None };
            steps.push(Step { line, action });
            may_have_output = true;
        } else {
            if let (true, "text", Some(Step { action: Action::Run { output, .. }, .. })) =
                (may_have_output, language, steps.last_mut())
            {
                *output = Some(text.lines().map(str::to_owned).collect());
            }
            may_have_output = false;
        }
    }
    for Step { line, action } in &steps {
        if matches!(action, Action::Run { background: true, output: None, .. }) {
            let why = "a background block needs a `text` block: how else to know it is ready?";
            return Err(Failure::new(format!("README.md, line {line}: {why}")));
        }
    }
    Ok(steps)
}

struct Block<'a> {
    line: usize,
    language: &'a str,
    words: Vec<&'a str>,
    text: String,
}

/// The fenced blocks of a page, fences of three backticks.
fn blocks(markdown: &str) -> Outcome<Vec<Block<'_>>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => found.push(block),
            (Some(info), None) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default();
                let words = words.collect();
                open = Some(Block { line: index + 1, language, words, text: String::new() });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    match open {
        None => Ok(found),
        Some(block) => {
            Err(Failure::new(format!("README.md, line {}: the block does not end", block.line)))
        }
    }
}

/// Whether lines are what a `text` block shows.
///
/// With `others` any lines may come between and after (a program that still runs).
#[must_use]
pub fn shows(expected: &[String], lines: &[String], others: bool) -> bool {
    let Some((pattern, rest)) = expected.split_first() else {
        return others || lines.iter().all(|line| line.trim().is_empty());
    };
    if pattern.trim() == "…" {
        return (0..=lines.len())
            .any(|skip| lines.get(skip..).is_some_and(|lines| shows(rest, lines, others)));
    }
    let Some((line, after)) = lines.split_first() else {
        return false;
    };
    if line_matches(pattern.trim_end(), line.trim_end()) {
        return shows(rest, after, others);
    }
    others && shows(expected, after, others)
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((literal, rest)) = split_at_placeholder(pattern) else {
        return pattern == line;
    };
    let Some(tail) = line.strip_prefix(literal) else {
        return false;
    };
    // A placeholder stands for at least one character.
    tail.char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([tail.len()])
        .any(|at| at > 0 && tail.get(at..).is_some_and(|tail| line_matches(rest, tail)))
}

/// What is before the first `…` or `<name>` of a pattern, and what is after it.
fn split_at_placeholder(pattern: &str) -> Option<(&str, &str)> {
    let dots = pattern.split_once('…');
    let named = pattern.split_once('<').and_then(|(before, rest)| {
        let (name, after) = rest.split_once('>')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || " -_".contains(c);
        (!name.is_empty() && name.chars().all(is_name)).then_some((before, after))
    });
    match (dots, named) {
        (Some(dots), Some(named)) => Some(if dots.0.len() < named.0.len() { dots } else { named }),
        (dots, named) => dots.or(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_page_is_read_as_steps() {
        let page = "# Title\n\n```sh background\nserve\n```\nIt prints:\n```text\nready <port>\n```\n\
            ```js title=a/client.mjs\nconsole.log(1)\n```\n```sh\nnode a/client.mjs\n```\n\
            ```text\n1\n```\n```text\nonly read\n```\n```sh skip\ncargo ci\n```\n```text\nx\n```\n";
        let run = |script: &str, background, output| Action::Run {
            script: script.to_owned(),
            background,
            output: Some(lines(output)),
        };
        let write =
            Action::Write { path: "a/client.mjs".to_owned(), text: "console.log(1)\n".to_owned() };
        assert_eq!(
            parse(page).unwrap(),
            [
                Step { line: 3, action: run("serve\n", true, "ready <port>") },
                Step { line: 10, action: write },
                Step { line: 13, action: run("node a/client.mjs\n", false, "1") },
            ]
        );
    }

    #[test]
    fn a_block_against_the_rules_is_named_by_its_line() {
        for (page, expected) in [
            ("\n```sh background\nserve\n```\n", "line 2: a background block needs"),
            ("```sh often\nls\n```\n", "line 1: after `sh` comes"),
            ("```js title=../x.js\n```\n", "line 1: the title is no path"),
            ("```js title=/x.js\n```\n", "line 1: the title is no path"),
            ("text\n```sh\nls\n", "line 2: the block does not end"),
        ] {
            let failure = parse(page).unwrap_err().to_string();
            assert!(failure.contains(expected), "{failure}");
        }
    }

    #[test]
    fn output_is_compared_with_its_placeholders() {
        for (expected, printed, holds) in [
            ("a\nb", "a\nb", true),
            ("a", "a\nb", false),
            ("a\nb", "a", false),
            ("a\nb", "b\na", false),
            ("a\n…\nd", "a\nb\nc\nd", true),
            ("a\n…\nd", "a\nd", true),
            ("a\n…", "a", true),
            ("token <user token>.", "token eyJ.x.", true),
            ("token <user token>", "token ", false),
            ("{\"id\":\"…\",\"n\":1}", "{\"id\":\"17-0\",\"n\":1}", true),
            ("{\"id\":\"…\",\"n\":1}", "{\"id\":\"17-0\",\"n\":2}", false),
            ("1 < 2 > 1", "1 < 2 > 1", true),
            ("<a>…<b>", "xyz", true),
            ("<a>…<b>", "xy", false),
        ] {
            assert_eq!(shows(&lines(expected), &lines(printed), false), holds, "{expected:?}");
        }
        assert!(shows(&lines("a\nc"), &lines("0\na\nb\nc\nd"), true));
        assert!(!shows(&lines("c\na"), &lines("a\nb\nc"), true));
    }
}
