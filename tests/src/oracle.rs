//! G0: what holds for every hostile row, whatever its own assertion says.
//!
//! While a row runs, a canary (a well-behaved client) asks for an echo again and again. Afterwards
//! the server process must be alive, no handler or task of it may have panicked, the canary must
//! have been served all along, and memory, file descriptors, tasks, sessions, sockets, rooms and
//! queued bytes must return to where they were.
//!
//! Rows run one after the other (a lock), so that the gauges mean something. They share one server
//! process per set of settings; it ends with the test process, whose end of its stdin closes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a row fails by panicking, its helpers too, and says what it cost"
)]

mod canary;
mod process;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use canary::{Canary, Served};
pub use process::{Gauges, Process};

use crate::raw::{WAIT, eventually};

/// How long the server has to return to what it was.
const RECOVERY: Duration = Duration::from_secs(15);
/// Resident memory may stay this much above the warmed baseline: 5 % of it, and this many bytes,
/// the grain in which the allocator keeps pages.
const RSS_SLACK: u64 = 4 << 20;
/// Log lines that a row may cause at once, and each second of its run.
const LOG_BURST: f64 = 50.0;
const LOG_LINES_PER_SECOND: f64 = 10.0;

/// The server processes that rows share, by their settings.
static SHARED: Mutex<BTreeMap<Vec<String>, Process>> = Mutex::new(BTreeMap::new());

/// Settings of a server, `section.key=value` as on its command line.
pub type Settings<'a> = &'a [&'a str];

/// Runs `row` against the shared server with these settings, under the oracle.
pub fn attack(row: &str, settings: Settings<'_>, dialogue: impl FnOnce(&Process)) {
    let mut shared = lock();
    let key: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    // A row may have killed it, which has failed that row already.
    if !shared.get_mut(&key).is_some_and(|process| process.is_alive()) {
        shared.insert(key.clone(), Process::start(settings, None).warmed());
    }
    let process = shared.get_mut(&key).expect("started above");
    judge(row, process, dialogue);
}

/// Runs `row` against a server of its own, with a limit on its open files if given.
pub fn attack_alone(
    row: &str,
    settings: Settings<'_>,
    files_max: Option<u32>,
    dialogue: impl FnOnce(&Process),
) {
    let _turn = lock();
    let mut process = Process::start(settings, files_max).warmed();
    judge(row, &mut process, dialogue);
}

fn lock() -> MutexGuard<'static, BTreeMap<Vec<String>, Process>> {
    // A failed row poisons the lock, and says so itself.
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn judge(row: &str, process: &mut Process, dialogue: impl FnOnce(&Process)) {
    let canary = Canary::start(process.address);
    let before = process.settled_gauges();
    let panics_before = process.metric("crier_panics_total");
    let fds_before = process.fds();
    let lines_before = process.log_lines();
    let start = Instant::now();

    dialogue(process);

    let took = start.elapsed();
    assert!(process.is_alive(), "{row}: the server died\n{}", process.log_tail());
    // Read while the canary is still on: it belongs to both counts.
    eventually(RECOVERY, || {
        let now = process.gauges();
        match before.exceeded_by(&now) {
            Some(what) => Err(format!("{row}: {what} did not return\n{}", process.log_tail())),
            None => Ok(()),
        }
    });
    eventually(RECOVERY, || match process.fds() {
        now if now <= fds_before => Ok(()),
        now => Err(format!("{row}: {now} files open, {fds_before} before")),
    });
    let served = canary.finish();
    let mut allowed = process.rss_baseline + process.rss_baseline / 20 + RSS_SLACK;
    if std::env::var_os("HOSTILE_TARGET").is_some() {
        // A heap with a garbage collector returns when it likes; what is looked at then is what
        // the rows say of themselves.
        allowed = u64::MAX;
    }
    eventually(RECOVERY, || match process.rss() {
        now if now <= allowed => Ok(()),
        now => Err(format!("{row}: {now} bytes resident, {} when warm", process.rss_baseline)),
    });
    assert_eq!(
        process.metric("crier_panics_total"),
        panics_before,
        "{row}: panics\n{}",
        process.log_tail()
    );
    let lines = process.log_lines() - lines_before;
    let lines_max = LOG_BURST + LOG_LINES_PER_SECOND * took.as_secs_f64();
    assert!(
        (lines as f64) <= lines_max,
        "{row}: {lines} log lines in {took:?}\n{}",
        process.log_tail()
    );
    println!(
        "{row}: {} ms, canary {served}, {} KiB resident",
        took.as_millis(),
        process.rss() / 1024
    );
}

/// Waits until the canary's session and nothing else is there: what the row before left has gone.
impl Process {
    fn settled_gauges(&self) -> Gauges {
        eventually(WAIT.max(RECOVERY), || {
            let first = self.gauges();
            std::thread::sleep(Duration::from_millis(10));
            let second = self.gauges();
            if first.exceeded_by(&second).is_none() && second.exceeded_by(&first).is_none() {
                Ok(second)
            } else {
                Err("the gauges do not settle".to_owned())
            }
        })
    }
}
