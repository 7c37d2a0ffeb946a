//! Replicas that find each other by their leases in a real Redis.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crier_domain::redis::{Redis, RedisOptions, RedisUrl, cmd};
use crier_protocol::ReplicaTag;
use crier_server::{
    Forwarding, Options,
    cluster::{JoinError, Leases, Replicas, Seal, registry::About},
};
use tests::{
    process::TempDir,
    raw::{Polling, WAIT, eventually},
};
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use super::rig::{One, SECRET, upgraded_at};

/// A redis-server of a test, on a socket in a folder of its own; it keeps nothing.
struct Server {
    folder: TempDir,
    child: Option<Child>,
}

impl Server {
    fn start() -> Self {
        let mut server = Self { folder: TempDir::new("leases").unwrap(), child: None };
        server.up();
        server
    }

    fn up(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: apt-get install redis-server");
        self.child = Some(child);
        eventually(4 * WAIT, || {
            let socket = std::os::unix::net::UnixStream::connect(self.socket());
            socket.map(|_| ()).map_err(|error| error.to_string())
        });
    }

    fn down(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // A killed server leaves it behind.
        std::fs::remove_file(self.socket()).unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn redis(&self, secret: &[u8]) -> Redis {
        let url = RedisUrl::parse(&format!("redis+unix://{}", self.socket().display())).unwrap();
        let options = RedisOptions {
            url,
            username: None,
            password: None,
            prefix: "crier".to_owned(),
            secrets: vec![secret.to_vec()],
            connections: 1,
            timeout: Duration::from_secs(2),
        };
        Redis::new(options).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.down();
        }
    }
}

fn about(port: u16) -> About {
    let advertise = format!("10.0.0.1:{port}");
    About { advertise, started: 7, version: "0.1.0".to_owned(), draining: false }
}

fn tag(n: u8) -> ReplicaTag {
    ReplicaTag::from_random([0, 0, n])
}

/// A replica's lease, kept until told otherwise.
async fn held(redis: Redis, n: u8) -> (Arc<Leases>, CancellationToken) {
    let leases = Leases::join_as(redis, about(n.into()), || tag(n)).await.unwrap();
    let stop = CancellationToken::new();
    let (kept, until) = (Arc::clone(&leases), stop.clone());
    // Owned by the runtime, which ends with the test.
    Handle::current().spawn(async move { kept.run(until).await });
    (leases, stop)
}

/// The ports of those that a replica knows.
fn known(leases: &Leases) -> Vec<String> {
    let all = leases.all();
    all.iter().map(|r| r.about.advertise.rsplit(':').next().unwrap().to_owned()).collect()
}

/// Waits until a replica knows these.
async fn expect_known(leases: &Leases, ports: &[&str]) {
    let mut changes = leases.watch();
    let matches = |all: &Arc<[crier_server::cluster::Replica]>| {
        let ends = |(r, port): (&crier_server::cluster::Replica, &&str)| {
            r.about.advertise.ends_with(&format!(":{port}"))
        };
        all.len() == ports.len() && all.iter().zip(ports).all(ends)
    };
    let waited = tokio::time::timeout(4 * WAIT, changes.wait_for(matches)).await;
    assert!(waited.is_ok(), "{ports:?}: {:?}", known(leases));
}

async fn address(leases: &Leases, n: u8) -> Option<String> {
    leases.address_of(tag(n)).await.map(|address| address.to_string())
}

#[tokio::test]
async fn replicas_find_each_other_at_once_and_tell_when_they_go() {
    let server = Server::start();
    let (one, _) = held(server.redis(SECRET), 1).await;
    expect_known(&one, &["1"]).await;
    // One that came just now is looked for.
    let (two, stop) = held(server.redis(SECRET), 2).await;
    assert_eq!(address(&one, 2).await.as_deref(), Some("10.0.0.1:2"));
    assert_eq!(address(&two, 1).await.as_deref(), Some("10.0.0.1:1"));
    assert_eq!(address(&one, 3).await, None);
    assert_eq!(one.all()[1].about, about(2));
    // It goes down: it is still asked, until it is gone.
    two.drain().await;
    let mut changes = one.watch();
    changes.wait_for(|all| all.iter().any(|replica| replica.about.draining)).await.unwrap();
    assert_eq!(address(&one, 2).await.as_deref(), Some("10.0.0.1:2"));
    stop.cancel();
    expect_known(&one, &["1"]).await;
    assert_eq!(address(&one, 2).await, None);
    // The name is free at once.
    held(server.redis(SECRET), 2).await;
}

#[tokio::test]
async fn a_replica_that_dies_is_gone_when_its_lease_ends() {
    let server = Server::start();
    let (one, _) = held(server.redis(SECRET), 1).await;
    let dead = Leases::join_as(server.redis(SECRET), about(2), || tag(2)).await.unwrap();
    let start = Instant::now();
    assert!(address(&one, 2).await.is_some());
    drop(dead);
    expect_known(&one, &["1"]).await;
    let took = start.elapsed().as_secs();
    assert!((4..=9).contains(&took), "{took} s: six, and two until the next look");
}

#[tokio::test]
async fn a_name_is_one_replicas_alone() {
    let server = Server::start();
    let (_one, _) = held(server.redis(SECRET), 1).await;
    let mut tags = [tag(1), tag(1), tag(9)].into_iter();
    let next = || tags.next().unwrap();
    let other = Leases::join_as(server.redis(SECRET), about(2), next).await.unwrap();
    assert_eq!(other.tag(), tag(9));
    let none = Leases::join_as(server.redis(SECRET), about(3), || tag(1)).await;
    assert!(matches!(none, Err(JoinError::Taken)), "{none:?}");
}

#[tokio::test]
async fn what_no_replica_has_sealed_is_no_lease() {
    let server = Server::start();
    let (one, _) = held(server.redis(SECRET), 1).await;
    let redis = server.redis(b"another secret, of whoever may write to this Redis");
    // Whoever has not the secret could have session ids sent to itself.
    let _stranger = Leases::join_as(redis.clone(), about(2), || tag(2)).await.unwrap();
    let keys = redis.keys();
    let (mine, set) = (keys.lease(tag(1).as_str()), keys.named("leases"));
    let sealed: Vec<u8> = redis.query(cmd("GET").arg(&mine)).await.unwrap();
    // A good one of another name.
    let copy = keys.lease(tag(3).as_str());
    let () = redis.query(cmd("SET").arg(copy).arg(sealed)).await.unwrap();
    let end = "99999999999999";
    for n in [3, 4] {
        let entry = cmd("ZADD").arg(&set).arg(end).arg(tag(n).as_str()).to_owned();
        let _: u64 = redis.query(&entry).await.unwrap();
    }
    let _: u64 = redis.query(cmd("ZADD").arg(&set).arg(end).arg("no tag")).await.unwrap();
    for n in [2, 3, 4] {
        assert_eq!(address(&one, n).await, None);
    }
    assert_eq!(known(&one), ["1"]);
}

#[tokio::test]
async fn whoever_was_there_is_there_while_redis_is_away() {
    let mut server = Server::start();
    let (one, _) = held(server.redis(SECRET), 1).await;
    let (two, _) = held(server.redis(SECRET), 2).await;
    expect_known(&one, &["1", "2"]).await;
    expect_known(&two, &["1", "2"]).await;
    let mut changes = one.watch();
    changes.mark_unchanged();
    server.down();
    // Longer than to be sure that a renewal has failed: one that is unknown is asked for in vain.
    assert_eq!(address(&one, 9).await, None);
    assert_eq!(address(&one, 2).await.as_deref(), Some("10.0.0.1:2"));
    // It comes back with nothing; everyone writes anew, and no one was missing in between.
    server.up();
    let redis = server.redis(SECRET);
    loop {
        let set = redis.keys().named("leases");
        if redis.query::<u64>(cmd("ZCARD").arg(set)).await.unwrap() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(address(&one, 9).await, None);
    assert!(!changes.has_changed().unwrap(), "{:?}", known(&one));
}

#[tokio::test]
async fn made_up_names_cost_no_more_than_a_look_now_and_then() {
    let server = Server::start();
    let redis = server.redis(SECRET);
    let (one, _) = held(redis.clone(), 1).await;
    let start = Instant::now();
    for _ in 0..3 {
        let asked = (10..210).map(|n| address(&one, n));
        let found = futures_util::future::join_all(asked).await;
        assert!(found.iter().all(Option::is_none));
    }
    // Ten a second at most, and the renewals.
    let most = 3 + start.elapsed().as_millis() / 100;
    let stats: String = redis.query(cmd("INFO").arg("commandstats")).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_mget:calls=")).unwrap();
    let looks: u128 = line.split(',').next().unwrap().parse().unwrap();
    assert!(looks <= most, "{looks} looks in {:?}", start.elapsed());
}

#[test]
fn sessions_are_found_by_their_leases() {
    let server = Server::start();
    let replica = |n: u8| {
        let leases = |runtime: &Runtime, internal: std::net::SocketAddr| {
            let about = About { advertise: internal.to_string(), ..about(0) };
            let leases = runtime.block_on(Leases::join(server.redis(SECRET), about)).unwrap();
            let kept = Arc::clone(&leases);
            runtime.spawn(async move { kept.run(CancellationToken::new()).await });
            let seal = Arc::new(Seal::new([SECRET]));
            Some(Forwarding { tag: leases.tag(), replicas: leases, seal })
        };
        One::run(n, Options::default(), leases)
    };
    let one = replica(1);
    let session = Polling::connect(one.sockets);
    // It knows of the first one, and the first one not of it.
    let two = replica(2);
    let there = session.at(two.sockets);
    there.expect_alive();
    let other = Polling::connect(two.sockets);
    let mut ws = upgraded_at(one.sockets, &other.sid);
    ws.send("421[\"name\"]");
    ws.expect("431[2]");
    drop(one);
    // Its lease holds for some seconds yet, and nobody is there.
    there.start_poll().response().expect_refusal(1);
    session.abandon();
    other.abandon();
}
