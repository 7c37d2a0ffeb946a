//! The server process under attack, as seen from outside: its addresses, metrics, memory, files
//! and log.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::Settings;
use crate::raw::{Frame, Polling, WebSocket, Wire};

/// Lines of the log that are kept, for a failed row's message and for rows about the log itself.
const LOG_KEPT: usize = 2_000;

/// A running server. It is killed when dropped, and ends by itself when the test process does.
#[derive(Debug)]
pub struct Process {
    /// Where clients connect.
    pub address: SocketAddr,
    metrics: SocketAddr,
    child: Child,
    _stdin: ChildStdin,
    log: Arc<Mutex<Log>>,
    /// Resident bytes once warm.
    pub rss_baseline: u64,
}

#[derive(Debug, Default)]
struct Log {
    lines: usize,
    kept: VecDeque<Vec<u8>>,
}

/// The gauges that must return to what they were.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauges([(&'static str, f64); 6]);

const GAUGES: [&str; 6] = [
    "crier_sessions",
    "crier_sockets",
    "crier_rooms",
    "crier_tasks",
    "crier_http_connections",
    "crier_outbox_bytes",
];

impl Process {
    /// Starts a server with these settings, and with a limit on its open files if given.
    ///
    /// `HOSTILE_TARGET` (program and arguments, split at spaces) replaces the built one: that is
    /// how the rows are shown to fail on other servers.
    pub fn start(settings: Settings<'_>, files_max: Option<u32>) -> Self {
        let mut words = match std::env::var("HOSTILE_TARGET") {
            Ok(words) => words.split(' ').map(str::to_owned).collect(),
            Err(_) => VecDeque::from([built_target().display().to_string()]),
        };
        if let Some(n) = files_max {
            words.push_front(format!("--nofile={n}:{n}"));
            words.push_front("prlimit".to_owned());
        }
        let program = words.pop_front().expect("a program");
        let mut command = Command::new(program);
        command.args(words);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command
            // A panic is one line of the log here, not seventy.
            .env("RUST_BACKTRACE", "0")
            // glibc keeps freed memory in one arena per thread; two make its return measurable.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the target starts");
        let stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new(Mutex::new(Log::default()));
        let written = log.clone();
        std::thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let mut log = written.lock().unwrap_or_else(PoisonError::into_inner);
                log.lines += 1;
                if log.kept.len() == LOG_KEPT {
                    log.kept.pop_front();
                }
                log.kept.push_back(line);
            }
        });
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the target's addresses");
        let mut words = line.split_whitespace();
        let mut address = || words.next().and_then(|word| word.parse().ok());
        let (Some(address), Some(metrics)) = (address(), address()) else {
            panic!("the target said {line:?}, not its two addresses");
        };
        Self { address, metrics, child, _stdin: stdin, log, rss_baseline: 0 }
    }

    /// Uses the server as rows will, so that what it allocates once is in the baseline.
    #[must_use]
    pub fn warmed(mut self) -> Self {
        let big = "x".repeat(900_000);
        for _ in 0..20 {
            let polling = Polling::connect(self.address);
            polling.post(format!("42[\"seen\",\"{big}\"]"));
            polling.post("42[\"flood\",{\"n\":1,\"size\":900000}]");
            polling.poll();
            let mut socket = WebSocket::connect(self.address);
            socket.send(format!("42[\"seen\",\"{big}\"]"));
            socket.send("42[\"flood\",{\"n\":1,\"size\":900000}]");
            socket.text();
            socket.send_frame(&Frame::text("42[\"join\",{\"room\":\"warm\"}]"));
            socket.expect_alive();
        }
        let crowd: Vec<_> = (0..150).map(|_| WebSocket::connect(self.address)).collect();
        drop(crowd);
        // As many sessions as the largest row has: what the allocator keeps of them is no leak.
        let crowd: Vec<_> =
            (0..1_000).map(|i| Polling::open_from(self.address, 0x6400 + i % 40)).collect();
        drop(crowd);
        self.rss_baseline = self.rss();
        self
    }

    /// Whether the process runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The value of a metric without labels, or the sum over its labels; 0 if there is none yet.
    pub fn metric(&self, name: &str) -> f64 {
        metric(&self.scrape(), name)
    }

    /// All gauges that must return.
    pub fn gauges(&self) -> Gauges {
        let text = self.scrape();
        Gauges(GAUGES.map(|name| (name, metric(&text, name))))
    }

    /// Resident bytes (`VmRSS`).
    pub fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the process's status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("VmRSS") * 1024
    }

    /// Open files.
    pub fn fds(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("the process's files")
            .count()
    }

    /// Lines logged since the start.
    pub fn log_lines(&self) -> usize {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).lines
    }

    /// The last lines of the log as written, without their ends.
    pub fn log(&self) -> Vec<Vec<u8>> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.kept.iter().cloned().collect()
    }

    /// The end of the log, for messages.
    pub fn log_tail(&self) -> String {
        let lines = self.log();
        let tail = lines.iter().rev().take(15).rev();
        tail.map(|line| format!("  | {}\n", String::from_utf8_lossy(line))).collect()
    }

    /// Sends the process a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    fn scrape(&self) -> String {
        let mut wire = Wire::connect_from(self.metrics, 1);
        wire.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        wire.response().expect_status(200).text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gauges {
    /// The first gauge that is higher in `now`, in words.
    pub fn exceeded_by(&self, now: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&now.0);
        pairs
            .filter(|((_, before), (_, now))| now > before)
            .map(|((name, before), (_, now))| format!("{name} {now}, {before} before"))
            .next()
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.expect("one of the gauges").1
    }
}

fn metric(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with([' ', '{']) {
                return None;
            }
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        })
        .sum()
}

/// `target`, which cargo builds beside the test binary.
fn built_target() -> PathBuf {
    let mut folder = std::env::current_exe().expect("this program's path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join("target")
}
