//! Replicas in this process, over a redis-server of the test's own.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crier_domain::{
    Clock,
    redis::{BusEvent, Redis, RedisBus, RedisOptions, RedisUrl, Writer, WriterOptions},
};
use crier_server::{
    Full, Options, Outbound, RecoveryOptions, Shared, auth::Roster, cluster::LocalCluster,
    presence::Presences,
};
use serde_json::{Value as Json, json};
use tests::{
    cluster::{Fsync, Redis as RedisServer},
    raw::{WAIT, eventually},
};

use super::super::client::{Client, Kept, install};
use crate::server::Server;

/// Replicas that share everything.
pub(super) struct Cluster {
    pub(super) replicas: Vec<Server>,
    pub(super) redis: RedisServer,
    names: AtomicU64,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Two replicas.
    pub(super) fn start() -> Self {
        Self::with(2, Fsync::Always)
    }

    pub(super) fn with(replicas: usize, fsync: Fsync) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start(folder.path(), fsync).unwrap();
        let mut cluster =
            Self { replicas: Vec::new(), redis, names: AtomicU64::new(0), _folder: folder };
        for _ in 0..replicas {
            let replica = cluster.replica();
            cluster.replicas.push(replica);
        }
        cluster.ready();
        cluster
    }

    /// A link of the test's own.
    pub(super) fn link(&self) -> Redis {
        let options = RedisOptions {
            url: RedisUrl::parse(&self.redis.url()).unwrap(),
            username: None,
            password: None,
            prefix: "crier".to_owned(),
            secrets: vec![b"a secret of the tests".to_vec()],
            connections: 2,
            timeout: Duration::from_secs(2),
        };
        Redis::new(options).unwrap()
    }

    /// One more replica, which follows.
    pub(super) fn replica(&self) -> Server {
        let name = format!("r{}", self.names.fetch_add(1, Ordering::SeqCst));
        let redis = self.link();
        let way = Arc::new(Way::default());
        let out = Arc::clone(&way) as Arc<dyn Outbound>;
        let shared = Shared { redis: redis.clone(), replica: name.clone(), out };
        let options = Options {
            recovery: Some(RecoveryOptions::default()),
            shared: Some(shared),
            ..Options::default()
        };
        let server = Server::start(options);
        install(&server.io, "/");
        let io = server.io.clone();
        server.runtime.spawn(async move { io.follow().await });
        let io = server.io.clone();
        server.runtime.spawn(async move { io.write_sessions().await });
        let (clock, io) = (Clock::system(), server.io.clone());
        let presence = Presences::new(Duration::from_secs(5), &clock);
        let sockets = Arc::new(LocalCluster::new(io, Roster::default(), presence));
        let options =
            WriterOptions { keep: Duration::from_secs(360), entries_max: 1_000_000, sender: name };
        let (writer, work) = Writer::new(redis, options, clock, sockets);
        assert!(way.0.set(RedisBus::new(writer)).is_ok());
        server.runtime.spawn(work.run(std::future::pending()));
        server
    }

    /// Waits until every replica hears the others.
    pub(super) fn ready(&self) {
        for replica in &self.replicas {
            eventually(WAIT, || {
                replica.io.is_reached().then_some(()).ok_or("a replica does not follow".to_owned())
            });
        }
    }

    /// Waits until everything that any replica has published until now has arrived at this one.
    #[track_caller]
    pub(super) fn settle(&self, at: usize) {
        let mut witness = Client::connect(&self.replicas[at], json!({}));
        for replica in &self.replicas {
            replica.io.main().to(witness.kept.sid.as_str()).emit("arrived", &1).unwrap();
            witness.expect_among("arrived");
        }
    }

    /// A client comes back to a replica where everything has arrived, and goes on as who it was; it is
    /// sent these events first.
    #[track_caller]
    pub(super) fn recovers(&self, at: usize, auth: Json, kept: &Kept, missed: &[&str]) -> Client {
        self.settle(at);
        let mut client = Client::back(&self.replicas[at], auth, kept).unwrap();
        let outcome = (client.kept.sid.clone(), client.kept.pid.clone());
        assert_eq!(outcome, (kept.sid.clone(), kept.pid.clone()), "it begins anew");
        for name in missed {
            assert_eq!(client.event().0, *name);
        }
        client.expect("connected", &json!("Recovered"));
        client.expect_alive();
        client
    }

    /// A client comes back and begins anew, for this reason.
    #[track_caller]
    pub(super) fn begins_anew(&self, at: usize, auth: Json, kept: &Kept, reason: &str) -> Client {
        let mut client = Client::back(&self.replicas[at], auth, kept).unwrap();
        client.expect("connected", &json!(format!("NotRecovered({reason})")));
        assert_ne!(client.kept.pid, kept.pid);
        client
    }

    /// Waits until a replica has no socket.
    #[track_caller]
    pub(super) fn empty(&self, at: usize) {
        eventually(WAIT, || match self.replicas[at].io.main().sockets_len() {
            0 => Ok(()),
            sockets => Err(format!("{sockets} sockets")),
        });
    }
}

/// The way to the log, once there is a bus.
#[derive(Default)]
struct Way(OnceLock<RedisBus>);

impl Outbound for Way {
    fn send(&self, event: BusEvent) -> Result<(), Full> {
        self.0.get().ok_or(Full)?.enqueue(&event).map_err(|_| Full)
    }
}
