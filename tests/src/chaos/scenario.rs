//! What is killed how often, under which load: data.
//!
//! Each scenario has two sizes. The full one is the proof, run by hand (`cargo run --release -p tests --bin chaos -- <name>`);
//! the short one is the same code in seconds, run by `cargo ci`.

use std::time::Duration;

/// A run that ends with an audit of the clients' and publishers' logs.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Settings of all replicas and sidecars.
    pub settings: &'static [(&'static str, &'static str)],
    /// What must hold beside: nothing lost, doubled, reordered, leaked, corrupt.
    pub also: &'static [Also],
    /// The proof.
    pub full: Size,
    /// The same in seconds.
    pub short: Size,
}

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Replicas and sidecars.
    pub members: (usize, usize),
    /// Official clients: websocket only, polling only, polling with upgrade.
    pub official: (usize, usize, usize),
    /// Light clients (websocket), see `crate::light`.
    pub light: usize,
    /// Rooms that there are, and that each official client is in.
    pub rooms: (usize, usize),
    /// How long an official client stays in a room, on average; 0 = to the end.
    pub churn: Duration,
    /// Publishers, and events a second of all together.
    pub load: (usize, u32),
    /// Least length of the load; faults may make it longer.
    pub time: Duration,
    /// What goes wrong.
    pub faults: &'static [Plan],
    /// Deliveries owed, at least.
    pub owed: u64,
}

/// One kind of fault, again and again.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What.
    pub fault: Fault,
    /// How often.
    pub times: u32,
    /// The mean pause between two; each is between half of it and one and a half.
    pub every: Duration,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a random replica; started again within a second. At least one other is ready then.
    KillReplica,
    /// `kill -9` of Redis; started again within half a second.
    KillRedis,
    /// A random connection is cut by RST.
    Cut,
    /// SIGSTOP of Redis, SIGCONT after so long.
    StopRedis(Duration),
    /// `kill -9` of Redis, started again after so long.
    LoseRedis(Duration),
    /// SIGTERM of each replica in turn, the next once this one is ready again.
    RollReplicas,
    /// `kill -9` of Redis; its file is cut back to what was on disk for certain; started again.
    PowerCut,
}

/// What must hold beside the counts of the audit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Also {
    /// Least share of the reconnects that recovered.
    Recovered(f64),
    /// No call of a publisher failed, not even once.
    NoRetries,
    /// No HTTP answer other than 200, and nobody lost its connection.
    AllAnswers200,
    /// Each client answered so many pings.
    Pings(u64),
    /// Each client received so many events.
    Events(u64),
    /// Each client that may upgrade has.
    Upgraded,
    /// Durable writes that were acknowledged are all there afterwards.
    DurableWrites,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn plan(fault: Fault, times: u32, every: u64) -> Plan {
    Plan { fault, times, every: Duration::from_millis(every) }
}

/// A quiet run that the others are written as changes of.
const FULL: Size = Size {
    members: (3, 2),
    official: (80, 60, 60),
    light: 0,
    rooms: (100, 4),
    churn: seconds(20),
    load: (25, 500),
    time: seconds(30),
    faults: &[],
    owed: 1_000,
};

const SHORT: Size = Size {
    members: (2, 1),
    official: (8, 6, 6),
    light: 0,
    rooms: (12, 4),
    churn: seconds(5),
    load: (5, 60),
    time: seconds(6),
    faults: &[],
    owed: 300,
};

/// The sidecars keep what they cannot publish.
const OUTBOX: &[(&str, &str)] = &[("CRIER_REST_OUTBOX", "on")];

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cuts",
        about: "one replica without Redis: connections are cut, nothing is missed",
        settings: &[],
        also: &[Also::Recovered(0.95)],
        full: Size {
            members: (1, 0),
            faults: &[plan(Fault::Cut, 500, 200)],
            owed: 100_000,
            ..FULL
        },
        short: Size { members: (1, 0), light: 10, faults: &[plan(Fault::Cut, 40, 120)], ..SHORT },
    },
    Scenario {
        name: "kills",
        about: "kill -9 of replicas and of Redis, cut connections: nobody notices",
        settings: &[],
        also: &[Also::Recovered(0.95)],
        full: Size {
            faults: &[
                plan(Fault::KillReplica, 100, 3_000),
                plan(Fault::KillRedis, 20, 15_000),
                plan(Fault::Cut, 500, 600),
            ],
            time: seconds(300),
            owed: 1_000_000,
            ..FULL
        },
        short: Size {
            faults: &[
                plan(Fault::KillReplica, 3, 3_000),
                plan(Fault::KillRedis, 1, 5_000),
                plan(Fault::Cut, 10, 800),
            ],
            ..SHORT
        },
    },
    Scenario {
        name: "power",
        about: "Redis loses its power: what was acknowledged was on disk",
        settings: &[],
        also: &[Also::Recovered(0.95), Also::DurableWrites],
        full: Size {
            faults: &[plan(Fault::PowerCut, 5, 15_000)],
            time: seconds(75),
            load: (25, 300),
            ..FULL
        },
        short: Size { faults: &[plan(Fault::PowerCut, 1, 4_000)], ..SHORT },
    },
    Scenario {
        name: "rolling",
        about: "a deploy: each replica is drained and replaced in turn",
        settings: &[],
        also: &[Also::Recovered(0.95), Also::NoRetries],
        full: Size {
            official: (40, 30, 30),
            light: 2_900,
            rooms: (300, 4),
            faults: &[plan(Fault::RollReplicas, 1, 5_000)],
            ..FULL
        },
        short: Size { light: 60, faults: &[plan(Fault::RollReplicas, 1, 2_000)], ..SHORT },
    },
    Scenario {
        name: "redis-stopped",
        about: "Redis hangs (SIGSTOP): no false ack, all of the outbox afterwards, in order",
        settings: OUTBOX,
        also: &[],
        full: Size {
            faults: &[plan(Fault::StopRedis(seconds(60)), 1, 10_000)],
            time: seconds(90),
            load: (25, 200),
            ..FULL
        },
        short: Size { faults: &[plan(Fault::StopRedis(seconds(4)), 1, 2_000)], ..SHORT },
    },
    Scenario {
        name: "redis-killed",
        about: "Redis is away (kill -9): no false ack, all of the outbox afterwards, in order",
        settings: OUTBOX,
        also: &[],
        full: Size {
            faults: &[plan(Fault::LoseRedis(seconds(60)), 1, 10_000)],
            time: seconds(90),
            load: (25, 200),
            ..FULL
        },
        short: Size { faults: &[plan(Fault::LoseRedis(seconds(4)), 1, 2_000)], ..SHORT },
    },
    Scenario {
        name: "polling",
        about: "polling only, round robin without stickiness: every answer is a 200",
        settings: &[("CRIER_SOCKET_PING_INTERVAL", "1s")],
        also: &[Also::AllAnswers200, Also::Pings(24), Also::Events(100)],
        full: Size {
            official: (0, 1_000, 0),
            rooms: (8, 1),
            churn: Duration::ZERO,
            load: (4, 16),
            time: seconds(70),
            owed: 100_000,
            ..FULL
        },
        short: Size {
            official: (0, 20, 0),
            rooms: (4, 1),
            churn: Duration::ZERO,
            load: (4, 40),
            time: seconds(28),
            ..SHORT
        },
    },
    Scenario {
        name: "upgrades",
        about: "upgrades land on any replica and succeed",
        settings: &[],
        also: &[Also::Upgraded],
        full: Size { official: (0, 0, 300), ..FULL },
        short: Size { official: (0, 0, 20), ..SHORT },
    },
];
