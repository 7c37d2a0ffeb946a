//! Replicas in this process, over a redis-server of the test's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crier_domain::redis::{BusEvent, Redis, RedisOptions, RedisUrl, Script, Value};
use crier_server::{Full, Options, Outbound, RecoveryOptions, Shared};
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
        let (out, queue) = tokio::sync::mpsc::channel(10_000);
        let shared = Shared { redis: redis.clone(), replica: name, out: Arc::new(Queue(out)) };
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
        server.runtime.spawn(publish(redis, queue));
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

    /// A client comes back to a replica, and goes on as who it was; it is sent these events first.
    #[track_caller]
    pub(super) fn recovers(&self, at: usize, auth: Json, kept: &Kept, missed: &[&str]) -> Client {
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

struct Queue(tokio::sync::mpsc::Sender<BusEvent>);

impl Outbound for Queue {
    fn send(&self, event: BusEvent) -> Result<(), Full> {
        self.0.try_send(event).map_err(|_| Full)
    }
}

async fn publish(redis: Redis, mut queue: tokio::sync::mpsc::Receiver<BusEvent>) {
    let script = Script::new(
        "local n = redis.call('INCR', KEYS[1]); local time = redis.call('TIME')
         local t = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
         redis.call('XADD', KEYS[2], n .. '-0', 't', t, 'b', ARGV[1])
         redis.call('PUBLISH', KEYS[3], n .. '|' .. t .. '|' .. ARGV[1])",
    );
    while let Some(event) = queue.recv().await {
        let keys = redis.keys();
        let body = redis.signer().seal(keys.bus(), &event.encode());
        loop {
            let done = if event.is_logged() {
                let names = [keys.number(), keys.log(), keys.bus()];
                redis.script::<Value>(&script, &names, &[&body[..]]).await
            } else {
                let mut command = crier_domain::redis::cmd("PUBLISH");
                command.arg(keys.bus()).arg([b"-|", &body[..]].concat());
                redis.query::<Value>(&command).await
            };
            if done.is_ok() || !event.is_logged() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
