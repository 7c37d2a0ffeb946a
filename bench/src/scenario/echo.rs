//! Clients that each wait for an acknowledgement before they send again: what a round trip costs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::{ScenarioError, Server, report_faults, report_latencies, report_usage};
use crate::{
    client::{Client, ClientError},
    files, payload,
    process::Meter,
    ramp::{Auth, Ramp},
    record::{Faults, Latencies, Sequence},
    report::Report,
    target::Target,
};

/// The plan.
#[derive(Clone, Debug, clap::Args)]
pub struct Echo {
    /// Where.
    #[command(flatten)]
    pub server: Server,
    /// Clients, each with one acknowledgement outstanding.
    #[arg(long, default_value_t = 500)]
    pub clients: usize,
    /// Time over which it is measured, after a second of warming up.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
}

/// Not measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// Longest time that an acknowledgement may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// What all users count on.
#[derive(Debug, Default)]
struct Board {
    round_trips: AtomicU64,
    disconnects: AtomicU64,
    garbled: AtomicU64,
    stop: AtomicBool,
    latencies: Mutex<Latencies>,
}

/// Runs it.
///
/// # Errors
///
/// It came to no result. A result that is not as it must be is in the report.
pub async fn run(plan: &Echo) -> Result<Report, ScenarioError> {
    files::check(plan.clients)?;
    let process = plan.server.process();
    let target = Arc::new(Target::resolve(&plan.server.url).await?);
    let settings = json!({ "clients": plan.clients, "seconds": plan.seconds });
    let mut report = Report::new("echo", settings);
    let ramp = Ramp { clients: plan.clients, per_second: plan.server.connect_rate };
    let board = Arc::new(Board::default());
    let user = |client| echo(client, Arc::clone(&board));
    let mut users = ramp.connect(&target, &Auth::room("echo"), user).await?;

    tokio::time::sleep(WARM_UP).await;
    board.take_latencies();
    let meter = Meter::start(process.as_ref())?;
    let before = board.round_trips.load(Relaxed);
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    let usage = meter.stop()?;
    let round_trips = board.round_trips.load(Relaxed) - before;
    let latencies = board.take_latencies();

    board.stop.store(true, Relaxed);
    let mut faults = Faults::default();
    // Each user has a deadline for its acknowledgement, so this ends.
    while let Some(user) = users.join_next().await {
        faults.add(user.unwrap_or(Faults { lost: 1, ..Faults::default() }));
    }
    report.count("round_trips", "round trips measured", round_trips);
    report_usage(&mut report, &usage, round_trips, "round trips/s");
    report_latencies(&mut report, &latencies);
    let (disconnects, garbled) = (&board.disconnects, &board.garbled);
    report.must_be_zero("disconnects", "disconnects", disconnects.load(Relaxed));
    report.must_be_zero("garbled", "acks with another payload", garbled.load(Relaxed));
    report_faults(&mut report, faults);
    Ok(report)
}

impl Board {
    fn latencies(&self) -> std::sync::MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut *self.latencies())
    }
}

/// One client at work until the end.
async fn echo(mut client: Client, board: Arc<Board>) -> Faults {
    let mut acks = Sequence::default();
    let mut sent = 0;
    while !board.stop.load(Relaxed) {
        let start = Instant::now();
        let object = payload::object(sent);
        client.queue(&format!(r#"2{sent}["echo",{object}]"#));
        let answer = one_ack(&mut client, &mut acks, sent, &object, &board);
        sent += 1;
        match timeout_at(start + DEADLINE, answer).await {
            Ok(Ok(())) => {
                board.round_trips.fetch_add(1, Relaxed);
                board.latencies().note(start.elapsed());
            }
            Ok(Err(error)) => {
                if board.disconnects.fetch_add(1, Relaxed) == 0 {
                    eprintln!("a client is lost: {error}");
                }
                break;
            }
            // Counted as lost.
            Err(_) => break,
        }
    }
    acks.faults(sent)
}

/// Waits for the ack of this number; notes every ack that comes.
async fn one_ack(
    client: &mut Client,
    acks: &mut Sequence,
    number: u64,
    object: &str,
    board: &Board,
) -> Result<(), ClientError> {
    client.flush()?;
    let mut is_there = false;
    while !is_there {
        client
            .receive(|packet| {
                let Some((id, args)) = packet.strip_prefix('3').and_then(|ack| ack.split_once('['))
                else {
                    return;
                };
                let Ok(id) = id.parse() else { return };
                if acks.note(id) && id == number {
                    is_there = true;
                    if args.strip_suffix(']') != Some(object) {
                        board.garbled.fetch_add(1, Relaxed);
                    }
                }
            })
            .await?;
    }
    Ok(())
}
