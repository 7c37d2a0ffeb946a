//! What a server works over: what is in this process, or a Redis that several share.
//!
//! ```text
//!               records                events                       sockets
//!   embedded    EmbeddedStore (redb)   DurableBus ─▶ LocalBus       LocalCluster
//!   Redis       RedisStore ─┐          RedisBus ─▶ SharedLog        LocalCluster: those of this replica
//!                           └─ Writer ─┘
//! ```

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crier_domain::{
    Bus, Clock, Cluster, Outlet, Store,
    redis::{BusEvent, Redis, RedisBus, RedisStore, Work, Writer, WriterOptions},
    store::EmbeddedStore,
};
use crier_protocol::ReplicaTag;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::StartError;
use crate::{
    bus::{DurableBus, LocalBus},
    config::Config,
    io::Io,
    recovery::{Full, Outbound, Shared},
    tasks::Background,
};

/// Kept in the log longer than a client may be away, so that what it needs does not go while it comes back.
const SLACK: Duration = Duration::from_secs(60);

/// How often expired records are removed, beside what commits remove along the way.
const SWEEP: Duration = Duration::from_secs(60);

/// How long what sessions have last may take to be written when the server goes down.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Records and events.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    end: End,
}

/// How it ends.
#[derive(Debug)]
enum End {
    Embedded(Arc<EmbeddedStore>),
    /// What was taken until then is done.
    Redis {
        work: TaskTracker,
        stop: CancellationToken,
    },
}

/// The way of events to the log: there from the moment on at which there is a bus. Nobody publishes before.
#[derive(Default)]
pub(super) struct Way(OnceLock<RedisBus>);

impl Outbound for Way {
    fn send(&self, event: BusEvent) -> Result<(), Full> {
        let bus = self.0.get().ok_or(Full)?;
        bus.enqueue(&event).map_err(|_| Full)
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way")
    }
}

/// What a replica's sockets share with those of the others.
pub(super) fn shared(redis: &Redis, tag: ReplicaTag, way: &Arc<Way>) -> Shared {
    Shared {
        redis: redis.clone(),
        replica: tag.as_str().to_owned(),
        out: Arc::clone(way) as Arc<dyn Outbound>,
    }
}

impl Backend {
    /// Everything in this process.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub(super) fn embedded(config: &Config, io: &Io, clock: &Clock) -> Result<Self, StartError> {
        let local = Arc::new(LocalBus::new(io.clone()));
        let outlet = Arc::clone(&local) as Arc<dyn Outlet>;
        let store = Arc::new(EmbeddedStore::open(&config.data_dir, outlet, clock.clone())?);
        let records = Arc::clone(&store) as Arc<dyn Store>;
        let bus = Arc::new(DurableBus::new(local, Arc::clone(&records), clock.clone()));
        Ok(Self { store: records, bus, end: End::Embedded(store) })
    }

    /// Over a Redis. `cluster` is asked how many sockets there are.
    pub(super) fn over_redis(
        config: &Config,
        (redis, tag): (&Redis, ReplicaTag),
        way: &Way,
        (io, clock): (&Io, &Clock),
        cluster: Arc<dyn Cluster>,
        background: &Background,
    ) -> Self {
        let options = writer_options(config, tag.as_str());
        let (writer, work) = Writer::new(redis.clone(), options, clock.clone(), cluster);
        let bus = RedisBus::new(writer.clone());
        // Set once: there is one server for each way.
        let _ = way.0.set(bus.clone());
        let store = RedisStore::new(writer);
        let (following, writing) = (io.clone(), io.clone());
        background.spawn("log", async move { following.follow().await });
        background.spawn("sessions", async move { writing.write_sessions().await });
        background.spawn("expired records", sweep(store.clone()));
        let end = End::begin(work);
        Self { store: Arc::new(store), bus: Arc::new(bus), end }
    }

    /// What sessions have last is written, while everything else still runs.
    pub(super) async fn settle(&self, io: &Io) {
        io.flush_sessions(LAST_WRITES).await;
    }

    /// Ends when what was asked for until now is where it belongs.
    pub(super) async fn close(self) {
        match self.end {
            End::Embedded(store) => {
                let closed = tokio::task::spawn_blocking(move || store.close()).await;
                if let Err(error) = closed {
                    tracing::error!(%error, "the store was not closed");
                }
            }
            End::Redis { work, stop } => {
                stop.cancel();
                work.close();
                work.wait().await;
            }
        }
    }
}

impl End {
    fn begin(work: Work) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(work.run(stop.clone().cancelled_owned()));
        Self::Redis { work: tracker, stop }
    }
}

/// How the log is kept, the same by everyone who writes to it. `sender` is empty for a sidecar.
pub(super) fn writer_options(config: &Config, sender: &str) -> WriterOptions {
    WriterOptions {
        keep: config.recovery.window + SLACK,
        entries_max: config.recovery.entries_max,
        sender: sender.to_owned(),
    }
}

/// Says what is unsafe about a Redis.
///
/// # Errors
/// Nothing can go on with it.
pub(super) async fn check(redis: &Redis) -> Result<(), StartError> {
    let findings = match redis.check().await {
        Ok(findings) => findings,
        Err(error) => {
            tracing::warn!(%error, "the settings of Redis are not known");
            return Ok(());
        }
    };
    for finding in findings {
        if finding.is_fatal() {
            return Err(StartError::UnsafeRedis(finding.to_string()));
        }
        tracing::warn!("redis_url: {finding}");
    }
    Ok(())
}

/// Removes expired records for as long as the server runs; every replica may, and most find nothing.
async fn sweep(store: RedisStore) {
    let mut every = interval(SWEEP);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = store.sweep().await {
            tracing::warn!(%error, "expired records are not removed now");
        }
    }
}
