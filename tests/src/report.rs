//! Lines for the reader of a test run.
//!
//! The test harness keeps what a passing test prints to itself, so the counts of a foreign test
//! runner (Node's, mocha's) would be lost. A line written here goes to the real standard output.

use std::io::Write as _;

/// Writes one line to standard output, past the capture of the test harness.
///
/// A closed standard output is ignored: the verdict is in the exit code.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// What a test runner counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Tests that ran and held.
    pub passed: usize,
    /// Tests that ran and did not hold.
    pub failed: usize,
    /// Tests that were not run.
    pub ignored: usize,
}

impl Counts {
    /// Reads the line `test result: ok. 3 passed; 0 failed; 1 ignored; …` of Rust's test harness,
    /// or `<name>: 3 passed, 0 failed` of a runner that reported with [`line()`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let counts = text
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
            .or_else(|| text.split_once(": "))?
            .1;
        let mut found = Self::default();
        let mut complete = (false, false);
        for part in counts.split([';', ',']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            match what {
                "passed" => (found.passed, complete.0) = (number, true),
                "failed" => (found.failed, complete.1) = (number, true),
                "ignored" | "pending" => found.ignored = number,
                _ => {}
            }
        }
        (complete == (true, true)).then_some(found)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn counts_are_read_from_the_lines_of_both_kinds_of_runner() {
        let counts = |passed, failed, ignored| Some(Counts { passed, failed, ignored });
        for (line, expected) in [
            (
                "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 5 filtered out; \
                 finished in 0.01s",
                counts(12, 0, 3),
            ),
            ("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured", counts(1, 2, 0)),
            ("official client, polling: 52 passed, 1 failed", counts(52, 1, 0)),
            ("suite engine: 25 passed, 0 failed, 2 pending", counts(25, 0, 2)),
            ("test it::passes ... ok", None),
            ("running 3 tests", None),
            ("note: 3 passed", None),
        ] {
            assert_eq!(Counts::parse(line), expected, "{line}");
        }
    }
}
