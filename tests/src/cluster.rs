//! A whole cluster on this machine: Redis with the shipped `redis.conf`, replicas, sidecars, and a plain
//! round-robin balancer in front. For people to try, and for the tests to kill.
//!
//! ```text
//!                       ┌─▶ replica 1 ─┐
//!   clients ─▶ balancer ┼─▶ replica 2 ─┼─▶ Redis
//!                       ├─▶ …          │
//!   backends ───────────┴─▶ sidecars ──┘
//!
//! child     one program: killed, stopped, started again as it was; gone when we are
//! member    one replica or sidecar, its addresses and settings
//! redis     redis-server
//! balancer  haproxy or nginx, from the sample files in tests/balancer
//! cutter    a TCP proxy that cuts connections
//! ports     addresses that stay ours while a program is down
//! ```
//!
//! Everything is blocking and belongs to one thread: what a program's parent is, is that thread.

mod balancer;
mod child;
mod cutter;
mod member;
mod ports;
mod redis;

pub use balancer::{Balancer, Kind as BalancerKind};
pub use child::Child;
pub use cutter::Cutter;
pub use member::{Member, is_ready};
pub use ports::free_port;
pub use redis::{Fsync, Redis};

use crate::process::{self, Failure, Outcome, TempDir};
use crate::workspace::{self, Target};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From the start of a program to its being ready, on a loaded machine.
pub const START_LIMIT: Duration = Duration::from_secs(60);

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Replicas; more than one only with Redis.
    pub replicas: usize,
    /// Sidecar processes; 0 = the replicas' own answer, always so without Redis.
    pub sidecars: usize,
    /// Whether there is a Redis; without, one replica with its embedded store.
    pub redis: bool,
    /// When Redis's file is on disk.
    pub fsync: Fsync,
    /// Who stands in front.
    pub balancer: BalancerKind,
    /// Settings of all members, as environment: `("CRIER_SOCKET_PING_INTERVAL", "1s")`.
    pub settings: Vec<(String, String)>,
    /// Addresses of the balancer; `None` = free ones.
    pub front: Option<(u16, u16)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            replicas: 3,
            sidecars: 2,
            redis: true,
            fsync: Fsync::Always,
            balancer: BalancerKind::Haproxy,
            settings: Vec::new(),
            front: None,
        }
    }
}

/// A running cluster; all of it is gone when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: clients of Redis before Redis, all before their folder.
    /// In front of all.
    pub balancer: Balancer,
    /// Processes `crier`.
    pub replicas: Vec<Member>,
    /// Processes `crier-rest`.
    pub sidecars: Vec<Member>,
    /// The one Redis.
    pub redis: Option<Redis>,
    crier: PathBuf,
    folder: Arc<TempDir>,
}

impl Cluster {
    /// Starts everything and waits until all of it is ready.
    ///
    /// # Errors
    /// When a program cannot be built or started, or is not ready within a minute.
    pub fn start(options: &Options) -> Outcome<Self> {
        if !options.redis && (options.replicas != 1 || options.sidecars != 0) {
            return Err(Failure::new("without Redis there is one replica with its own sidecar"));
        }
        let folder = Arc::new(TempDir::new("cluster")?);
        Self::start_in(Arc::clone(&folder), options)
            .map_err(|failure| Failure::new(format!("{failure}\n{}", transcript(folder.path()))))
    }

    fn start_in(folder: Arc<TempDir>, options: &Options) -> Outcome<Self> {
        let crier = workspace::binary(Target::Bin("crier-server", "crier"))?;
        let redis = match options.redis {
            true => Some(Redis::start(folder.path(), options.fsync)?),
            false => None,
        };
        let mut settings = options.settings.clone();
        if let Some(redis) = &redis {
            settings.push(("CRIER_REDIS_URL".to_owned(), redis.url()));
            settings.push(("CRIER_CLUSTER_SECRET".to_owned(), SECRET.to_owned()));
        }
        let replicas = (1..=options.replicas)
            .map(|number| {
                let name = format!("replica{number}");
                Member::replica(&crier, &name, folder.path(), &settings, options.sidecars == 0)
            })
            .collect::<Outcome<Vec<_>>>()?;
        let sidecars = match options.sidecars {
            0 => Vec::new(),
            count => {
                let rest = workspace::binary(Target::Bin("crier-server", "crier-rest"))?;
                let one = |number| {
                    Member::sidecar(&rest, &format!("sidecar{number}"), folder.path(), &settings)
                };
                (1..=count).map(one).collect::<Outcome<Vec<_>>>()?
            }
        };
        let deadline = Instant::now() + START_LIMIT;
        for member in replicas.iter().chain(&sidecars) {
            member.wait_until_ready(deadline)?;
        }
        let rest = if sidecars.is_empty() { &replicas } else { &sidecars };
        let balancer =
            Balancer::start(options.balancer, folder.path(), &replicas, rest, options.front)?;
        Ok(Self { balancer, replicas, sidecars, redis, crier, folder })
    }

    /// A token of a user, good for half a day.
    ///
    /// # Errors
    /// When `crier token` fails.
    pub fn token(&self, user: &str, role: &str) -> Outcome<String> {
        let mut command = process::command(&self.crier);
        command.args(["token", "--user", user, "--role", role, "--ttl", "12h"]);
        let printed = process::capture(&mut command, START_LIMIT)?.successful("crier token")?;
        Ok(printed.trim().to_owned())
    }

    /// Where the programs write: `replica1.log` and so on.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The end of each program's log, for a message.
    #[must_use]
    pub fn transcript(&self) -> String {
        transcript(self.folder())
    }
}

fn transcript(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            text.push_str(&format!("--- {}\n", path.display()));
            for line in lines.iter().rev() {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// Of this cluster alone, which nobody else can reach: it listens on the loopback only.
const SECRET: &str = "the-secret-of-the-local-cluster-which-is-public";
