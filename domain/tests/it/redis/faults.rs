//! Redis goes and comes back, in every way that there is: nothing is done twice, nothing that was
//! acknowledged is lost, and nobody waits for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crier_domain::{
    Bus, BusError, Class, Clock, Publish, Store,
    redis::{BusEvent, Redis, RedisBus, RedisStore, cmd},
    store::{Commit, Committed, Expect, StoreError, Write},
};

use super::{log, server::Server, shipped, writer};
use crate::store::{
    disk::Random,
    power::{pairs, put_pair},
    rig::{claim, event, key, writes},
};

/// `kill -9` at random moments, with the configuration that is shipped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_redis_takes_nothing_that_was_acknowledged() {
    let mut server = Server::run(shipped());
    let redis = server.redis("crier");
    let store = Arc::new(RedisStore::new(writer(&redis, &Clock::system()).0));
    let mut random = Random(u64::from(std::process::id()));
    let (mut acknowledged, mut next) = (BTreeSet::new(), 0);
    let mut refused = 0;
    for round in 0..8 {
        let enough = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let (store, first) = (Arc::clone(&store), next + task * 100_000);
                let enough = Arc::clone(&enough);
                tokio::spawn(async move {
                    let mut done = Vec::new();
                    for number in first.. {
                        if enough.load(Ordering::Relaxed) {
                            break;
                        }
                        if !put_pair(&*store, number).await {
                            return (done, 1);
                        }
                        done.push(number);
                    }
                    (done, 0)
                })
            })
            .collect();
        next += 1_000_000;
        tokio::time::sleep(Duration::from_micros(50_000 + random.below(200_000))).await;
        server.kill();
        // Half of the time it is back before anybody has given up.
        let away = if round % 2 == 0 { random.below(300) } else { 1_500 };
        tokio::time::sleep(Duration::from_millis(away)).await;
        server.up();
        enough.store(true, Ordering::Relaxed);
        for task in tasks {
            let (done, failed) = task.await.unwrap();
            acknowledged.extend(done);
            refused += failed;
        }
        let there = pairs(&*store).await;
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?} of {}", acknowledged.len());
    }
    assert!(acknowledged.len() > 100, "{} commits: nothing was tried", acknowledged.len());
    assert!(refused > 0, "nobody noticed that Redis was away");
}

/// The append-only file is cut back to what was synced: with `appendfsync always` that is all that was
/// answered. Here everything behind the size at the last answer goes, and some bytes more are torn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    let mut server = Server::run(shipped());
    let redis = server.redis("crier");
    let store = RedisStore::new(writer(&redis, &Clock::system()).0);
    let mut random = Random(7);
    let mut acknowledged = BTreeSet::new();
    for round in 0..5_u64 {
        let first = round * 1_000;
        for number in first..first + 20 {
            assert!(put_pair(&store, number).await);
            acknowledged.insert(number);
        }
        let file = server.newest_append_only_file();
        let synced = std::fs::metadata(&file).unwrap().len();
        // These are answered to nobody: they go with the power, or half of them stays.
        let unanswered: Vec<_> = (first + 20..first + 30).map(|n| put_pair(&store, n)).collect();
        let answers = futures_util::future::join_all(unanswered).await;
        server.kill();
        let written = std::fs::metadata(&file).unwrap().len();
        assert!(written > synced && answers.iter().all(|done| *done));
        let torn = synced + random.below(written - synced);
        std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(torn).unwrap();
        server.up();
        written_anew(&redis).await;
        let there = wait_for_pairs(&store).await;
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        acknowledged = there;
    }
}

/// What a replica does when it meets a Redis that was started again, and its end.
async fn written_anew(redis: &Redis) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let looked = redis.look(None).await.is_ok();
        let info: Result<String, _> = redis.read(cmd("INFO").arg("persistence")).await;
        let info = info.unwrap_or_default();
        if looked && info.contains("aof_rewrite_in_progress:0") && !info.contains("aof_rewrites:0")
        {
            return;
        }
        assert!(Instant::now() < until, "{info}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The pairs, once Redis is reached again.
async fn wait_for_pairs(store: &RedisStore) -> BTreeSet<u64> {
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.get(key("x")).await {
        assert!(Instant::now() < until, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pairs(store).await
}

/// Connections are cut under load, again and again: each event is there once, and those of one publisher
/// in its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_does_nothing_twice() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let bus = bus.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..300 {
                    let name = format!("{task} {n}");
                    if n % 5 == 0 {
                        bus.enqueue(&BusEvent::from(&event(&name))).unwrap();
                        acknowledged.push(n);
                    } else if bus.publish(event(&name)).await.is_ok() {
                        acknowledged.push(n);
                    }
                }
                acknowledged
            })
        })
        .collect();
    let cut = async {
        let mut options = server.options("other");
        // The one connection that it spares.
        options.connections = 1;
        let cutter = Redis::new(options).unwrap();
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
        for _ in 0..40 {
            let _: u64 = cutter.query(&kill).await.unwrap();
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    };
    let (acknowledged, ()) = tokio::join!(futures_util::future::join_all(tasks), cut);
    // Behind everything that was enqueued.
    assert!(bus.publish(event("last last")).await.is_ok());
    let mut there: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (_, event) in log(&redis).await {
        let (task, n) = event.event.split_once(' ').unwrap();
        if let Ok(n) = n.parse() {
            there.entry(task.to_owned()).or_default().push(n);
        }
    }
    for (task, acknowledged) in acknowledged.into_iter().enumerate() {
        let there = &there[&task.to_string()];
        assert!(there.is_sorted_by(|a, b| a < b), "twice, or out of order: {there:?}");
        assert_eq!(*there, acknowledged.unwrap(), "publisher {task}");
    }
}

#[tokio::test]
async fn while_redis_is_away_everybody_is_told_and_logged_events_wait() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let redis = server.redis("crier");
    let (writer, _) = writer(&redis, &Clock::system());
    let (bus, store) = (RedisBus::new(writer.clone()), RedisStore::new(writer));
    assert!(bus.publish(event("before")).await.is_ok());
    server.kill();
    for n in 0..100 {
        bus.enqueue(&BusEvent::from(&event(&format!("waits {n}")))).unwrap();
    }
    let began = Instant::now();
    for _ in 0..20 {
        let refused = bus.publish(event("refused")).await;
        assert!(matches!(refused, Err(BusError::Unavailable { .. })), "{refused:?}");
        let refused = store.commit(writes([Write::check(key("a"), Expect::Absent)])).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
        assert!(matches!(store.get(key("a")).await, Err(StoreError::Unavailable { .. })));
    }
    assert!(began.elapsed() < Duration::from_secs(30), "nobody is held up for long");
    let mut refused = 0;
    while bus.enqueue(&BusEvent::from(&event("more"))).is_ok() {
        refused += 1;
        assert!(refused <= 10_000, "no bound");
    }
    server.up();
    let until = Instant::now() + Duration::from_secs(30);
    while bus.publish(event("after")).await.is_err() {
        assert!(Instant::now() < until, "it never comes back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let names: Vec<_> = log(&redis).await.into_iter().map(|(_, event)| event.event).collect();
    let mut expected = vec!["before".to_owned()];
    expected.extend((0..100).map(|n| format!("waits {n}")));
    expected.extend((0..refused).map(|_| "more".to_owned()));
    expected.push("after".to_owned());
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_redis_that_hangs_and_goes_on_has_done_it_once() {
    let server = Server::start(&[]);
    let mut options = server.options("crier");
    options.timeout = Duration::from_millis(300);
    let redis = Redis::new(options).unwrap();
    let store = RedisStore::new(writer(&redis, &Clock::system()).0);
    let put = |value: &str| {
        let write = Write::put(key("a"), Expect::Anything, value.to_owned());
        store.commit(writes([write]))
    };
    let Ok(Committed::Done { version: first }) = put("first").await else { panic!("refused") };
    server.signal("STOP");
    // It is on its way when Redis stops; the connection is given up, and it is sent again.
    let (second, ()) = tokio::join!(put("second"), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.signal("CONT");
    });
    assert_eq!(second, Ok(Committed::Done { version: first + 1 }), "once");
    let record = store.get(key("a")).await.unwrap().unwrap();
    assert_eq!((record.version, &record.value[..]), (first + 1, &b"second"[..]));
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_refuses_them_and_nothing_else() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let (writer, _) = writer(&redis, &Clock::system());
    let (bus, store) = (RedisBus::new(writer.clone()), RedisStore::new(writer));
    let put = || {
        let write = Write::put(key("a"), Expect::Anything, "x");
        store.commit(writes([write]))
    };
    assert!(put().await.is_ok());
    let set = async |value: &str| {
        let mut command = cmd("CONFIG");
        let () = redis.query(command.arg("SET").arg("maxmemory").arg(value)).await.unwrap();
    };
    set("1").await;
    assert!(matches!(put().await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(bus.publish(event("e")).await, Err(BusError::Unavailable { .. })));
    assert!(store.get(key("a")).await.unwrap().is_some(), "reads go on");
    set("0").await;
    assert!(put().await.is_ok());
    assert!(log(&redis).await.is_empty(), "nothing was published by halves");
}

#[tokio::test]
async fn one_that_redis_refuses_takes_nobody_along() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let store = RedisStore::new(writer(&redis, &Clock::system()).0);
    // Somebody has put something else under the name of a claim.
    let list = redis.keys().claim("id 7");
    let () = redis.query(cmd("RPUSH").arg(list).arg("x")).await.unwrap();
    let commit = |n: usize| {
        let mut once = claim(&format!("id {n}"), 1, "x");
        once.expires_at = u64::MAX - 1;
        let writes = vec![Write::put(key(&n.to_string()), Expect::Absent, "x")];
        store.commit(Commit { claim: Some(once), writes, events: vec![event(&n.to_string())] })
    };
    let results = futures_util::future::join_all((0..300).map(commit)).await;
    for (n, result) in results.into_iter().enumerate() {
        let refused = matches!(result, Err(StoreError::Unavailable { .. }));
        assert_eq!((refused, result.is_ok()), (n == 7, n != 7), "{n}: {result:?}");
    }
    let names: Vec<_> = log(&redis).await.into_iter().map(|(_, event)| event.event).collect();
    let expected: Vec<_> = (0..300).filter(|n| *n != 7).map(|n| n.to_string()).collect();
    assert_eq!(names, expected);
    assert_eq!(store.get(key("7")).await, Ok(None));
}

#[tokio::test]
async fn where_the_channel_is_closed_ephemeral_events_are_refused_and_logged_ones_are_kept() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("mute").arg("on").arg(">x").arg("~*").arg("resetchannels");
    let () = redis.query(user.arg("+@all")).await.unwrap();
    let mut options = server.options("crier");
    (options.username, options.password) = (Some("mute".to_owned()), Some("x".to_owned()));
    let bus = RedisBus::new(writer(&Redis::new(options).unwrap(), &Clock::system()).0);
    let ephemeral = Publish { class: Class::Ephemeral, ..event("typing") };
    assert!(matches!(bus.publish(ephemeral).await, Err(BusError::Unavailable { .. })));
    assert!(bus.publish(event("kept")).await.is_ok(), "whoever was not told reads the log");
    assert_eq!(log(&redis).await.len(), 1);
}
