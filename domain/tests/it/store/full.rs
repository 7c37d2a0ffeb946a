//! A disk that is full or fails: nothing is acknowledged that is not there, and when the disk is well
//! again, so is the store.

use std::{collections::BTreeSet, path::Path, process::Command, sync::Arc, time::Duration};

use crier_domain::{
    Clock, Outlet, Store,
    store::{Commit, Committed, EmbeddedStore, Expect, Key, Scan, StoreError, Write},
};

use super::{
    disk::{Disk, Fault},
    rig::{NOW, Sent, event},
};

/// Writes a number, and says so to everybody.
async fn put(store: &dyn Store, number: u64, bytes: usize) -> Result<Committed, StoreError> {
    let write = Write::put(Key::of("n").number(number), Expect::Absent, vec![1; bytes]);
    let events = vec![event(&number.to_string())];
    store.commit(Commit { writes: vec![write], events, claim: None }).await
}

async fn numbers(store: &dyn Store) -> Result<BTreeSet<u64>, StoreError> {
    let found = store.scan(Scan::of(Key::of("n"), usize::MAX)).await?;
    Ok(found.iter().map(|(key, _)| key.after(&Key::of("n")).number().unwrap()).collect())
}

/// Tries until it works again.
async fn put_eventually(store: &dyn Store, number: u64, bytes: usize) {
    for _ in 0..400 {
        match put(store, number, bytes).await {
            // Of an earlier try that proved done.
            Ok(_) | Err(StoreError::Conflict { .. }) => return,
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        // It tries to open its file a few times a second.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the store does not work again");
}

/// What went out is what is there, each once.
fn check_sent(sent: &Sent, there: &BTreeSet<u64>) {
    let mut names: Vec<u64> = sent.names().iter().map(|name| name.parse().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, there.iter().copied().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_takes_the_store_away_until_it_is_well() {
    for fault in [Fault::Full, Fault::Writes, Fault::Syncs] {
        let (disk, sent) = (Disk::default(), Arc::new(Sent::default()));
        let outlet = Arc::clone(&sent) as Arc<dyn Outlet>;
        let clock = Clock::standing_at(NOW);
        let store = EmbeddedStore::open_on("disk", disk.opener(), outlet, clock).unwrap();
        let mut acknowledged = BTreeSet::new();
        for number in 0..5 {
            assert!(put(&store, number, 10_000).await.is_ok(), "{fault:?}");
            acknowledged.insert(number);
        }
        disk.fail(Some(fault));
        let mut refused = 0;
        for number in 5..60 {
            match put(&store, number, 400_000).await {
                Ok(_) => acknowledged.extend([number]),
                Err(StoreError::Unavailable { .. }) => refused += 1,
                Err(other) => panic!("{fault:?}: {other:?}"),
            }
        }
        assert!(refused > 0, "{fault:?}: nothing failed");
        disk.fail(None);
        put_eventually(&store, 100, 400_000).await;
        put_eventually(&store, 101, 10).await;
        acknowledged.extend([100, 101]);

        let there = numbers(&store).await.unwrap();
        assert!(there.is_superset(&acknowledged), "{fault:?}: {there:?} {acknowledged:?}");
        check_sent(&sent, &there);
        drop(store);
        let outlet = Arc::new(Sent::default()) as Arc<dyn Outlet>;
        let again = EmbeddedStore::open_on("disk", disk.opener(), outlet, Clock::system()).unwrap();
        assert_eq!(numbers(&again).await.unwrap(), there, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_for_a_while_is_there_afterwards() {
    let disk = Disk::default();
    let outlet = || Arc::new(Sent::default()) as Arc<dyn Outlet>;
    let store = EmbeddedStore::open_on("disk", disk.opener(), outlet(), Clock::system()).unwrap();
    for number in 0..10 {
        put(&store, number, 100_000).await.unwrap();
    }
    drop(store);
    // Opened anew, nothing of it is in memory.
    let store = EmbeddedStore::open_on("disk", disk.opener(), outlet(), Clock::system()).unwrap();
    disk.fail(Some(Fault::Reads));
    let found = numbers(&store).await;
    assert!(matches!(found, Err(StoreError::Unavailable { .. })), "{found:?}");
    disk.fail(None);
    put_eventually(&store, 10, 10).await;
    assert_eq!(numbers(&store).await.unwrap(), (0..=10).collect());
}

/// A small file system of its own, where this machine lets us have one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(at);
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // What stays mounted is a matter for whoever looks after the machine.
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_system_takes_the_store_away_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(folder.path()) else {
        eprintln!("not tried: no file system may be mounted here");
        return;
    };
    let ballast = small.0.join("ballast");
    std::fs::write(&ballast, vec![0; 3 << 20]).unwrap();
    let sent = Arc::new(Sent::default());
    let outlet = Arc::clone(&sent) as Arc<dyn Outlet>;
    let store = EmbeddedStore::open(small.0, outlet, Clock::system()).unwrap();
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for number in 0..40 {
        match put(&store, number, 200_000).await {
            Ok(_) => acknowledged.extend([number]),
            Err(StoreError::Unavailable { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 0 && !acknowledged.is_empty(), "{refused} {acknowledged:?}");
    std::fs::remove_file(ballast).unwrap();
    put_eventually(&store, 100, 200_000).await;
    acknowledged.insert(100);
    let there = numbers(&store).await.unwrap();
    assert!(there.is_superset(&acknowledged), "{there:?} {acknowledged:?}");
    check_sent(&sent, &there);
    drop(store);
    let outlet = Arc::new(Sent::default()) as Arc<dyn Outlet>;
    let again = EmbeddedStore::open(small.0, outlet, Clock::system()).unwrap();
    assert_eq!(numbers(&again).await.unwrap(), there);
    drop(again);
}
