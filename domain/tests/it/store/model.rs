//! Whatever is done, in whatever order, the other stores say what the one in memory says.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use crier_domain::store::{Change, Claim, Commit, Expect, Key, Scan, Write};
use proptest::{prelude::*, test_runner::TestRunner};

use super::rig::{self, NOW, Rig, event};
use crate::redis::server::Server;

#[derive(Clone, Debug)]
enum Step {
    Commit { claim: Option<(u8, u8, u64)>, writes: Vec<(u8, Wish, Option<Put>)> },
    Get(u8),
    Scan { prefix: u8, above: Option<u8>, below: Option<u8>, backwards: bool, limit: usize },
    Wait(u64),
}

/// What is expected, by what the writer may know.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Anything,
    Absent,
    /// The record's version, if it has one.
    Unchanged,
    Version(u64),
}

#[derive(Clone, Copy, Debug)]
enum Put {
    Value(u8, Option<u64>),
    Delete,
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Anything),
        Just(Wish::Absent),
        Just(Wish::Unchanged),
        (0..20_u64).prop_map(Wish::Version),
    ]
}

fn put() -> impl Strategy<Value = Option<Put>> {
    let expires = prop::option::of(0..30_000_u64);
    prop_oneof![
        Just(None),
        Just(Some(Put::Delete)),
        (any::<u8>(), expires).prop_map(|(value, expires)| Some(Put::Value(value, expires))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let claim = prop::option::of((0..3_u8, 0..2_u8, 0..30_000_u64));
    let writes = prop::collection::vec((0..8_u8, wish(), put()), 0..4);
    let bound = || prop::option::of(0..8_u8);
    prop_oneof![
        4 => (claim, writes).prop_map(|(claim, writes)| Step::Commit { claim, writes }),
        1 => (0..8_u8).prop_map(Step::Get),
        2 => (0..4_u8, bound(), bound(), any::<bool>(), 0..9_usize).prop_map(
            |(prefix, above, below, backwards, limit)| {
                Step::Scan { prefix, above, below, backwards, limit }
            }
        ),
        1 => (0..20_000_u64).prop_map(Step::Wait),
    ]
}

/// Eight keys, of which some are others' prefixes.
fn key(n: u8) -> Key {
    match n {
        0..3 => Key::of("m").text(&n.to_string()),
        n => Key::of("m").text("1").number(n.into()),
    }
}

fn prefix(n: u8) -> Key {
    match n {
        0 => Key::of("m"),
        1 => Key::of("m").text("1"),
        2 => Key::from_bytes([]),
        _ => Key::of("nothing"),
    }
}

/// Does a step and says all that there is to see of it.
async fn take(rig: &Rig, number: usize, step: &Step) -> String {
    match step {
        Step::Wait(ms) => {
            rig.clock.advance(*ms);
            String::new()
        }
        Step::Get(n) => format!("{:?}", rig.store.get(key(*n)).await),
        Step::Scan { prefix: n, above, below, backwards, limit } => {
            let mut scan = Scan::of(prefix(*n), *limit);
            (scan.above, scan.below) = (above.map(key), below.map(key));
            scan.backwards = *backwards;
            format!("{:?}", rig.store.scan(scan).await)
        }
        Step::Commit { claim, writes } => {
            let now = rig.clock.unix_ms();
            let mut commit =
                Commit { events: vec![event(&number.to_string())], ..Commit::default() };
            commit.claim = claim.map(|(name, fingerprint, ms)| Claim {
                key: format!("claim {name}"),
                fingerprint: [fingerprint; 32],
                answer: number.to_string().into(),
                expires_at: now + ms,
            });
            for (n, wish, put) in writes {
                let expect = match wish {
                    Wish::Anything => Expect::Anything,
                    Wish::Absent => Expect::Absent,
                    Wish::Unchanged => Expect::unchanged(rig.get(&key(*n)).await.as_ref()),
                    Wish::Version(version) => Expect::Version(*version),
                };
                let change = match put {
                    None => Change::Keep,
                    Some(Put::Delete) => Change::Delete,
                    Some(Put::Value(value, ms)) => Change::Put {
                        value: Bytes::copy_from_slice(&[*value]),
                        expires_at: ms.map(|ms| now + ms),
                    },
                };
                commit.writes.push(Write { key: key(*n), expect, change });
            }
            format!("{:?}", rig.store.commit(commit).await)
        }
    }
}

#[test]
fn every_store_is_the_model() {
    let server = Arc::new(Server::start(&[]));
    let case = AtomicUsize::new(0);
    let config = ProptestConfig { cases: 48, ..ProptestConfig::with_source_file(file!()) };
    let steps = prop::collection::vec(step(), 1..40);
    let tried = TestRunner::new(config).run(&steps, |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (model, embedded) = (rig::memory(), rig::embedded());
            let prefix = format!("case-{}", case.fetch_add(1, Ordering::Relaxed));
            let redis = rig::over(&server, &prefix);
            for (number, step) in steps.iter().enumerate() {
                let expected = take(&model, number, step).await;
                let on_disk = take(&embedded, number, step).await;
                prop_assert_eq!(&on_disk, &expected, "on disk: {:?}", step);
                let in_redis = take(&redis, number, step).await;
                prop_assert_eq!(in_redis, expected, "in Redis: {:?}", step);
            }
            let expected = model.names().await;
            prop_assert_eq!(&embedded.names().await, &expected);
            prop_assert_eq!(redis.names().await, expected);
            prop_assert!(model.clock.unix_ms() >= NOW);
            Ok(())
        })
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}
