//! The power goes at any operation on the disk: what was acknowledged is there, and everything else is
//! there whole or not at all.

use std::{collections::BTreeSet, sync::Arc};

use crier_domain::{
    Clock, Outlet, Store,
    store::{Committed, EmbeddedStore, Expect, Key, Scan, Write},
};

use super::{
    disk::{Disk, Random},
    rig::{NOW, Sent, writes},
};

fn open(disk: &Disk) -> Option<EmbeddedStore> {
    let sent = Arc::new(Sent::default()) as Arc<dyn Outlet>;
    EmbeddedStore::open_on("disk", disk.opener(), sent, Clock::standing_at(NOW)).ok()
}

/// Numbers whose pairs are in the store; panics where half of one is.
pub(crate) async fn pairs(store: &dyn Store) -> BTreeSet<u64> {
    let side = async |name: &'static str| -> BTreeSet<u64> {
        let found = store.scan(Scan::of(Key::of(name), usize::MAX)).await.unwrap();
        found.iter().map(|(key, _)| key.after(&Key::of(name)).number().unwrap()).collect()
    };
    let (left, right) = (side("left").await, side("right").await);
    assert_eq!(left, right, "half a commit");
    left
}

/// Commits a pair of records in two collections; whether it was acknowledged.
pub(crate) async fn put_pair(store: &dyn Store, number: u64) -> bool {
    let put = |side| {
        // Of many sizes, so that commits are of one page or several.
        let value = vec![number as u8; (number as usize * 97) % 9_000];
        Write::put(Key::of(side).number(number), Expect::Absent, value)
    };
    matches!(store.commit(writes([put("left"), put("right")])).await, Ok(Committed::Done { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    let mut cuts = 0;
    for seed in 0..24 {
        let mut random = Random(seed);
        let mut disk = Disk::default();
        let (mut acknowledged, mut next) = (BTreeSet::new(), 0);
        // A file gets its name when it is whole, so no power cut meets a half-made one.
        drop(open(&disk).unwrap());
        for _ in 0..6 {
            disk.cut_after(random.below(400) as usize);
            // The power may go while it opens.
            if let Some(store) = open(&disk) {
                let store = Arc::new(store);
                let tasks: Vec<_> = (0..40)
                    .map(|n| {
                        let (store, number) = (Arc::clone(&store), next + n);
                        tokio::spawn(async move { (number, put_pair(&*store, number).await) })
                    })
                    .collect();
                for task in tasks {
                    let (number, done) = task.await.unwrap();
                    acknowledged.extend(done.then_some(number));
                }
                cuts += usize::from(!put_pair(&*store, next + 40).await);
            }
            next += 100;
            disk = disk.after_power_cut(&mut random);
            let store = open(&disk).unwrap_or_else(|| panic!("seed {seed}: the file is broken"));
            let there = pairs(&store).await;
            let lost: Vec<_> = acknowledged.difference(&there).collect();
            assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
            // What was not acknowledged and is there counts from now.
            acknowledged = there;
        }
    }
    assert!(cuts > 20, "the power went {cuts} times only: nothing was tried");
}
