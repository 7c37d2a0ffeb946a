//! One publisher, many receivers: what a delivery costs the server.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use super::{ScenarioError, Server, report_faults, report_latencies, report_usage};
use crate::{
    crowd::Crowd, files, process::Meter, publisher::Publisher, ramp::Ramp, report::Report,
    target::Target,
};

/// The plan.
#[derive(Clone, Debug, clap::Args)]
pub struct Fanout {
    /// Where.
    #[command(flatten)]
    pub server: Server,
    /// Receivers, all in one room.
    #[arg(long, default_value_t = 1_000)]
    pub clients: usize,
    /// Broadcasts that are on their way at a time; the next goes out when everyone has the oldest.
    #[arg(long, default_value_t = 1)]
    pub outstanding: usize,
    /// Time over which it is measured, after a second of warming up.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
}

/// Not measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs it.
///
/// # Errors
///
/// It came to no result. A result that is not as it must be is in the report.
pub async fn run(plan: &Fanout) -> Result<Report, ScenarioError> {
    files::check(plan.clients + 1)?;
    let process = plan.server.process();
    let target = Arc::new(Target::resolve(&plan.server.url).await?);
    let mut report = Report::new(
        "fanout",
        json!({
            "clients": plan.clients,
            "outstanding": plan.outstanding,
            "seconds": plan.seconds,
        }),
    );
    let ramp = Ramp { clients: plan.clients, per_second: plan.server.connect_rate };
    let crowd = Crowd::connect(&target, &ramp, plan.outstanding).await?;
    let board = Arc::clone(crowd.board());
    let mut publisher = Publisher::connect(&target, &board).await?;

    publisher.publish(until(WARM_UP)).await?;
    publisher.take_latencies();
    let meter = Meter::start(process.as_ref())?;
    let before = board.delivered();
    publisher.publish(until(Duration::from_secs(plan.seconds))).await?;
    let usage = meter.stop()?;
    let delivered = board.delivered() - before;

    report.count("broadcasts", "broadcasts", publisher.sent());
    report.count("delivered", "deliveries measured", delivered);
    report_usage(&mut report, &usage, delivered, "deliveries/s");
    report_latencies(&mut report, &publisher.take_latencies());
    report.must_be_zero("disconnects", "disconnects", board.disconnects());
    report_faults(&mut report, crowd.finish(publisher.sent()).await);
    Ok(report)
}

/// True for so long from now.
fn until(time: Duration) -> impl FnMut(u64) -> bool {
    let end = Instant::now() + time;
    move |_sent| Instant::now() < end
}
