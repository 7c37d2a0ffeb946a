//! The reconnect storm: everyone is dropped at once, misses 100 events, and comes back at the same moment.

use super::audit::{self, Report};
use super::crowd::Crowd;
use super::{Options, tokens};
use crate::cluster::{self, Cluster, Redis};
use crate::light::{self, Order};
use crate::process::{Failure, Outcome};
use crate::report::line;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Events that each misses.
const MISSED: u64 = 100;

/// Everyone is back, with everything.
const BACK: Duration = Duration::from_secs(15);

/// Rooms; each client is in one.
const ROOMS: usize = 4;

pub(super) fn run(options: &Options, logs: &Path) -> Outcome {
    let replicas = if options.short { 2 } else { 3 };
    on(
        cluster::Options {
            replicas,
            sidecars: options.sidecars.unwrap_or(1),
            ..cluster::Options::default()
        },
        options,
        logs,
    )
}

/// The same on one replica, without Redis.
pub(super) fn run_alone(options: &Options, logs: &Path) -> Outcome {
    let alone = cluster::Options { replicas: 1, sidecars: 0, redis: false, ..Default::default() };
    on(alone, options, logs)
}

fn on(cluster: cluster::Options, options: &Options, logs: &Path) -> Outcome {
    let clients = if options.short { 150 } else { 5_000 };
    let cluster = Cluster::start(&cluster)?;
    storm(&cluster, clients, options.short, logs)
        .map_err(|failure| Failure::new(format!("{failure}\n{}", cluster.transcript())))
}

fn storm(cluster: &Cluster, clients: usize, short: bool, logs: &Path) -> Outcome {
    let calls = || cluster.redis.as_ref().map_or(Ok(BTreeMap::new()), Redis::calls);
    let rooms = light::rooms(ROOMS);
    let crowd = light::Crowd::start(
        light::Options {
            ports: vec![cluster.balancer.sockets],
            tokens: tokens(cluster, 16)?,
            rooms: rooms.clone(),
            count: clients,
            narrow: 0,
            pace: 500,
            delay: (Duration::from_millis(100), Duration::from_secs(1)),
        },
        logs,
    )?;
    crowd.wait_inside(clients, Duration::from_secs(180))?;

    crowd.order(Order::Away);
    let gone = Instant::now();
    while crowd.inside() > 0 {
        if gone.elapsed() > Duration::from_secs(30) {
            return Err(Failure::new("the light clients do not leave"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let service = cluster.token("backend", "service")?;
    missed(cluster, &service, &rooms, logs)?;

    // What Redis does without anyone coming back, to be taken off.
    let quiet = Duration::from_secs(5);
    let before = calls()?;
    std::thread::sleep(quiet);
    let idle = difference(&before, &calls()?);
    let before = calls()?;
    let begin = Instant::now();
    crowd.order(Order::Listen);
    let back = crowd.wait_inside(clients, Duration::from_secs(120))?;
    let owed = u64::try_from(clients).unwrap_or(u64::MAX) * MISSED;
    crowd.wait_events(owed, Duration::from_secs(120))?;
    let whole = begin.elapsed();
    // Writes that follow an answer (leases, generations) are part of the price.
    std::thread::sleep(Duration::from_secs(1));
    let spent = difference(&before, &calls()?);
    let seconds = begin.elapsed().as_secs_f64() / quiet.as_secs_f64();
    crowd.stop();

    let report = Report::of(logs, owed)?;
    line(&format!("  clients {clients}, missed events {MISSED} each"));
    line(&format!(
        "  all back in {:.2} s, with everything in {:.2} s",
        back.as_secs_f64(),
        whole.as_secs_f64()
    ));
    let mut all = 0.0;
    for (command, calls) in &spent {
        let idle = idle.get(command).copied().unwrap_or(0);
        let net = (*calls as f64 - idle as f64 * seconds).max(0.0) / clients as f64;
        all += net;
        if net >= 0.01 {
            line(&format!("  redis {command:24} {calls:8} calls, {net:.2} a client"));
        }
    }
    line(&format!(
        "  Redis commands a client: {all:.2} (goal: 6 at most; those inside scripts counted too)"
    ));
    for row in report.table().lines() {
        line(row);
    }
    let mut wrong = report.faults();
    if report.share("recovered_share").is_none_or(|share| share < 0.95) {
        wrong.push(format!("recovered {:?}", report.share("recovered_share")));
    }
    // A short run has no word on time: it shares its cores with other tests.
    if !short && whole > BACK {
        wrong.push(format!(
            "all back after {:.1} s, limit {} s",
            whole.as_secs_f64(),
            BACK.as_secs()
        ));
    }
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join(", ")));
    }
    audit::prove(logs)
}

/// Publishes what everyone misses: 100 events in each room.
fn missed(cluster: &Cluster, service: &str, rooms: &[String], logs: &Path) -> Outcome {
    let urls = [format!("http://127.0.0.1:{}", cluster.balancer.rest)];
    Crowd::exactly(&urls, service, rooms, MISSED, logs)
}

fn difference(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let more = after.iter().map(|(command, calls)| {
        (command.clone(), calls.saturating_sub(before.get(command).copied().unwrap_or(0)))
    });
    // Asking is not what is counted.
    more.filter(|(command, calls)| *calls > 0 && command != "info").collect()
}
