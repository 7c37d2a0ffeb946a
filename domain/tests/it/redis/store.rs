//! What only the store in Redis can show: rows that are damaged there, and what has expired.

use crier_domain::{
    Clock, Store,
    redis::{Redis, RedisStore, cmd},
    store::{Commit, Expect, Key, Scan, StoreError, Write},
};

use super::{server::Server, writer};
use crate::store::rig::{NOW, claim, key, writes};

async fn put(store: &RedisStore, part: &str, value: &str) {
    let write = Write::put(key(part), Expect::Anything, value.to_owned());
    store.commit(writes([write])).await.unwrap();
}

async fn row(redis: &Redis, part: &str) -> Vec<u8> {
    let mut get = cmd("HGET");
    redis.query(get.arg(redis.keys().records()).arg(key(part).as_bytes())).await.unwrap()
}

async fn overwrite(redis: &Redis, part: &str, row: &[u8]) {
    let mut set = cmd("HSET");
    set.arg(redis.keys().records()).arg(key(part).as_bytes()).arg(row);
    let () = redis.query(&set).await.unwrap();
}

#[tokio::test]
async fn d12_a_damaged_record_is_told_of_and_its_neighbours_live() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let store = RedisStore::new(writer(&redis, &Clock::standing_at(NOW)).0);
    for part in ["a", "b", "c", "d", "e"] {
        put(&store, part, "good").await;
    }
    let claimed = || Commit { claim: Some(claim("id", 1, "x")), ..Commit::default() };
    store.commit(claimed()).await.unwrap();
    let mut turned = row(&redis, "b").await;
    *turned.last_mut().unwrap() ^= 1;
    overwrite(&redis, "b", &turned).await;
    overwrite(&redis, "c", b"").await;
    // Another's row.
    overwrite(&redis, "d", &row(&redis, "a").await).await;
    let claim_key = redis.keys().claim("id");
    let () = redis.query(cmd("SET").arg(&claim_key).arg("nonsense")).await.unwrap();

    for part in ["b", "c", "d"] {
        assert_eq!(store.get(key(part)).await, Err(StoreError::Damaged), "{part}");
    }
    for expect in [Expect::Absent, Expect::Version(1)] {
        let result = store.commit(writes([Write::put(key("c"), expect, "x")])).await;
        assert_eq!(result, Err(StoreError::Damaged));
    }
    assert_eq!(store.commit(claimed()).await, Err(StoreError::Damaged));
    let keys = async |limit: usize, backwards: bool| {
        let mut scan = Scan::of(Key::of("things"), limit);
        scan.backwards = backwards;
        let found = store.scan(scan).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(keys(10, false).await, [key("a"), key("e")]);
    assert_eq!(keys(2, false).await, [key("a"), key("e")], "others come up for the damaged ones");
    assert_eq!(keys(2, true).await, [key("e"), key("a")]);
    assert_eq!(keys(1, true).await, [key("e")]);
    // Whoever writes it anew, whatever was there, mends it.
    put(&store, "b", "mended").await;
    assert_eq!(store.get(key("b")).await.unwrap().unwrap().value, "mended");
}

#[tokio::test]
async fn what_has_expired_is_removed_from_redis() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let clock = Clock::standing_at(NOW);
    let store = RedisStore::new(writer(&redis, &clock).0);
    let until = |n: u64, at| Write::put_until(Key::of("t").number(n), Expect::Anything, "x", at);
    store.commit(writes((0..3_000).map(|n| until(n, NOW + 1_000)))).await.unwrap();
    // Of these the time is another one by then, or there is none, or they are gone.
    store.commit(writes((0..10).map(|n| until(n, NOW + 1_000_000)))).await.unwrap();
    let for_good = |n: u64| Write::put(Key::of("t").number(n), Expect::Anything, "x");
    store.commit(writes((10..20).map(for_good))).await.unwrap();
    let gone = |n: u64| Write::delete(Key::of("t").number(n), Expect::Anything);
    store.commit(writes((20..30).map(gone))).await.unwrap();
    let left = async || {
        let keys = redis.keys();
        let mut pipe = crier_domain::redis::pipe();
        pipe.cmd("HLEN").arg(keys.records());
        pipe.cmd("ZCARD").arg(keys.index());
        pipe.cmd("ZCARD").arg(keys.expiries());
        redis.pipeline::<(usize, usize, usize)>(&pipe).await.unwrap()
    };
    assert_eq!(left().await, (2_990, 2_990, 2_980));
    clock.advance(1_000);
    // Some of it goes along with a commit.
    put(&store, "a", "x").await;
    let (records, index, expiries) = left().await;
    assert_eq!((records, index), (expiries + 11, expiries + 11));
    assert!(expiries < 2_980, "{expiries}");
    assert_eq!(store.sweep().await, Ok(expiries - 10));
    assert_eq!(left().await, (21, 21, 10));
    assert_eq!(store.sweep().await, Ok(0));

    // Claims go by Redis's own clock, a minute late at the earliest.
    let mut short = claim("short", 1, "x");
    short.expires_at = clock.unix_ms() + 1_000;
    store.commit(Commit { claim: Some(short), ..Commit::default() }).await.unwrap();
    let life: u64 = redis.query(cmd("PTTL").arg(redis.keys().claim("short"))).await.unwrap();
    assert!((55_000..=61_000).contains(&life), "{life}");
    let mut ever = claim("ever", 1, "x");
    ever.expires_at = u64::MAX - 1;
    let ever = Commit { claim: Some(ever), ..Commit::default() };
    store.commit(ever.clone()).await.unwrap();
    assert!(store.commit(ever).await.is_ok());
}
