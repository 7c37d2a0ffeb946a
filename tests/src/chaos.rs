//! What is killed how often, and what must hold then.
//!
//! ```text
//! scenario   the audited runs, as data: load, faults, what else must hold
//! run        one audited run: cluster, clients, publishers, faults, verdict
//! faults     the timeline, and who brings back what was killed
//! power      what of Redis's file was on disk for certain
//! crowd      official clients and publishers (Node processes)
//! audit      the verdict, by a checker that reads only logs
//! storm slow race baseline   runs of another shape
//! ```
//!
//! The program is `cargo run --release -p tests --bin chaos -- <name>`; `cargo ci` runs the short sizes.

pub mod audit;
mod baseline;
pub mod crowd;
mod faults;
mod power;
mod race;
mod random;
mod run;
pub mod scenario;
mod slow;
mod storm;

pub use random::Random;

use crate::process::{Failure, Outcome, TempDir};
use scenario::SCENARIOS;
use std::path::{Path, PathBuf};

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The size in seconds instead of the full one.
    pub short: bool,
    /// Chooses victims and moments.
    pub seed: u64,
    /// Where the logs go and stay; `None` = away with the run.
    pub keep: Option<PathBuf>,
    /// Sidecar processes in place of the run's own number; 0 = the replicas' own.
    pub sidecars: Option<usize>,
}

/// A run that is not an audited one.
type Special = fn(&Options, &Path) -> Outcome;

/// Name, what it shows, how.
const SPECIAL: [(&str, &str, Special); 5] = [
    (
        "storm",
        "everyone dropped at once, 100 events missed: all back, Redis barely asked",
        storm::run,
    ),
    ("storm-alone", "the same on one replica without Redis", storm::run_alone),
    ("slow", "some stop reading: the others do not notice", slow::run),
    ("race", "orders for the last pieces on two replicas: exactly as many win", race::run),
    ("baseline", "the same audit on Node with its streams adapter finds its losses", baseline::run),
];

/// All runs: name and what it shows.
#[must_use]
pub fn list() -> Vec<(&'static str, &'static str)> {
    let audited = SCENARIOS.iter().map(|scenario| (scenario.name, scenario.about));
    audited.chain(SPECIAL.iter().map(|(name, about, _)| (*name, *about))).collect()
}

/// Runs one by its name, prints its counts.
///
/// # Errors
/// When something did not hold: each point of it, and the counts.
pub fn run(name: &str, options: &Options) -> Outcome {
    let temporary = TempDir::new("chaos")?;
    let logs = options.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(logs)
        .map_err(|error| Failure::new(format!("{}: {error}", logs.display())))?;
    if let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) {
        return run::run(scenario, options, logs);
    }
    match SPECIAL.iter().find(|(special, ..)| *special == name) {
        Some((_, _, special)) => special(options, logs),
        None => Err(Failure::new(format!("no run is called {name}"))),
    }
}

/// Tokens of some users: a socket is one of a few people, as in a shop with many tabs.
fn tokens(cluster: &crate::cluster::Cluster, count: usize) -> Outcome<Vec<String>> {
    (0..count).map(|number| cluster.token(&format!("user{number}"), "user")).collect()
}

fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
