//! The public conformance suites, run unmodified against the example `conformance`.
//!
//! `CRIER_SUITES` names a checkout of the repository socketio/socket.io. Its sources are copied to a
//! temporary folder, beside the packages that `tests/node/suites` pins. The suites start no server
//! of their own: that is done in mocha hooks which are not loaded. The port they have built in is
//! redirected to the server under test where a connection is made (`tests/node/redirect.cjs`).

mod expected;
mod mocha;

use crate::node::Server;
use crate::process::{self, Failure, Outcome, TempDir};
use crate::report::{self, Counts};
use crate::workspace;
use expected::ExpectedFailure;
use std::path::Path;
use std::time::Duration;

/// The variable that names the checkout.
pub const FOLDER: &str = "CRIER_SUITES";

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// One public suite.
#[derive(Debug)]
pub(crate) struct Suite {
    /// `--suite` of the server, and the name in the report.
    name: &'static str,
    /// Its folder in the checkout.
    folder: &'static str,
    /// The port that its sources name.
    port: u16,
    /// What mocha loads.
    mocha: &'static [&'static str],
    /// The package whose build, as published, the tests import by a relative path.
    built: Option<&'static str>,
    /// How many tests hold on Node's server: fewer that ran means that tests were lost.
    on_node: usize,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "engine",
        folder: "docs/engine.io-protocol/v4-test-suite",
        port: 3000,
        mocha: &["test-suite.js"],
        built: None,
        on_node: 25,
    },
    Suite {
        name: "socket",
        folder: "docs/socket.io-protocol/v5-test-suite",
        port: 3000,
        mocha: &["test-suite.js"],
        built: None,
        on_node: 32,
    },
    Suite {
        name: "client",
        folder: "packages/socket.io-client",
        port: 3210,
        mocha: &["--import=tsx", "test/index.ts"],
        built: Some("socket.io-client"),
        on_node: 111,
    },
    Suite {
        name: "engine-client",
        folder: "packages/engine.io-client",
        port: 3000,
        // Without its test/webtransport.mjs: Crier does not speak WebTransport.
        mocha: &["test/index.js"],
        built: Some("engine.io-client"),
        on_node: 83,
    },
];

/// Runs all suites of a checkout against a server and reports each: `suite NAME: N passed, …`.
///
/// # Errors
/// When a suite cannot be run, when a test fails that is not expected to, and when one does not
/// fail that is.
pub fn run(checkout: &Path, server: Server) -> Outcome<Counts> {
    let work = prepare(checkout)?;
    let mut total = Counts::default();
    let mut wrong = Vec::new();
    for suite in SUITES {
        let expected: &[ExpectedFailure] = match server {
            Server::Conformance => expected::FAILURES,
            Server::Reference => &[],
        };
        let (counts, mut complaints) = suite.run(work.path(), server, expected)?;
        total += counts;
        wrong.append(&mut complaints);
    }
    if wrong.is_empty() { Ok(total) } else { Err(Failure::new(wrong.join("\n"))) }
}

/// Copies the sources and installs what they need.
fn prepare(checkout: &Path) -> Outcome<TempDir> {
    let work = TempDir::new("suites")?;
    let pinned = workspace::node_dir().join("suites");
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        copy(&pinned.join(file), work.path())?;
    }
    report::line("     npm ci (tests/node/suites)");
    let mut npm = process::command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]);
    process::run(npm.current_dir(work.path()), INSTALL_LIMIT)?;
    for suite in SUITES {
        let source = checkout.join(suite.folder);
        if !source.is_dir() {
            return Err(Failure::new(format!(
                "{FOLDER}: no {} in {}",
                suite.folder,
                checkout.display()
            )));
        }
        let target = work.path().join(suite.folder);
        let parent = target.parent().unwrap_or(&target);
        std::fs::create_dir_all(parent)
            .map_err(|error| Failure::new(format!("{}: {error}", parent.display())))?;
        copy(&source, parent)?;
        // What a checkout has installed or built itself would come before what is pinned.
        for stale in ["node_modules", "build"] {
            let _ = std::fs::remove_dir_all(target.join(stale));
        }
        if let Some(package) = suite.built {
            copy(&work.path().join("node_modules").join(package).join("build"), &target)?;
        }
    }
    Ok(work)
}

/// Copies a file or a folder into a folder.
fn copy(source: &Path, into: &Path) -> Outcome {
    let mut cp = process::command("cp");
    process::capture(cp.arg("-R").args([source, into]), INSTALL_LIMIT)?.successful("cp").map(drop)
}

impl Suite {
    /// Its counts (expected failures are counted as ignored), and what is not as it should be.
    fn run(
        &self,
        work: &Path,
        server: Server,
        expected: &[ExpectedFailure],
    ) -> Outcome<(Counts, Vec<String>)> {
        let under_test = server.start(self.name, &[])?;
        let outcome = mocha::run(self, work, under_test.port()?)?;
        let name = self.name;
        let reason = |title: &str| {
            let found = expected.iter().find(|it| it.suite == name && it.title == title);
            found.map(|it| it.reason)
        };
        let mut known = 0;
        let mut wrong = Vec::new();
        for (title, message) in &outcome.failed {
            if let Some(reason) = reason(title) {
                known += 1;
                report::line(&format!("suite {name}: expected failure: {title} ({reason})"));
            } else {
                report::line(&format!("suite {name}: FAILED: {title}: {message}"));
                wrong.push(format!("suite {name}: {title}: {message}"));
            }
        }
        for ExpectedFailure { title, .. } in expected.iter().filter(|it| it.suite == name) {
            if outcome.passed.iter().any(|passed| passed == title) {
                wrong.push(format!("suite {name}: `{title}` holds now: take it off the list"));
            }
        }
        let (passed, failed) = (outcome.passed.len(), outcome.failed.len());
        let pending = outcome.pending.len();
        if passed + failed < self.on_node {
            wrong.push(format!("suite {name}: {} of {} ran", passed + failed, self.on_node));
        }
        let failed = failed - known;
        report::line(&format!(
            "suite {name}: {passed} passed, {failed} failed, {known} expected failures, \
             {pending} pending"
        ));
        Ok((Counts { passed, failed, ignored: known + pending }, wrong))
    }
}
