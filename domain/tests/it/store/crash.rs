//! `kill -9` at any moment: what was acknowledged is there, everything else whole or not at all.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use crier_domain::{
    Clock, Outlet,
    store::{Commit, Committed, EmbeddedStore, Store},
};

use super::{
    disk::Random,
    power::{pairs, put_pair},
    rig::{Sent, claim},
};

const ROUNDS: u64 = 24;
/// Numbers of one round.
const SPAN: u64 = 1_000_000;
const FOLDER: &str = "CRIER_CRASH_TEST_FOLDER";
const FIRST: &str = "CRIER_CRASH_TEST_FIRST";

fn open(folder: &Path) -> EmbeddedStore {
    let sent = Arc::new(Sent::default()) as Arc<dyn Outlet>;
    EmbeddedStore::open(folder, sent, Clock::system()).unwrap_or_else(|e| panic!("{e}: {e:?}"))
}

fn once(number: u64) -> Commit {
    let mut claim = claim(&number.to_string(), 1, "the first answer");
    claim.expires_at = u64::MAX - 1;
    Commit { claim: Some(claim), ..Commit::default() }
}

/// Commits pairs until it is killed, and says each number once it is acknowledged.
#[test]
#[ignore = "runs as the child of the test below"]
fn child() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&folder)));
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for number in (first + task..).step_by(8) {
                        assert!(put_pair(&*store, number).await);
                        assert!(store.commit(once(number)).await.is_ok());
                        let mut out = std::io::stdout().lock();
                        out.write_all(format!("acknowledged {number}\n").as_bytes()).unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// A child, killed at the latest when it is dropped.
struct Crashing(Child);

impl Drop for Crashing {
    fn drop(&mut self) {
        // SIGKILL; it may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a child for a while; what it said before it was killed.
fn run_and_kill(folder: &Path, first: u64, random: &mut Random) -> BTreeSet<u64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "store::crash::child", "--nocapture"]);
    command.env(FOLDER, folder).env(FIRST, first.to_string());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Crashing(child);
    let stdout = BufReader::new(child.0.stdout.take().unwrap());
    let (say, said) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in stdout.split(b'\n') {
            let line = String::from_utf8(line.unwrap()).unwrap();
            // The harness's own words may stand before it.
            if let Some((_, number)) = line.split_once("acknowledged ") {
                say.send(number.parse::<u64>().unwrap()).unwrap();
            }
        }
    });
    let mut numbers = BTreeSet::new();
    // Half of them die while they work, the others whenever: while they start, or make the file.
    if random.below(2) == 0 {
        numbers.insert(said.recv_timeout(Duration::from_secs(60)).unwrap());
    }
    std::thread::sleep(Duration::from_micros(random.below(60_000)));
    drop(child);
    reader.join().unwrap();
    numbers.extend(said.try_iter());
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_takes_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(u64::from(std::process::id()));
    let mut acknowledged = BTreeSet::new();
    let mut rounds_that_worked = 0;
    for round in 0..ROUNDS {
        let said = run_and_kill(folder.path(), round * SPAN, &mut random);
        rounds_that_worked += usize::from(!said.is_empty());
        let store = open(folder.path());
        if let Some(last) = said.last() {
            let again = store.commit(once(*last)).await;
            let answer = "the first answer".into();
            assert_eq!(again, Ok(Committed::Repeated { answer }), "claim {last} was forgotten");
        }
        acknowledged.extend(said);
        let there = pairs(&store).await;
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
    }
    assert!(rounds_that_worked >= 8, "{rounds_that_worked} rounds acknowledged anything");
}
