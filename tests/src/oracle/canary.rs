//! A well-behaved client that is served, or not, while others attack.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::raw::{Received, WebSocket, Wire};

/// Between two echoes: 33 a second, below the rate that a socket may send at.
const PACE: Duration = Duration::from_millis(30);
/// The longest that the server may leave the canary without its answer. Not a latency goal:
/// a busy machine delays everybody, an attack that works starves the canary for good.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// A client that asks for an echo again and again, from its own thread and its own address.
#[derive(Debug)]
pub struct Canary {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Duration>, String>>,
}

/// What the canary saw.
#[derive(Debug)]
pub struct Served {
    echoes: usize,
    p50: Duration,
    p99: Duration,
    worst: Duration,
}

impl Canary {
    /// Connects, and starts once the first echo was answered.
    pub fn start(server: SocketAddr) -> Self {
        // 127.0.0.1: a limit that an attacker's address runs into must not touch this one.
        let mut socket = WebSocket::open_on(Wire::connect_from(server, 1), "").joined();
        socket.expect_alive();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                took.push(echo(&mut socket, took.len())?);
                std::thread::sleep(PACE);
            }
            Ok(took)
        });
        Self { stop, thread }
    }

    /// Stops, and panics unless every echo was answered.
    pub fn finish(self) -> Served {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = match self.thread.join() {
            Ok(Ok(took)) => took,
            Ok(Err(why)) => panic!("canary: {why}"),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
        Served {
            echoes: took.len(),
            p50: at(50),
            p99: at(99),
            worst: took.last().copied().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} echoes, p50 {:.1?}, p99 {:.1?}, worst {:.1?}",
            self.echoes, self.p50, self.p99, self.worst
        )
    }
}

fn echo(socket: &mut WebSocket, n: usize) -> Result<Duration, String> {
    let start = Instant::now();
    socket.send(format!("42{n}[\"echo\",{n}]"));
    match socket.receive(SILENCE_MAX) {
        Some(Received::Text(text)) if text == format!("43{n}[{n}]") => Ok(start.elapsed()),
        Some(other) => Err(format!("echo {n} answered by {other:?}")),
        None => Err(format!("echo {n} not answered in {SILENCE_MAX:?}")),
    }
}
