//! What can be measured, one behaviour a file.

pub mod echo;
pub mod fanout;
pub mod idle;

use std::{io, time::Duration};

use crate::{
    client::ClientError,
    files::FilesError,
    process::{Process, ProcessError, Usage},
    publisher::PublishError,
    ramp::RampError,
    record::{Faults, Latencies},
    report::{Report, float, share},
    target::Url,
};

/// What every scenario needs to know.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// The server: http://HOST:PORT, with a path if it is not /socket.io/.
    #[arg(long)]
    pub url: Url,
    /// Its process on this machine; without it neither memory nor CPU time is measured.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// New connections a second, at most.
    #[arg(long, default_value_t = 2_000)]
    pub connect_rate: u32,
}

impl Server {
    /// Its process.
    pub fn process(&self) -> Option<Process> {
        self.server_pid.map(Process::by_id)
    }
}

/// Why a scenario came to no result.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Too few open files are allowed.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The host is not known.
    #[error("resolving the host: {0}")]
    Resolve(#[from] io::Error),
    /// Not all clients were let in.
    #[error(transparent)]
    Ramp(#[from] RampError),
    /// A client failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A process cannot be measured.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Broadcasts do not arrive.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// From here on the rate is what the generator can do, and the server could do more.
const BUSY: f64 = 90.0;

/// Adds how busy both ends were, and the server's time for each of `count` units.
fn report_usage(report: &mut Report, usage: &Usage, count: u64, unit: &'static str) {
    let percent = |cpu: Duration| 100.0 * cpu.as_secs_f64() / usage.time.as_secs_f64();
    report.figure("rate", "rate", float(count) / usage.time.as_secs_f64(), unit);
    if let Some(server) = usage.server {
        let each = share(server.as_secs_f64() * 1e6, count);
        report.figure("server_cpu_us", "server CPU for each", each, "µs");
        report.figure("server_busy", "server busy", percent(server), "% of a core");
    }
    let generator = percent(usage.generator);
    report.figure("generator_busy", "generator busy", generator, "% of a core");
    if generator > BUSY {
        eprintln!("the generator was busy: the rate is a lower bound of the server's");
    }
}

/// Adds what must not happen to events.
fn report_faults(report: &mut Report, faults: Faults) {
    report.must_be_zero("lost", "lost events", faults.lost);
    report.must_be_zero("doubled", "doubled events", faults.doubled);
    report.must_be_zero("reordered", "reordered events", faults.reordered);
}

/// Adds the median and the 99th percentile.
fn report_latencies(report: &mut Report, latencies: &Latencies) {
    report.figure("p50_ms", "latency, median", latencies.quantile_ms(0.5), "ms");
    report.figure("p99_ms", "latency, 99 %", latencies.quantile_ms(0.99), "ms");
}
