//! `crier-bench`: measures a Socket.IO server and checks what it delivers.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use crier_bench::{
    report::Report,
    scenario::{
        ScenarioError,
        echo::{self, Echo},
        fanout::{self, Fanout},
        idle::{self, Idle},
    },
};

/// Measures a Socket.IO server with clients of the official protocol, and checks that every event
/// came once and in order. Exit code 1 if not.
///
/// The server runs the application of `server/examples/peer.rs`: a socket joins the room in
/// `auth.room`, `echo` acknowledges its payload, and `publish { room, data }` sends `msg` with `data`
/// to the room.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Also write the results as JSON to this file.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Memory and CPU time of many clients that do nothing.
    Idle(Idle),
    /// CPU time of a delivery, from one publisher to many clients.
    Fanout(Fanout),
    /// CPU time of a round trip, of clients that each wait for their acknowledgement.
    Echo(Echo),
}

// One thread: it can be pinned to a core, and clients share its scratch buffer.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = match run(&cli.scenario).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("crier-bench: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = show(&report, cli.json) {
        eprintln!("crier-bench: writing the results: {error}");
        return ExitCode::FAILURE;
    }
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(scenario: &Scenario) -> Result<Report, ScenarioError> {
    match scenario {
        Scenario::Idle(plan) => idle::run(plan).await,
        Scenario::Fanout(plan) => fanout::run(plan).await,
        Scenario::Echo(plan) => echo::run(plan).await,
    }
}

fn show(report: &Report, json: Option<PathBuf>) -> io::Result<()> {
    write!(io::stdout(), "{report}")?;
    match json {
        Some(path) => report.write(&path),
        None => Ok(()),
    }
}
