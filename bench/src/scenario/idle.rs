//! Many clients that do nothing: what they cost in memory, before and after a burst, and in CPU time.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use super::{ScenarioError, Server};
use crate::{
    crowd::Crowd,
    files,
    process::{Meter, Process},
    publisher::Publisher,
    ramp::Ramp,
    report::{Report, float, share},
    target::Target,
};

/// The plan.
#[derive(Clone, Debug, clap::Args)]
pub struct Idle {
    /// Where.
    #[command(flatten)]
    pub server: Server,
    /// Clients.
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// Broadcasts of the burst, to the room that all clients are in.
    #[arg(long, default_value_t = 20)]
    pub broadcasts: u64,
    /// Time over which CPU is measured while the clients only answer pings.
    #[arg(long, default_value_t = 100)]
    pub seconds: u64,
}

/// Time for what a phase left behind to be put away, before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// Runs it.
///
/// # Errors
///
/// It came to no result. A result that is not as it must be is in the report.
pub async fn run(plan: &Idle) -> Result<Report, ScenarioError> {
    files::check(plan.connections + 1)?;
    let process = plan.server.process();
    let target = Arc::new(Target::resolve(&plan.server.url).await?);
    let mut report = Report::new(
        "idle",
        json!({
            "connections": plan.connections,
            "broadcasts": plan.broadcasts,
            "seconds": plan.seconds,
            "connect_rate": plan.server.connect_rate,
        }),
    );
    let memory = || process.as_ref().map(Process::memory).transpose();
    let clients = u64::try_from(plan.connections).unwrap_or(u64::MAX);

    let empty = memory()?;
    let meter = Meter::start(process.as_ref())?;
    let ramp = Ramp { clients: plan.connections, per_second: plan.server.connect_rate };
    let window = usize::try_from(plan.broadcasts).unwrap_or(usize::MAX);
    let crowd = Crowd::connect(&target, &ramp, window).await?;
    let board = Arc::clone(crowd.board());
    tokio::time::sleep(SETTLE).await;
    let connect = meter.stop()?;
    let idle = memory()?;

    let mut publisher = Publisher::connect(&target, &board).await?;
    publisher.publish(|sent| sent < plan.broadcasts).await?;
    publisher.rest(Instant::now() + SETTLE).await?;
    let after = memory()?;

    eprintln!("waiting for {} s", plan.seconds);
    let meter = Meter::start(process.as_ref())?;
    let pings = board.pings() + publisher.pings();
    let time = Duration::from_secs(plan.seconds);
    publisher.rest(Instant::now() + time).await?;
    let usage = meter.stop()?;
    let pings = board.pings() + publisher.pings() - pings;

    report.count("connections", "connections", clients);
    report_memory(&mut report, clients, [empty, idle, after]);
    if let (Some(connect), Some(cpu)) = (connect.server, usage.server) {
        let each = share(connect.as_secs_f64() * 1e6, clients);
        report.figure("connect_cpu_us", "server CPU for each connect", each, "µs");
        let seconds = cpu.as_secs_f64();
        let percent = 100.0 * seconds / usage.time.as_secs_f64();
        report.figure("idle_cpu_s", "server CPU while idle", seconds, "s");
        report.figure("idle_cpu", "server busy while idle", percent, "% of a core");
    }
    report.count("pings", "pings answered while idle", pings);
    report.count("delivered", "broadcasts delivered", board.delivered());
    if pings == 0 && plan.seconds > 25 {
        report.fault("no ping came: Engine.IO servers send one every 25 s");
    }
    report.must_be_zero("disconnects", "disconnects", board.disconnects());
    super::report_faults(&mut report, crowd.finish(plan.broadcasts).await);
    Ok(report)
}

/// Memory of the server when it was empty, with the clients, and after the burst.
fn report_memory(report: &mut Report, clients: u64, measured: [Option<u64>; 3]) {
    let [Some(empty), Some(idle), Some(after)] = measured else {
        return;
    };
    let kib = |bytes: u64| float(bytes) / 1024.0;
    // The publisher is one more client after the burst.
    let each = |now: u64, clients: u64| share(kib(now.saturating_sub(empty)), clients);
    report.figure("empty_mib", "server, empty", kib(empty) / 1024.0, "MiB");
    report.figure("idle_kib", "each idle client", each(idle, clients), "KiB");
    report.figure("after_kib", "each idle client after the burst", each(after, clients + 1), "KiB");
}
