//! Runs the tests in `tests/node/contract` against a `crier` of its own, and compares the events that
//! had their run with the rows of the catalogue.

use crate::node::{node, tap_counts, tap_failures};
use crate::process::{self, Failure, Outcome, Running};
use crate::report;
use crate::workspace::{self, Target};
use crier_domain::{App, Catalogue, Direction};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Longer than any start of a server on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// All tests of one run.
const RUN_LIMIT: Duration = Duration::from_secs(600);
/// The presence's grace: short, so that the tests need not wait for the default.
const GRACE_MS: u32 = 1_500;

/// Which apps are on.
#[derive(Clone, Copy, Debug)]
pub enum Apps {
    /// All of them: every event of the catalogue has to have had its run at the end.
    All,
    /// One.
    Only(&'static str),
}

/// Starts `crier`, runs the tests, compares the runs with the catalogue.
///
/// # Errors
/// When a test failed, with what Node says of it, or when an event had no run.
pub fn run(apps: Apps) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let names = match apps {
        Apps::All => App::ALL.map(App::as_str).join(","),
        Apps::Only(app) => app.to_owned(),
    };
    // Of this run alone: nothing can be prepared for it.
    let secret = format!("{:x?}", folder.path().as_os_str()).repeat(2);
    let crier = start(&folder.path().join("data"), &names, &secret)?;
    let address = |name: &str| -> Outcome<String> {
        let line = crier.wait_for_line(name, START_LIMIT)?;
        let parts: Vec<&str> = line.split('/').collect();
        let host = parts.get(2).ok_or_else(|| Failure::new(format!("no address: {line}")))?;
        Ok(format!("http://{host}"))
    };
    let (sockets, sidecar) = (address("sockets")?, address("sidecar")?);
    crier.wait_for_line("internal", START_LIMIT)?;
    let runs = folder.path().join("runs");
    let mut command = node()?;
    command
        .args(["--test", "--test-concurrency=1", "--test-reporter=tap"])
        .args(files(apps)?)
        .env("CRIER_URL", sockets)
        .env("CRIER_REST", sidecar)
        .env("CRIER_TOKEN_SECRET", &secret)
        .env("CRIER_RUN_APPS", &names)
        .env("CRIER_GRACE_MS", GRACE_MS.to_string())
        .env("CRIER_RUNS", &runs);
    let tap = process::capture(&mut command, RUN_LIMIT)?;
    let counts = tap_counts(&tap.stdout);
    report::line(&format!("contract, {names}: {} passed, {} failed", counts.passed, counts.failed));
    if !tap.status.success() || counts.failed > 0 || counts.passed == 0 {
        let (failures, server) = (tap_failures(&tap.stdout), crier.transcript());
        return Err(Failure::new(format!("{failures}\n{}\nserver:\n{server}", tap.stderr)));
    }
    match apps {
        Apps::All => every_event_had_its_run(&std::fs::read_to_string(&runs).unwrap_or_default()),
        Apps::Only(_) => Ok(()),
    }
}

fn start(data: &std::path::Path, apps: &str, secret: &str) -> Outcome<Running> {
    let mut command = process::command(workspace::binary(Target::Bin("crier-server", "crier"))?);
    let (data, grace) =
        (format!("data_dir={}", data.display()), format!("presence.grace={GRACE_MS}ms"));
    let (apps, secret) = (format!("apps={apps}"), format!("auth.secret={secret}"));
    for setting in [
        "listen=127.0.0.1:0",
        "rest_listen=127.0.0.1:0",
        "internal_listen=127.0.0.1:0",
        // Anonymous sockets are outsiders in these tests.
        "auth.mode=optional",
        "log=warn",
        data.as_str(),
        grace.as_str(),
        apps.as_str(),
        secret.as_str(),
    ] {
        command.args(["--set", setting]);
    }
    Running::start(&mut command)
}

/// The files of the tests: all of them, or those of the app and of what every app has.
fn files(apps: Apps) -> Outcome<Vec<PathBuf>> {
    let folder = workspace::node_dir().join("contract");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let common = ["published", "system", "recovery"].iter().any(|part| name.starts_with(part));
        name.ends_with(".test.mjs")
            && match apps {
                Apps::All => true,
                Apps::Only(app) => common || name.starts_with(app),
            }
    });
    files.sort();
    Ok(files)
}

/// Fails for an event of the catalogue that no test has shown, and for a run of one that is not there.
fn every_event_had_its_run(runs: &str) -> Outcome {
    let had: BTreeSet<String> = runs.lines().map(str::to_owned).collect();
    let catalogue = Catalogue::new(App::ALL);
    let rows: BTreeSet<String> = catalogue
        .rows()
        .map(|row| {
            let direction = if row.direction == Direction::ToServer { "S" } else { "C" };
            format!("{} {direction} {}", row.namespace, row.name)
        })
        .collect();
    let missing: Vec<&String> = rows.difference(&had).collect();
    let unknown: Vec<&String> = had.difference(&rows).collect();
    report::line(&format!(
        "contract: {} of {} events had their run",
        rows.len() - missing.len(),
        rows.len()
    ));
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("without a run: {missing:?}; run, but no row: {unknown:?}")))
}
