//! The file: whose it is, what is in it, and what becomes of what waits.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use crier_domain::{
    Clock, Outlet, Publish, Store,
    store::{
        Commit, Committed, EmbeddedStore, Expect, Key, OpenError, Scan, StoreError, StoreFuture,
        Write,
    },
};
use futures_util::FutureExt as _;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition,
};

use super::{
    disk::Disk,
    rig::{NOW, Sent, claim, event, key, writes},
};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const CLAIMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("claims");
const EXPIRY: TableDefinition<'_, (u64, u8, &[u8]), ()> = TableDefinition::new("expiry");

fn open_at(folder: &Path, clock: &Clock) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(folder, Arc::new(Sent::default()), clock.clone())
}

fn open(folder: &Path) -> Result<EmbeddedStore, OpenError> {
    open_at(folder, &Clock::standing_at(NOW))
}

/// The file as redb sees it, while no store has it.
fn raw(folder: &Path) -> Database {
    Database::open(folder.join("crier.redb")).unwrap()
}

async fn put(store: &EmbeddedStore, part: &str, value: &str) -> Result<Committed, StoreError> {
    store.commit(writes([Write::put(key(part), Expect::Anything, value.to_owned())])).await
}

#[tokio::test]
async fn what_was_written_is_there_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("made/on/the/way");
    let store = open(&inner).unwrap();
    let Ok(Committed::Done { version }) = put(&store, "a", "1").await else { panic!("refused") };
    let once = || Commit { claim: Some(claim("id", 1, "first")), ..Commit::default() };
    store.commit(once()).await.unwrap();
    drop(store);
    let store = open(&inner).unwrap();
    let record = store.get(key("a")).await.unwrap().unwrap();
    assert_eq!((record.version, &record.value[..]), (version, &b"1"[..]));
    let repeated = store.commit(once()).await;
    assert_eq!(repeated, Ok(Committed::Repeated { answer: "first".into() }));
    let Ok(Committed::Done { version: next }) = put(&store, "a", "2").await else {
        panic!("refused")
    };
    assert!(next > version + 1, "versions go on where they were");
}

#[tokio::test]
async fn a_folder_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let second = open(folder.path()).unwrap_err();
    assert!(matches!(second, OpenError::Locked { .. }), "{second:?}");
    assert!(second.to_string().contains(&folder.path().display().to_string()), "{second}");
    put(&store, "a", "the first one goes on").await.unwrap();
    drop(store);
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn what_is_no_folder_of_ours_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "x").unwrap();
    let refused = open(&blocked).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused:?}");
    for garbage in [&b"not a database"[..], &[0; 100_000], &[0xff; 8_192]] {
        let file = folder.path().join("crier.redb");
        std::fs::write(&file, garbage).unwrap();
        let refused = open(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("crier.redb"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let database = raw(folder.path());
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("layout", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Unusable { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("99") && refused.to_string().contains("newer"),
        "{refused}"
    );
}

#[tokio::test]
async fn d12_a_damaged_record_is_told_of_and_its_neighbours_live() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for part in ["a", "b", "c", "d"] {
        put(&store, part, "good").await.unwrap();
    }
    store.commit(Commit { claim: Some(claim("id", 1, "x")), ..Commit::default() }).await.unwrap();
    drop(store);
    let database = raw(folder.path());
    let transaction = database.begin_write().unwrap();
    {
        let mut records = transaction.open_table(RECORDS).unwrap();
        let mut row = records.get(key("b").as_bytes()).unwrap().unwrap().value().to_owned();
        *row.last_mut().unwrap() ^= 1;
        records.insert(key("b").as_bytes(), row.as_slice()).unwrap();
        records.insert(key("c").as_bytes(), &b""[..]).unwrap();
        transaction.open_table(CLAIMS).unwrap().insert("id", &[1_u8, 2, 3][..]).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);

    let store = open(folder.path()).unwrap();
    for part in ["b", "c"] {
        assert_eq!(store.get(key(part)).await, Err(StoreError::Damaged), "{part}");
        for expect in [Expect::Absent, Expect::Version(1)] {
            let result = store.commit(writes([Write::put(key(part), expect, "x")])).await;
            assert_eq!(result, Err(StoreError::Damaged), "{part}");
        }
    }
    let claimed = Commit { claim: Some(claim("id", 1, "x")), ..Commit::default() };
    assert_eq!(store.commit(claimed).await, Err(StoreError::Damaged));
    let all = store.scan(Scan::of(Key::of("things"), 10)).await.unwrap();
    let keys: Vec<_> = all.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [key("a"), key("d")]);
    // Whoever writes it anew, whatever was there, mends it.
    put(&store, "b", "mended").await.unwrap();
    assert_eq!(store.get(key("b")).await.unwrap().unwrap().value, "mended");
}

#[tokio::test]
async fn what_has_expired_is_removed_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::standing_at(NOW);
    let store = open_at(folder.path(), &clock).unwrap();
    let until = |n: u64, at| Write::put_until(Key::of("t").number(n), Expect::Anything, "x", at);
    store.commit(writes((0..100).map(|n| until(n, NOW + 1_000)))).await.unwrap();
    store.commit(writes((100..110).map(|n| until(n, NOW + 1_000_000)))).await.unwrap();
    // Of these the time is another one by then.
    store.commit(writes((0..10).map(|n| until(n, NOW + 1_000_000)))).await.unwrap();
    let mut short = claim("short", 1, "x");
    short.expires_at = NOW + 1_000;
    for claim in [short, claim("long", 1, "x")] {
        store.commit(Commit { claim: Some(claim), ..Commit::default() }).await.unwrap();
    }
    clock.advance(15_000);
    // Under load, it goes along with a commit.
    put(&store, "a", "x").await.unwrap();
    drop(store);
    let database = raw(folder.path());
    let read = database.begin_read().unwrap();
    assert_eq!(read.open_table(RECORDS).unwrap().len().unwrap(), 10 + 10 + 1);
    assert_eq!(read.open_table(CLAIMS).unwrap().len().unwrap(), 1);
    assert_eq!(read.open_table(EXPIRY).unwrap().len().unwrap(), 10 + 10 + 1);
}

/// An outlet that holds the store's thread up at `hold` until it is let go, and panics at `panic`.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn wait_until_held(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |(held, _)| !*held).unwrap());
    }

    fn let_go(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }
}

impl Outlet for Gate {
    fn publish(&self, event: Publish) {
        match event.event.as_str() {
            "hold" => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.0 = true;
                self.changed.notify_all();
                drop(self.changed.wait_while(state, |(_, free)| !*free).unwrap());
            }
            "panic" => panic!("a bug in the outlet"),
            _ => {}
        }
    }
}

fn sends(name: &str) -> Commit {
    Commit { events: vec![event(name)], ..Commit::default() }
}

/// A store whose thread is held up, and the disk that it is on.
async fn held() -> (Arc<EmbeddedStore>, Arc<Gate>, Disk) {
    let (gate, disk) = (Arc::new(Gate::default()), Disk::default());
    let outlet = Arc::clone(&gate) as Arc<dyn Outlet>;
    let store = EmbeddedStore::open_on("disk", disk.opener(), outlet, Clock::system()).unwrap();
    let store = Arc::new(store);
    let holding = Arc::clone(&store);
    tokio::spawn(async move { holding.commit(sends("hold")).await });
    let waiting = Arc::clone(&gate);
    tokio::task::spawn_blocking(move || waiting.wait_until_held()).await.unwrap();
    (store, gate, disk)
}

/// Commits that have been begun, and their answers where they came at once.
struct Begun<'a>(Vec<(StoreFuture<'a, Committed>, Option<Answer>)>);

type Answer = Result<Committed, StoreError>;

impl<'a> Begun<'a> {
    fn new(store: &'a EmbeddedStore, numbers: u64, bytes: usize) -> Self {
        let begin = |number| {
            let write = Write::put(Key::of("n").number(number), Expect::Absent, vec![1; bytes]);
            let mut commit = store.commit(writes([write]));
            let answer = (&mut commit).now_or_never();
            (commit, answer)
        };
        Self((0..numbers).map(begin).collect())
    }

    /// Whether each was done; nothing but a lack of room is a reason for one not to be.
    async fn done(self) -> Vec<bool> {
        let mut done = Vec::new();
        for (commit, answer) in self.0 {
            let answer = match answer {
                Some(answer) => answer,
                None => commit.await,
            };
            done.push(match answer {
                Ok(_) => true,
                Err(StoreError::Unavailable { .. }) => false,
                Err(other) => panic!("{other:?}"),
            });
        }
        done
    }
}

async fn check_numbers(store: &EmbeddedStore, done: &[bool]) {
    for (n, done) in done.iter().enumerate() {
        let found = store.get(Key::of("n").number(n as u64)).await.unwrap();
        assert_eq!(found.is_some(), *done, "{n}");
    }
}

#[tokio::test]
async fn what_waits_goes_to_the_disk_together() {
    let (store, gate, disk) = held().await;
    let before = disk.syncs();
    let waiting = Begun::new(&store, 500, 10);
    gate.let_go();
    assert!(waiting.done().await.into_iter().all(|done| done));
    let syncs = disk.syncs() - before;
    assert!((1..20).contains(&syncs), "{syncs} syncs of 500 commits");
}

#[tokio::test]
async fn readers_do_not_wait_for_the_writer() {
    let (store, gate, _disk) = held().await;
    assert_eq!(store.get(key("a")).await, Ok(None));
    assert_eq!(store.scan(Scan::of(Key::of("things"), 10)).await, Ok(Vec::new()));
    gate.let_go();
}

#[tokio::test]
async fn the_queue_has_a_bound_in_commits_and_in_bytes() {
    for (count, bytes, fits) in [(4_200, 0, 4_096), (80, 1 << 20, 63)] {
        let (store, gate, _disk) = held().await;
        let waiting = Begun::new(&store, count, bytes);
        gate.let_go();
        let done = waiting.done().await;
        check_numbers(&store, &done).await;
        // The first ones: nothing that comes later is let in before them.
        assert!(done.is_sorted_by_key(|done| !done));
        assert_eq!(done.into_iter().filter(|done| *done).count(), fits, "{count} of {bytes} bytes");
        assert!(put(&store, "a", "there is room again").await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_what_waits_and_refuses_the_rest() {
    let (store, gate, disk) = held().await;
    let waiting = Begun::new(&store, 300, 100);
    let closing = Arc::clone(&store);
    let closed = tokio::task::spawn_blocking(move || closing.close());
    gate.let_go();
    closed.await.unwrap();
    assert_eq!(waiting.done().await, [true; 300]);
    assert!(matches!(put(&store, "late", "x").await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.get(key("a")).await, Err(StoreError::Unavailable { .. })));
    store.close();
    let outlet = Arc::new(Sent::default());
    let again = EmbeddedStore::open_on("disk", disk.opener(), outlet, Clock::system()).unwrap();
    check_numbers(&again, &[true; 300]).await;
}

#[tokio::test]
async fn a_panic_in_the_outlet_ends_nothing_else() {
    let (store, gate, _disk) = held().await;
    gate.let_go();
    assert!(store.commit(sends("panic")).await.is_ok());
    assert!(put(&store, "a", "goes on").await.is_ok());
}

#[tokio::test]
async fn a_file_whose_making_was_cut_short_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crier.redb.new"), [0; 4_096]).unwrap();
    let store = open(folder.path()).unwrap();
    put(&store, "a", "x").await.unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["crier.redb"]);
}
