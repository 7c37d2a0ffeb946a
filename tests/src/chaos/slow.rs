//! Slow consumers: some of the crowd stop reading; the others must not notice.

use super::audit::{self, Report};
use super::crowd::{Crowd, Publishers};
use super::{Options, settings, tokens};
use crate::cluster::{self, Cluster};
use crate::light::{self, Order};
use crate::process::{Failure, Outcome};
use crate::report::line;
use std::path::Path;
use std::time::Duration;

/// p99 of the others with those that do not read, over p99 without.
const RATIO: f64 = 1.3;

/// A small outbox, so that whoever does not read is at its end within a phase.
const SETTINGS: [(&str, &str); 2] =
    [("CRIER_SOCKET_OUTBOX_BYTES", "64KiB"), ("CRIER_SOCKET_OUTBOX_FRAMES", "100")];

/// How large it is.
struct Size {
    clients: usize,
    /// Those that stop reading.
    deaf: usize,
    /// Events a second, all in one room.
    rate: u32,
    /// Bytes of each: what nobody reads has to fill the kernel's buffers and the outbox within a phase.
    fill: usize,
    phase: Duration,
}

const FULL: Size =
    Size { clients: 2_000, deaf: 100, rate: 10, fill: 4_000, phase: Duration::from_secs(16) };

const SHORT: Size =
    Size { clients: 60, deaf: 6, rate: 20, fill: 20_000, phase: Duration::from_secs(3) };

pub(super) fn run(options: &Options, logs: &Path) -> Outcome {
    let cluster = Cluster::start(&cluster::Options {
        replicas: if options.short { 2 } else { 3 },
        sidecars: options.sidecars.unwrap_or(1),
        settings: settings(&SETTINGS),
        ..cluster::Options::default()
    })?;
    slow(&cluster, if options.short { &SHORT } else { &FULL }, options.short, logs)
        .map_err(|failure| Failure::new(format!("{failure}\n{}", cluster.transcript())))
}

fn slow(cluster: &Cluster, size: &Size, short: bool, logs: &Path) -> Outcome {
    let &Size { clients, deaf, rate, fill, phase } = size;
    let rooms = light::rooms(1);
    let crowd = light::Crowd::start(
        light::Options {
            // Straight to the replicas: a balancer's buffers would read for those that do not.
            ports: cluster.replicas.iter().map(|replica| replica.public).collect(),
            tokens: tokens(cluster, 16)?,
            rooms: rooms.clone(),
            count: clients,
            narrow: deaf,
            pace: 500,
            delay: (Duration::from_millis(100), Duration::from_secs(1)),
        },
        logs,
    )?;
    crowd.wait_inside(clients, Duration::from_secs(180))?;
    let service = cluster.token("backend", "service")?;
    let urls = [format!("http://127.0.0.1:{}", cluster.balancer.rest)];
    let publishers = Crowd::publishers(
        &Publishers {
            urls: &urls,
            token: &service,
            load: (1, rate),
            rooms: &rooms,
            outbox: false,
            fill,
        },
        logs,
    )?;
    std::thread::sleep(phase / 2);
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let mut p99 = [0.0; 2];
        for (order, p99) in [Order::Listen, Order::Deaf(deaf)].into_iter().zip(&mut p99) {
            crowd.order(order);
            // The way from one state to the other is no part of either.
            std::thread::sleep(phase / 4);
            drop(crowd.take_latencies());
            std::thread::sleep(phase);
            let latencies = crowd.take_latencies();
            let at = latencies.len() * 99 / 100;
            *p99 = latencies.get(at).copied().unwrap_or(u64::MAX) as f64 / 1e3;
            let (memory, inside) = (memory(cluster), crowd.inside());
            line(&format!(
                "  round {round}, {}: p99 {p99:.1} ms of {} deliveries, {inside} clients in, replicas {memory} MiB",
                if order == Order::Listen { "all read      " } else { "some do not   " },
                latencies.len(),
            ));
        }
        let [without, with] = p99;
        ratios.push(with / without.max(0.001));
    }
    crowd.order(Order::Listen);
    crowd.wait_inside(clients, Duration::from_secs(60))?;
    publishers.stop()?;
    std::thread::sleep(Duration::from_secs(3));
    crowd.stop();
    let report = Report::of(logs, 100)?;
    for row in report.table().lines() {
        line(row);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(1).copied().unwrap_or(f64::INFINITY);
    line(&format!("  p99 with / without: {ratios:.2?}, median {ratio:.2} (at most {RATIO})"));
    let mut wrong = report.faults();
    // Whoever does not read has to be cut off, or nothing was shown, and to be back with everything.
    let back = report.count("recovered");
    if back < u64::try_from(deaf).unwrap_or(u64::MAX) || back < report.count("reconnects") {
        wrong.push(format!("{back} of {} that were cut off recovered", report.count("reconnects")));
    }
    // A ratio of a few seconds on a busy machine says nothing.
    if !short && ratio > RATIO {
        wrong.push(format!("ratio {ratio:.2}"));
    }
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join(", ")));
    }
    audit::prove(logs)
}

/// Resident memory of all replicas, in MiB.
fn memory(cluster: &Cluster) -> u64 {
    let ids = cluster.replicas.iter().filter_map(|replica| replica.child.id());
    let kib = ids.filter_map(|id| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.sum::<u64>() / 1024
}
