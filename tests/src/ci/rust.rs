//! The steps that Cargo does. One profile and one set of features: every dependency is built once.

use crate::node::Server;
use crate::process::{self, Failure, Outcome};
use crate::report::{self, Counts};
use crate::suites;
use crate::workspace::{self, cargo};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// No step takes as long on two slow cores; what does, hangs.
const LIMIT: Duration = Duration::from_secs(1500);

pub(super) fn format() -> Outcome {
    process::run(cargo().args(["fmt", "--all", "--check"]), LIMIT)
}

pub(super) fn lints() -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
    process::run(cargo().args(arguments).args(["--", "-D", "warnings"]), LIMIT)
}

pub(super) fn build() -> Outcome {
    // With `--tests` the features of dev-dependencies count, as they will for `cargo test`.
    let targets = ["--bins", "--examples", "--tests"];
    process::run(cargo().args(["build", "--workspace", "--locked", "--quiet"]).args(targets), LIMIT)
}

/// The server that [`build`] has built.
pub(super) fn crier() -> Outcome<PathBuf> {
    Ok(workspace::target_dir()?.join("debug/crier"))
}

/// All tests, then those of hostile input: these judge memory, tasks and how well others are served, so
/// nothing may run beside them.
pub(super) fn tests(counts: &mut Counts) -> Outcome {
    let mut most = cargo();
    most.args(["test", "--workspace", "--locked", "--no-fail-fast", "--", "--skip", HOSTILE]);
    run_tests(&mut most, counts)?;
    let mut hostile = cargo();
    hostile.args(["test", "--workspace", "--locked", "--no-fail-fast", "--test", "it", "--"]);
    run_tests(hostile.args(["--test-threads=1", HOSTILE]), counts)
}

/// In the names of the tests of hostile input.
const HOSTILE: &str = "hostile::";

pub(super) fn docs() -> Outcome {
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"), LIMIT)
}

pub(super) fn suites(counts: &mut Counts) -> Outcome {
    let Some(checkout) = std::env::var_os(suites::FOLDER) else {
        report::line("suites: not run");
        return Ok(());
    };
    *counts += suites::run(Path::new(&checkout), Server::Conformance)?;
    Ok(())
}

/// README's commands are an ignored test, because they build `crier` for release.
pub(super) fn readme(counts: &mut Counts) -> Outcome {
    let mut command = cargo();
    command.args([
        "test",
        "--workspace",
        "--locked",
        "--test",
        "it",
        "--",
        "--ignored",
        "readme::",
    ]);
    run_tests(&mut command, counts)
}

/// Runs `cargo test`: shows all but the tests that hold, and adds up the counts.
fn run_tests(command: &mut Command, counts: &mut Counts) -> Outcome {
    let profile = workspace::target_dir()?.join("debug");
    command.env(workspace::BIN_DIR, profile).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| Failure::new(format!("cargo cannot be started: {error}")))?;
    let lines = child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines());
    let watchdog = Watchdog::start(child.id(), LIMIT);
    let mut own = Counts::default();
    for line in lines.map_while(Result::ok) {
        let found = Counts::parse(&line);
        own += found.unwrap_or_default();
        if !is_noise(&line, found) {
            report::line(&format!("     {line}"));
        }
    }
    let status = child.wait().map_err(|error| Failure::new(error.to_string()))?;
    let timed_out = watchdog.stop();
    *counts += own;
    match () {
        () if timed_out => Err(Failure::new(format!("killed after {} s", LIMIT.as_secs()))),
        () if !status.success() => Err(Failure::new(format!("{own}"))),
        () if own.passed == 0 => Err(Failure::new("no test was run")),
        () => Ok(()),
    }
}

/// Tests that hold, targets without tests, and what goes with them.
fn is_noise(line: &str, counts: Option<Counts>) -> bool {
    line.is_empty()
        || line.starts_with("running ")
        || (line.starts_with("test ") && line.ends_with("... ok"))
        || counts == Some(Counts::default())
}

/// Kills a program over its limit while its output is read.
struct Watchdog {
    stop: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    fn start(id: u32, limit: Duration) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let over = matches!(
                stopped.recv_timeout(limit),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            );
            if over {
                process::kill_tree(id);
            }
            over
        });
        Self { stop, thread }
    }

    fn stop(self) -> bool {
        drop(self.stop);
        self.thread.join().unwrap_or(true)
    }
}
