//! The official JavaScript clients, driven from Rust: server under test, runner, counts.

use crate::process::{self, Failure, Outcome, Running};
use crate::report::{self, Counts};
use crate::workspace::{self, Target};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Longer than any start of a server on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// All tests of one run of one runner.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// Who answers the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Server {
    /// Ours: the example `conformance` of `crier-server`.
    Conformance,
    /// Node's: `tests/node/reference.mjs`, with the same command line.
    Reference,
}

/// A server under test; gone with its owner.
#[derive(Debug)]
pub struct UnderTest {
    running: Running,
    /// Where it listens, as it said: `127.0.0.1:PORT`.
    pub address: String,
}

impl Server {
    /// Starts it with the handlers of a suite (`--suite`) and further arguments, on a free port.
    ///
    /// # Errors
    /// When it cannot be built or started, or does not say where it listens.
    pub fn start(self, suite: &str, more: &[&str]) -> Outcome<UnderTest> {
        let mut command = match self {
            Self::Conformance => {
                process::command(workspace::binary(Target::Example("crier-server", "conformance"))?)
            }
            Self::Reference => {
                let mut node = node()?;
                node.arg("reference.mjs");
                node
            }
        };
        command.args(["--suite", suite, "--listen", "127.0.0.1:0"]).args(more);
        let running = Running::start(&mut command)?;
        let address = running.wait_for_line("listening on ", START_LIMIT)?;
        Ok(UnderTest { running, address })
    }
}

impl UnderTest {
    /// What it printed so far, for a message.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.running.transcript()
    }

    /// The port it listens on.
    ///
    /// # Errors
    /// When its address has none.
    pub fn port(&self) -> Outcome<u16> {
        let port = self.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.ok_or_else(|| Failure::new(format!("no port in `{}`", self.address)))
    }
}

/// Node in the folder of our scripts, its packages checked.
///
/// # Errors
/// When the packages are not installed: `npm ci` in tests/node does it, as `cargo ci` does.
pub fn node() -> Outcome<Command> {
    let folder = workspace::node_dir();
    if !folder.join("node_modules").is_dir() {
        return Err(Failure::new("Node packages are missing: run `npm ci` in tests/node"));
    }
    let mut node = process::command("node");
    node.current_dir(folder);
    Ok(node)
}

/// Runs the tests in `tests/node/client` against a server and reports `<who>, <transports>…: N passed, N failed`.
///
/// # Errors
/// When a test failed, with what Node says of it, or when none ran.
pub fn official_client(server: Server, transports: &str, parser: &str) -> Outcome {
    let under_test = server.start("own", &["--parser", parser])?;
    let mut command = node()?;
    command
        // One file after the other: their clients share two cores with other tests.
        .args(["--test", "--test-concurrency=1", "--test-reporter=tap"])
        .args(client_tests()?)
        .env("CRIER_URL", format!("http://{}", under_test.address))
        .env("TRANSPORTS", transports)
        .env("PARSER", parser);
    let tap = process::capture(&mut command, RUN_LIMIT)?;
    let counts = tap_counts(&tap.stdout);
    let who = match server {
        Server::Conformance => "official client",
        Server::Reference => "official client on Node's server",
    };
    let parser_name = if parser == "default" { String::new() } else { format!(", {parser}") };
    let Counts { passed, failed, .. } = counts;
    report::line(&format!("{who}, {transports}{parser_name}: {passed} passed, {failed} failed"));
    if tap.status.success() && failed == 0 && passed > 0 {
        return Ok(());
    }
    let failures = tap_failures(&tap.stdout);
    let server_said = under_test.transcript();
    Err(Failure::new(format!("{failures}\n{}\nserver:\n{server_said}", tap.stderr)))
}

/// The files of the tests; Node 20 expands no pattern itself.
fn client_tests() -> Outcome<Vec<PathBuf>> {
    let folder = workspace::node_dir().join("client");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// The totals at the end of Node's TAP output: `# pass 5`.
pub(crate) fn tap_counts(tap: &str) -> Counts {
    let total = |name: &str| {
        let mut lines = tap.lines().rev();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    // Cancelled tests (their suite ended first) did not hold either.
    let failed = total("# fail ") + total("# cancelled ");
    Counts { passed: total("# pass "), failed, ignored: total("# skipped ") }
}

/// The failed tests, each with the indented lines that explain it.
pub(crate) fn tap_failures(tap: &str) -> String {
    let mut text = String::new();
    let mut shown = false;
    for line in tap.lines() {
        let inner = line.trim_start();
        if inner.starts_with("not ok ") {
            shown = true;
        } else if inner.starts_with("ok ") || inner.starts_with("# ") {
            shown = false;
        }
        if shown {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAP: &str = "TAP version 13\n\
        # Subtest: connect\n    # Subtest: a\n    ok 1 - a\n    # Subtest: b\n    not ok 2 - b\n      \
        ---\n      error: 'no \"connect\"'\n      ...\n    1..2\nnot ok 1 - connect\n1..1\n\
        # tests 2\n# pass 1\n# fail 1\n# cancelled 1\n# skipped 3\n";

    #[test]
    fn counts_and_failures_are_read_from_node() {
        assert_eq!(tap_counts(TAP), Counts { passed: 1, failed: 2, ignored: 3 });
        let failures = tap_failures(TAP);
        assert!(failures.contains("not ok 2 - b") && failures.contains("no \"connect\""));
        assert!(!failures.contains("ok 1 - a"));
    }
}
