//! `cargo ci`: every check of the project in one command.
//!
//! The steps run in the order of [`Step`], each with its time and a line `ok` or `FAIL`; the first
//! failure ends the run with exit code 1. The last line counts the tests. `.ci/run` calls exactly
//! this. Everything is built in one profile; only README's own commands build `crier` for release.

mod rust;
mod schemathesis;
mod tools;

use crate::process::{self, Outcome};
use crate::report::{self, Counts};
use std::process::ExitCode;
use std::time::Instant;

/// The command line of `cargo ci`.
#[derive(clap::Parser, Debug)]
#[command(about = "Checks everything: tools, format, lints, build, tests, docs, suites, README.")]
pub struct Options {
    /// Runs only this step (may be given several times).
    #[arg(long, value_enum, value_name = "STEP")]
    pub only: Vec<Step>,
    /// Leaves this step out (may be given several times).
    #[arg(long, value_enum, value_name = "STEP")]
    pub skip: Vec<Step>,
}

/// The steps, in the order they run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Step {
    /// Gets what the tests need: redis-server, Chromium, Node packages, schemathesis.
    Tools,
    /// `cargo fmt --check`.
    Format,
    /// Clippy on everything, warnings are errors.
    Lints,
    /// Builds the binaries, the examples and the tests.
    Build,
    /// All tests of the workspace, among them fuzz corpus, official clients, browser, architecture
    /// and supply chain.
    Tests,
    /// The sidecar against its OpenAPI document.
    Schemathesis,
    /// `cargo doc`, warnings are errors.
    Docs,
    /// The public conformance suites in the folder that `CRIER_SUITES` names.
    Suites,
    /// The commands of README.md, in a fresh clone.
    Readme,
}

/// Runs the chosen steps.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    if let Err(failure) = kill_children_on_signals() {
        report::line(&format!("FAIL signals: {failure}"));
        return ExitCode::FAILURE;
    }
    let start = Instant::now();
    let mut counts = Counts::default();
    for step in <Step as clap::ValueEnum>::value_variants() {
        let wanted = options.only.is_empty() || options.only.contains(step);
        if !wanted || options.skip.contains(step) {
            continue;
        }
        let name = step.name();
        report::line(&format!("==> {name}"));
        let begin = Instant::now();
        let outcome = step.run(&mut counts);
        let seconds = begin.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => report::line(&format!("ok   {name} ({seconds:.1} s)")),
            Err(failure) => {
                report::line(&format!("FAIL {name} ({seconds:.1} s): {failure}"));
                report::line(&format!("cargo ci: failed at {name}; tests: {counts}"));
                return ExitCode::FAILURE;
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    report::line(&format!("cargo ci: ok ({seconds:.1} s); tests: {counts}"));
    ExitCode::SUCCESS
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Format => "format",
            Self::Lints => "lints",
            Self::Build => "build",
            Self::Tests => "tests",
            Self::Schemathesis => "schemathesis",
            Self::Docs => "docs",
            Self::Suites => "suites",
            Self::Readme => "readme",
        }
    }

    fn run(self, counts: &mut Counts) -> Outcome {
        match self {
            Self::Tools => tools::install(),
            Self::Format => rust::format(),
            Self::Lints => rust::lints(),
            Self::Build => rust::build(),
            Self::Tests => rust::tests(counts),
            Self::Schemathesis => rust::build().and_then(|()| schemathesis::run(&rust::crier()?)),
            Self::Docs => rust::docs(),
            Self::Suites => rust::suites(counts),
            Self::Readme => rust::readme(counts),
        }
    }
}

/// Ctrl-C and SIGTERM end the run and every program that it has started.
fn kill_children_on_signals() -> Outcome {
    let signals = process::Signals::catch()?;
    std::thread::spawn(move || {
        signals.wait();
        process::kill_descendants(std::process::id());
        report::line("cargo ci: stopped by a signal");
        // 128 + SIGINT, the shell's convention for a program that a signal ended.
        std::process::exit(130);
    });
    Ok(())
}
