//! The other ways to have Redis: a cluster, sentinels, TLS.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crier_domain::{
    Bus, Clock, Store,
    redis::{Redis, RedisBus, RedisOptions, RedisStore, RedisUrl, cmd},
    store::{Committed, Expect, Key, Scan, Write},
};

use super::{log, server::Server, writer};
use crate::store::rig::{event, key, writes};

/// Ports that nobody has: the base, for a cluster's own bus, is 10,000 above.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn options(server: &Server, url: &str) -> RedisOptions {
    RedisOptions { url: RedisUrl::parse(url).unwrap(), ..server.options("crier") }
}

/// The link, the store, the bus and the channel, whatever stands behind.
async fn everything_works(redis: &Redis) {
    let (writer, _) = writer(redis, &Clock::system());
    let (bus, store) = (RedisBus::new(writer.clone()), RedisStore::new(writer));
    let mut channel = redis.subscribe(&[redis.keys().bus().to_owned()]).await.unwrap();
    let put = writes([
        Write::put(key("a"), Expect::Absent, "1"),
        Write::put(key("b"), Expect::Absent, "2"),
    ]);
    assert!(matches!(store.commit(put).await, Ok(Committed::Done { .. })));
    assert_eq!(store.get(key("a")).await.unwrap().unwrap().value, "1");
    assert_eq!(store.scan(Scan::of(Key::of("things"), 9)).await.unwrap().len(), 2);
    assert!(bus.publish(event("logged")).await.is_ok());
    let heard = tokio::time::timeout(Duration::from_secs(10), channel.next());
    assert!(heard.await.unwrap().unwrap().payload.starts_with(b"1|"));
    let volatile = crier_domain::Publish { volatile: true, ..event("volatile") };
    assert!(bus.publish(volatile).await.is_ok());
    let heard = tokio::time::timeout(Duration::from_secs(10), channel.next());
    assert!(heard.await.unwrap().unwrap().payload.starts_with(b"-|"));
    assert_eq!(log(redis).await.len(), 1);
    assert_eq!(redis.look(None).await.unwrap().seen.number, 1);
    assert!(redis.check().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_has_everything_in_one_slot_and_sharded_channels() {
    let ports = free_ports(2);
    let (port, bus_port) = (ports[0].to_string(), ports[1].to_string());
    let server = Server::on_port(&port, &["--cluster-enabled", "yes", "--cluster-port", &bus_port]);
    let by_socket = server.redis("crier");
    let mut slots = cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383);
    let () = by_socket.query(&slots).await.unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let state: String = by_socket.query(cmd("CLUSTER").arg("INFO")).await.unwrap();
        if state.contains("cluster_state:ok") {
            break;
        }
        assert!(Instant::now() < until, "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let redis = Redis::new(options(&server, &format!("redis+cluster://127.0.0.1:{port}"))).unwrap();
    everything_works(&redis).await;
    let channels: Vec<String> = by_socket.query(cmd("PUBSUB").arg("CHANNELS")).await.unwrap();
    assert!(channels.is_empty(), "only sharded ones: {channels:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lead_to_the_master_and_to_the_next_one() {
    let ports = free_ports(3).iter().map(u16::to_string).collect::<Vec<_>>();
    let mut first = Server::on_port(&ports[0], &[]);
    let second = Server::on_port(&ports[1], &["--replicaof", &format!("127.0.0.1 {}", ports[0])]);
    let sentinel = Server::sentinel(
        &ports[2],
        &[
            format!("sentinel monitor main 127.0.0.1 {} 1", ports[0]),
            "sentinel down-after-milliseconds main 300".to_owned(),
            "sentinel failover-timeout main 1000".to_owned(),
        ],
    );
    let url = format!("redis+sentinel://127.0.0.1:{}/main", ports[2]);
    let redis = Redis::new(options(&first, &url)).unwrap();
    everything_works(&redis).await;

    // The sentinel has to know the replica, and the replica all that was written.
    let replicated = second.redis("crier");
    let until = Instant::now() + Duration::from_secs(60);
    let asked = sentinel.redis("crier");
    loop {
        let number: Option<u64> =
            replicated.query(cmd("GET").arg(redis.keys().number())).await.unwrap_or_default();
        let known: Vec<crier_domain::redis::Value> =
            asked.query(cmd("SENTINEL").arg("REPLICAS").arg("main")).await.unwrap_or_default();
        if number == Some(1) && known.len() == 1 {
            break;
        }
        assert!(Instant::now() < until, "it is not replicated");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = redis.look(None).await.unwrap().seen;
    first.kill();
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    while bus.publish(event("after the failover")).await.is_err() {
        assert!(Instant::now() < until, "there is no next master");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let look = redis.look(Some(&before)).await.unwrap();
    assert_eq!(look.seen.number, 2);
    assert_eq!(look.lost, Some(crier_domain::redis::Lost::Restarted), "a replica may be behind");
}

const TLS_URL: &str = "CRIER_TLS_TEST_URL";

/// Asks a Redis over TLS, and says what came back.
#[tokio::test]
#[ignore = "runs as the child of the test below, which names the authority to it"]
async fn tls_child() {
    let Ok(url) = std::env::var(TLS_URL) else { return };
    let server = Server::start(&[]);
    let redis = Redis::new(options(&server, &url)).unwrap();
    let answer = redis.query::<String>(&cmd("PING")).await;
    let heard = redis.subscribe(&["{crier}:bus".to_owned()]).await;
    println!("over TLS: {} {}", answer.is_ok(), heard.is_ok());
}

#[tokio::test]
async fn over_tls_only_a_server_with_a_good_certificate_is_spoken_to() {
    // The server's certificate is localhost's and 127.0.0.1's, for a century.
    let file = |name: &str| format!("{}/tests/it/redis/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let ports = free_ports(1);
    let _server = Server::start(&[
        "--tls-port",
        &ports[0].to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("authority.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let other = file("server.pem");
    for (host, authority, expected) in [
        ("localhost", file("authority.pem"), true),
        ("127.0.0.1", file("authority.pem"), true),
        ("localhost", other, false),
        // The same server under an address that the certificate does not have.
        ("127.0.0.2", file("authority.pem"), false),
    ] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "redis::modes::tls_child", "--nocapture"])
            .env(TLS_URL, format!("rediss://{host}:{}", ports[0]))
            .env("SSL_CERT_FILE", &authority)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let line = format!("over TLS: {expected} {expected}");
        assert!(said.contains(&line), "{host} {authority}: {said}");
    }
}
