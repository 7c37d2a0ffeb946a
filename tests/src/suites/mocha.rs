//! One run of mocha, and what its JSON report says.

use super::Suite;
use crate::process::{self, Failure, Outcome};
use crate::workspace;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// The titles of the tests of a suite.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Report {
    pub(super) passed: Vec<String>,
    /// With the first line of what was wrong.
    pub(super) failed: Vec<(String, String)>,
    pub(super) pending: Vec<String>,
}

/// Runs a suite in its folder below `work`, its built-in port redirected to `port`.
///
/// # Errors
/// When mocha ends without a report, with what it printed.
pub(super) fn run(suite: &Suite, work: &Path, port: u16) -> Outcome<Report> {
    let file = work.join(format!("{}.json", suite.name));
    let redirect = workspace::node_dir().join("redirect.cjs");
    let mut node = process::command("node");
    node.arg(work.join("node_modules/mocha/bin/mocha.js"))
        .args(["--exit", "--reporter", "json", "--reporter-option"])
        .arg(format!("output={}", file.display()))
        .args(suite.mocha)
        .current_dir(work.join(suite.folder))
        // Not an argument: the suites start programs that connect, too.
        .env("NODE_OPTIONS", format!("--require=\"{}\"", redirect.display()))
        .env("REDIRECT_FROM", suite.port.to_string())
        .env("REDIRECT_TO", port.to_string());
    let captured = process::capture(&mut node, LIMIT)?;
    let report = std::fs::read_to_string(&file).ok();
    let report = report.and_then(|text| serde_json::from_str(&text).ok());
    report.as_ref().map(read).ok_or_else(|| {
        let said = format!("{}\n{}", captured.stdout, captured.stderr);
        Failure::new(format!("suite {}: no report from mocha\n{said}", suite.name))
    })
}

fn read(report: &Value) -> Report {
    let tests = |kind: &str| report.get(kind).and_then(Value::as_array).into_iter().flatten();
    let title = |test: &Value| {
        let title = test.get("fullTitle").and_then(Value::as_str);
        title.unwrap_or("a test without title").to_owned()
    };
    let message = |test: &Value| {
        let message = test.pointer("/err/message").and_then(Value::as_str).unwrap_or_default();
        message.lines().next().unwrap_or_default().to_owned()
    };
    Report {
        passed: tests("passes").map(title).collect(),
        failed: tests("failures").map(|test| (title(test), message(test))).collect(),
        pending: tests("pending").map(title).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_from_the_report() {
        let report = serde_json::json!({
            "passes": [{ "fullTitle": "a b", "err": {} }],
            "failures": [{ "fullTitle": "a c", "err": { "message": "first\nsecond" } }],
            "pending": [{ "fullTitle": "a d" }],
        });
        let expected = Report {
            passed: vec!["a b".to_owned()],
            failed: vec![("a c".to_owned(), "first".to_owned())],
            pending: vec!["a d".to_owned()],
        };
        assert_eq!(read(&report), expected);
    }
}
