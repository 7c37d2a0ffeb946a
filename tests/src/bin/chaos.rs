//! Kills things under load and audits what clients got: `cargo run --release -p tests --bin chaos -- kills`.

use clap::Parser as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::chaos;
use tests::process;
use tests::report::line;

/// The command line.
#[derive(clap::Parser, Debug)]
#[command(
    about = "Kills things under load and audits what clients got. Without a name: lists the runs."
)]
struct Arguments {
    /// Which runs; `all` = every one.
    names: Vec<String>,
    /// The size of `cargo ci`: seconds.
    #[arg(long)]
    short: bool,
    /// Chooses victims and moments; printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps the logs in this folder (one folder a run below it).
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Sidecar processes, in place of the run's own number; 0 = those that the replicas have built in.
    #[arg(long)]
    sidecars: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let known: Vec<&str> = chaos::list().into_iter().map(|(name, _)| name).collect();
    if arguments.names.is_empty() {
        for (name, about) in chaos::list() {
            line(&format!("{name:16} {about}"));
        }
        return ExitCode::SUCCESS;
    }
    let names = match arguments.names.as_slice() {
        [all] if all == "all" => known.iter().map(|name| (*name).to_owned()).collect(),
        names => names.to_vec(),
    };
    let signals = match process::Signals::catch() {
        Ok(signals) => signals,
        Err(failure) => {
            line(&format!("chaos: {failure}"));
            return ExitCode::FAILURE;
        }
    };
    std::thread::spawn(move || {
        signals.wait();
        process::kill_descendants(std::process::id());
        // 128 + SIGINT, the shell's convention for a program that a signal ended.
        std::process::exit(130);
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seed = arguments.seed.unwrap_or_else(|| u64::from(now.subsec_nanos()) ^ now.as_secs());
    let mut failed = Vec::new();
    for name in names {
        line(&format!("==> {name} (seed {seed})"));
        let begin = Instant::now();
        let keep = arguments.keep.as_ref().map(|folder| folder.join(&name));
        let options =
            chaos::Options { short: arguments.short, seed, keep, sidecars: arguments.sidecars };
        match chaos::run(&name, &options) {
            Ok(()) => line(&format!("ok   {name} ({:.0} s)", begin.elapsed().as_secs_f64())),
            Err(failure) => {
                line(&format!("FAIL {name} ({:.0} s): {failure}", begin.elapsed().as_secs_f64()));
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    line(&format!("chaos: failed: {}", failed.join(", ")));
    ExitCode::FAILURE
}
