//! What every backend does.

use std::sync::Arc;

use crier_domain::store::{
    Change, Commit, Committed, Expect, KEY_BYTES_MAX, Key, Scan, Store, StoreError,
    VALUE_BYTES_MAX, WRITES_MAX, Write,
};

use super::rig::{NOW, Rig, claim, event, key, writes};

async fn put(rig: &Rig, part: &str, value: &str) -> u64 {
    let write = Write::put(key(part), Expect::Anything, value.to_owned());
    match rig.store.commit(writes([write])).await.unwrap() {
        Committed::Done { version } => version,
        other @ Committed::Repeated { .. } => panic!("{other:?}"),
    }
}

fn done(result: Result<Committed, StoreError>) -> bool {
    matches!(result, Ok(Committed::Done { .. }))
}

pub(super) async fn what_is_committed_is_read(rig: Rig) {
    assert_eq!(rig.get(&key("a")).await, None);
    let version = put(&rig, "a", "1").await;
    let record = rig.get(&key("a")).await.unwrap();
    assert_eq!((record.version, &record.value[..]), (version, &b"1"[..]));
    put(&rig, "a", "").await;
    assert_eq!(rig.value(&key("a")).await.as_deref(), Some(&b""[..]));
    let delete = || writes([Write::delete(key("a"), Expect::Anything)]);
    assert!(done(rig.store.commit(delete()).await));
    assert_eq!(rig.get(&key("a")).await, None);
    assert!(done(rig.store.commit(delete()).await), "what is not there may be removed");
}

pub(super) async fn versions_grow_and_are_never_given_twice(rig: Rig) {
    let first = put(&rig, "a", "1").await;
    let second = put(&rig, "b", "1").await;
    assert!(second > first);
    let gone = writes([Write::delete(key("a"), Expect::Version(first))]);
    assert!(done(rig.store.commit(gone).await));
    let again = put(&rig, "a", "1").await;
    assert!(again > second, "not the version that it had before it was removed");
    let stale = writes([Write::put(key("a"), Expect::Version(first), "2")]);
    assert_eq!(rig.store.commit(stale).await, Err(StoreError::Conflict { key: key("a") }));
}

pub(super) async fn expectations_decide(rig: Rig) {
    let version = put(&rig, "there", "1").await;
    for (part, expect, met) in [
        ("there", Expect::Anything, true),
        ("there", Expect::Version(version), true),
        ("there", Expect::Version(version + 1), false),
        ("there", Expect::Version(0), false),
        ("there", Expect::Absent, false),
        ("gone", Expect::Anything, true),
        ("gone", Expect::Absent, true),
        ("gone", Expect::Version(version), false),
    ] {
        let result = rig.store.commit(writes([Write::check(key(part), expect)])).await;
        assert_eq!(done(result.clone()), met, "{part} {expect:?}: {result:?}");
        if !met {
            assert_eq!(result, Err(StoreError::Conflict { key: key(part) }));
        }
    }
    let record = rig.get(&key("there")).await;
    assert_eq!(
        record.as_ref().map(|record| record.version),
        Some(version),
        "checks change nothing"
    );
    assert_eq!(Expect::unchanged(record.as_ref()), Expect::Version(version));
}

pub(super) async fn several_records_change_together_or_not_at_all(rig: Rig) {
    put(&rig, "a", "old").await;
    put(&rig, "b", "old").await;
    let both = |last: Expect| {
        writes([
            Write::put(key("a"), Expect::Anything, "new"),
            Write::delete(key("b"), Expect::Anything),
            Write::put(key("c"), last, "new"),
        ])
    };
    let refused = rig.store.commit(both(Expect::Version(77))).await;
    assert_eq!(refused, Err(StoreError::Conflict { key: key("c") }));
    assert_eq!(rig.value(&key("a")).await.as_deref(), Some(&b"old"[..]));
    assert_eq!(rig.value(&key("b")).await.as_deref(), Some(&b"old"[..]));
    assert_eq!(rig.value(&key("c")).await, None);

    let Ok(Committed::Done { version }) = rig.store.commit(both(Expect::Absent)).await else {
        panic!("refused");
    };
    assert_eq!(rig.value(&key("b")).await, None);
    for part in ["a", "c"] {
        let record = rig.get(&key(part)).await.unwrap();
        assert_eq!((record.version, &record.value[..]), (version, &b"new"[..]), "{part}");
    }
}

pub(super) async fn a_refused_commit_sends_nothing(rig: Rig) {
    let refused = Commit {
        writes: vec![Write::check(key("a"), Expect::Version(1))],
        events: vec![event("never")],
        claim: None,
    };
    assert!(rig.store.commit(refused).await.is_err());
    let only_events = Commit { events: vec![event("once")], ..Commit::default() };
    assert!(done(rig.store.commit(only_events).await));
    assert_eq!(rig.names().await, ["once"], "sent by the time that the commit is answered");
}

pub(super) async fn events_go_out_in_the_order_of_the_commits(rig: Rig) {
    let counter = key("counter");
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (store, counter) = (Arc::clone(&rig.store), counter.clone());
            tokio::spawn(async move {
                let mut names = Vec::new();
                for n in 0..20 {
                    let names_of = [format!("{task}-{n}-first"), format!("{task}-{n}-second")];
                    let events = names_of.iter().map(|name| event(name)).collect();
                    let writes = vec![Write::put(counter.clone(), Expect::Anything, "x")];
                    let commit = Commit { writes, events, claim: None };
                    let Ok(Committed::Done { version }) = store.commit(commit).await else {
                        panic!("refused");
                    };
                    names.push((version, names_of));
                }
                names
            })
        })
        .collect();
    let mut by_version = Vec::new();
    for task in tasks {
        by_version.extend(task.await.unwrap());
    }
    by_version.sort();
    let expected: Vec<_> = by_version.into_iter().flat_map(|(_, names)| names).collect();
    assert_eq!(rig.names().await, expected);
}

fn claimed(claimed: crier_domain::store::Claim, part: &str, name: &str) -> Commit {
    Commit {
        claim: Some(claimed),
        writes: vec![Write::put(key(part), Expect::Absent, name.to_owned())],
        events: vec![event(name)],
    }
}

pub(super) async fn a_claim_is_done_once(rig: Rig) {
    let commit = |answer: &str| claimed(claim("id", 1, answer), "a", "made");
    assert!(done(rig.store.commit(commit("first")).await));
    // The expectation no longer holds, and is not looked at: it was done.
    let repeated = rig.store.commit(commit("second")).await;
    assert_eq!(repeated, Ok(Committed::Repeated { answer: "first".into() }));
    assert_eq!(rig.names().await, ["made"]);
    assert!(done(rig.store.commit(claimed(claim("other", 1, "x"), "b", "made")).await));
}

pub(super) async fn a_claim_of_something_else_is_refused(rig: Rig) {
    assert!(done(rig.store.commit(claimed(claim("id", 1, "x"), "a", "made")).await));
    let other = rig.store.commit(claimed(claim("id", 2, "x"), "b", "other")).await;
    assert_eq!(other, Err(StoreError::Claimed));
    assert_eq!(rig.get(&key("b")).await, None);
    assert_eq!(rig.names().await, ["made"]);
}

pub(super) async fn a_claim_is_forgotten_when_it_expires(rig: Rig) {
    assert!(done(rig.store.commit(claimed(claim("id", 1, "first"), "a", "made")).await));
    rig.clock.advance(86_400_000 - 1);
    let repeated = rig.store.commit(claimed(claim("id", 1, "x"), "a", "made")).await;
    assert!(matches!(repeated, Ok(Committed::Repeated { .. })), "{repeated:?}");
    rig.clock.advance(1);
    let mut later = claim("id", 2, "second");
    later.expires_at += 86_400_000;
    assert!(done(rig.store.commit(claimed(later.clone(), "b", "again")).await));
    let repeated = rig.store.commit(claimed(later, "b", "again")).await;
    assert_eq!(repeated, Ok(Committed::Repeated { answer: "second".into() }));
}

pub(super) async fn a_refused_commit_claims_nothing(rig: Rig) {
    put(&rig, "a", "in the way").await;
    let commit = claimed(claim("id", 1, "x"), "a", "made");
    let refused = rig.store.commit(commit.clone()).await;
    assert_eq!(refused, Err(StoreError::Conflict { key: key("a") }));
    let delete = writes([Write::delete(key("a"), Expect::Anything)]);
    assert!(done(rig.store.commit(delete).await));
    assert!(done(rig.store.commit(commit).await));
}

pub(super) async fn of_a_hundred_at_once_one_is_done(rig: Rig) {
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let store = Arc::clone(&rig.store);
            let commit = claimed(claim("id", 1, &format!("answer {n}")), "a", "made");
            tokio::spawn(async move { (n, store.commit(commit).await.unwrap()) })
        })
        .collect();
    let (mut winners, mut answers) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (n, Committed::Done { .. }) => winners.push(format!("answer {n}")),
            (_, Committed::Repeated { answer }) => answers.push(answer),
        }
    }
    assert_eq!((winners.len(), answers.len()), (1, 99));
    assert!(answers.iter().all(|answer| *answer == winners[0]), "{winners:?} {answers:?}");
    assert_eq!(rig.names().await, ["made"]);
}

fn until(part: &str, at: u64) -> Write {
    Write::put_until(key(part), Expect::Anything, "x", at)
}

pub(super) async fn records_expire(rig: Rig) {
    let commit = writes([until("short", NOW + 10), until("long", NOW + 20), until("past", NOW)]);
    assert!(done(rig.store.commit(commit).await));
    let left = async || {
        let found = rig.store.scan(Scan::of(Key::of("things"), 10)).await.unwrap();
        for (key, record) in &found {
            assert_eq!(rig.get(key).await.as_ref(), Some(record));
        }
        found.len()
    };
    assert_eq!((left().await, rig.get(&key("past")).await), (2, None));
    rig.clock.advance(9);
    assert_eq!(left().await, 2);
    rig.clock.advance(1);
    assert_eq!((left().await, rig.get(&key("short")).await), (1, None));
    rig.clock.advance(10);
    assert_eq!(left().await, 0);
}

pub(super) async fn an_expired_record_is_absent_to_a_commit(rig: Rig) {
    let Ok(Committed::Done { version }) =
        rig.store.commit(writes([until("lease", NOW + 10)])).await
    else {
        panic!("refused");
    };
    let take = |expect| writes([Write::put(key("lease"), expect, "taken")]);
    let early = rig.store.commit(take(Expect::Absent)).await;
    assert_eq!(early, Err(StoreError::Conflict { key: key("lease") }));
    rig.clock.advance(10);
    let late = rig.store.commit(take(Expect::Version(version))).await;
    assert_eq!(late, Err(StoreError::Conflict { key: key("lease") }));
    assert!(done(rig.store.commit(take(Expect::Absent)).await));
}

pub(super) async fn a_record_outlives_the_expiry_it_had_before(rig: Rig) {
    assert!(done(rig.store.commit(writes([until("a", NOW + 10), until("b", NOW + 10)])).await));
    put(&rig, "a", "for good").await;
    assert!(done(rig.store.commit(writes([until("b", NOW + 90_000)])).await));
    // Long enough for what has expired to be cleared away, with the next commit.
    rig.clock.advance(60_000);
    put(&rig, "c", "x").await;
    put(&rig, "c", "x").await;
    assert_eq!(rig.value(&key("a")).await.as_deref(), Some(&b"for good"[..]));
    assert_eq!(rig.value(&key("b")).await.as_deref(), Some(&b"x"[..]));
}

pub(super) async fn scans_give_what_is_under_a_prefix_in_order(rig: Rig) {
    let chat = |id: &str| Key::of("messages").text(id);
    let mut all =
        vec![Key::of("messages"), Key::of("messagesque").number(1), chat("a"), chat("aa")];
    all.extend((1..=5).map(|n| chat("a").number(n)));
    all.push(chat("a").number(u64::MAX));
    all.extend((1..=2).map(|n| chat("b").number(n)));
    let puts = all.iter().map(|key| Write::put(key.clone(), Expect::Anything, "x"));
    assert!(done(rig.store.commit(writes(puts)).await));

    let of_a = || Scan::of(chat("a"), 100);
    let n = |number: u64| chat("a").number(number);
    for (scan, expected) in [
        (of_a(), vec![1, 2, 3, 4, 5, u64::MAX]),
        (of_a().backwards(), vec![u64::MAX, 5, 4, 3, 2, 1]),
        (of_a().above(n(2)), vec![3, 4, 5, u64::MAX]),
        (of_a().below(n(3)), vec![1, 2]),
        (of_a().above(n(1)).below(n(4)), vec![2, 3]),
        (of_a().above(n(1)).below(n(4)).backwards(), vec![3, 2]),
        (of_a().above(n(3)).below(n(3)), vec![]),
        (of_a().above(n(4)).below(n(2)), vec![]),
        (of_a().above(n(4)).below(n(2)).backwards(), vec![]),
        // Bounds outside of the prefix let in nothing from outside.
        (of_a().above(Key::of("a")).below(Key::of("z")), vec![1, 2, 3, 4, 5, u64::MAX]),
        (of_a().above(Key::of("z")), vec![]),
        (of_a().below(Key::of("a")), vec![]),
        (Scan::of(chat("a"), 2), vec![1, 2]),
        (Scan::of(chat("a"), 2).backwards(), vec![u64::MAX, 5]),
        (Scan::of(chat("a"), 0), vec![]),
        (Scan::of(chat("nobody"), 9), vec![]),
    ] {
        let found = rig.store.scan(scan.clone()).await.unwrap();
        let numbers: Vec<_> =
            found.iter().map(|(key, _)| key.after(&chat("a")).number().unwrap()).collect();
        assert_eq!(numbers, expected, "{scan:?}");
    }
    let whole = rig.store.scan(Scan::of(Key::of("messages"), 100)).await.unwrap();
    assert_eq!(whole.len(), all.len() - 2, "neither the prefix itself nor a longer collection");
}

pub(super) async fn long_scans_give_everything_once(rig: Rig) {
    let number = |n: u64| Key::of("long").number(n);
    let puts = (0..1_000).map(|n| {
        // Every third has expired: what is left out does not end a scan.
        let expires_at = (n % 3 == 0).then_some(NOW);
        let value = n.to_string().into();
        let change = Change::Put { value, expires_at };
        Write { key: number(n), expect: Expect::Anything, change }
    });
    assert!(done(rig.store.commit(writes(puts)).await));
    let expected: Vec<u64> = (0..1_000).filter(|n| n % 3 != 0).collect();
    for limit in [1_000, 500, 128, 129, 1] {
        for backwards in [false, true] {
            let mut scan = Scan::of(Key::of("long"), limit);
            scan.backwards = backwards;
            let found = rig.store.scan(scan).await.unwrap();
            let mut expected = expected.clone();
            if backwards {
                expected.reverse();
            }
            expected.truncate(limit);
            let texts: Vec<_> = expected.iter().map(u64::to_string).collect();
            let values: Vec<_> = found.iter().map(|(_, r)| r.value.clone()).collect();
            assert_eq!(values, texts, "limit {limit}, backwards {backwards}");
        }
    }
}

pub(super) async fn bounds_are_kept(rig: Rig) {
    let large = |more: usize| vec![7; VALUE_BYTES_MAX + more];
    let put = |value: Vec<u8>| Write::put(key("a"), Expect::Anything, value);
    let many = |count: usize| (0..count).map(|n| until(&n.to_string(), NOW + 1));
    let long = |bytes: usize| Key::from_bytes(vec![b'k'; bytes]);
    let twice = [put(vec![1]), Write::delete(key("a"), Expect::Anything)];
    let named = |name: &str| Commit { claim: Some(claim(name, 1, "")), ..Commit::default() };
    for (what, commit, taken) in [
        ("1 MiB", writes([put(large(0))]), true),
        ("more than 1 MiB", writes([put(large(1))]), false),
        ("a key twice", writes(twice), false),
        ("as many records as may be", writes(many(WRITES_MAX)), true),
        ("one record too many", writes(many(WRITES_MAX + 1)), false),
        ("a long key", writes([Write::check(long(KEY_BYTES_MAX), Expect::Absent)]), true),
        ("too long a key", writes([Write::check(long(KEY_BYTES_MAX + 1), Expect::Absent)]), false),
        ("no key", writes([Write::check(long(0), Expect::Absent)]), false),
        ("a long claim", named(&"x".repeat(512)), true),
        ("too long a claim", named(&"x".repeat(513)), false),
        ("an empty claim", named(""), false),
        ("nothing", Commit::default(), true),
    ] {
        let result = rig.store.commit(commit).await;
        let refused = matches!(result, Err(StoreError::Refused(_)));
        assert_eq!((done(result.clone()), refused), (taken, !taken), "{what}: {result:?}");
    }
    let many_large = (0..17).map(|n| Write::put(key(&n.to_string()), Expect::Anything, large(0)));
    let result = rig.store.commit(writes(many_large)).await;
    assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
}

async fn count_up(store: &dyn Store, counter: &Key) {
    loop {
        let read = store.get(counter.clone()).await.unwrap();
        let expect = Expect::unchanged(read.as_ref());
        let text = read.map(|record| String::from_utf8(record.value.to_vec()).unwrap());
        let count: u64 = text.map_or(0, |text| text.parse().unwrap());
        let write = Write::put(counter.clone(), expect, (count + 1).to_string());
        match store.commit(writes([write])).await {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

pub(super) async fn counting_in_parallel_loses_no_step(rig: Rig) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&rig.store);
            tokio::spawn(async move {
                for _ in 0..10 {
                    count_up(&*store, &key("counter")).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(rig.value(&key("counter")).await.as_deref(), Some(&b"160"[..]));
}

pub(super) async fn of_two_buyers_one_gets_the_last_piece(rig: Rig) {
    for round in 0..20 {
        let stock = key(&format!("stock {round}"));
        let put = writes([Write::put(stock.clone(), Expect::Absent, "1")]);
        let Ok(Committed::Done { version }) = rig.store.commit(put).await else {
            panic!("refused");
        };
        let buy = |buyer: &str| {
            let order = key(&format!("order {round} {buyer}"));
            rig.store.commit(writes([
                Write::put(stock.clone(), Expect::Version(version), "0"),
                Write::put(order, Expect::Absent, "bought"),
            ]))
        };
        let (a, b) = tokio::join!(buy("a"), buy("b"));
        assert!(done(a.clone()) ^ done(b.clone()), "{a:?} {b:?}");
        for (buyer, bought) in [("a", done(a)), ("b", done(b))] {
            let order = rig.get(&key(&format!("order {round} {buyer}"))).await;
            assert_eq!(order.is_some(), bought, "round {round}: {buyer}");
        }
    }
}
