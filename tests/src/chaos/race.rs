//! The order race over two replicas: 200 buyers, 50 pieces.

use super::{Options, settings, tokens};
use crate::cluster::{self, Cluster};
use crate::node;
use crate::process::{Failure, Outcome, Running};
use crate::report::line;
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Pieces of each product.
const PIECES: usize = 50;

/// All rounds.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(options: &Options, _logs: &Path) -> Outcome {
    let (buyers, rounds) = if options.short { (80, 2) } else { (200, 10) };
    let cluster = Cluster::start(&cluster::Options {
        replicas: 2,
        sidecars: options.sidecars.unwrap_or(1),
        // Each buyer orders once a round.
        settings: settings(&[("CRIER_SHOP_ORDERS_PER_MINUTE", "1000")]),
        ..cluster::Options::default()
    })?;
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    let options = json!({
        "urls": cluster.replicas.iter().map(|replica| at(replica.public)).collect::<Vec<_>>(),
        "rest": at(cluster.balancer.rest),
        "tokens": tokens(&cluster, buyers)?,
        "service": cluster.token("backend", "service")?,
        "pieces": PIECES, "rounds": rounds,
    });
    let mut command = node::node()?;
    command.arg("chaos/race.mjs").arg(options.to_string()).stdin(Stdio::piped());
    let race = Running::start(&mut command)?;
    race.wait_for_line("done", LIMIT)?;
    let said = race.transcript();
    let expected = format!("won {PIECES} refused {} other 0", buyers - PIECES);
    let (mut held, mut wrong) = (0, Vec::new());
    for round in said.lines().filter(|line| line.starts_with("round ")) {
        line(&format!("  {round}"));
        if round.ends_with(&expected) { held += 1 } else { wrong.push(round) }
    }
    if held == rounds {
        return Ok(());
    }
    Err(Failure::new(format!("{}\n{said}\n{}", wrong.join(", "), cluster.transcript())))
}
