//! Replays the committed corpus of every fuzz target, so that what fuzzing once found stays found.

use std::{fs, path::Path};

use crier_protocol::fuzz;

#[test]
fn fuzz_corpus() {
    replay("eio_packet", fuzz::eio_packet);
    replay("eio_payload", fuzz::eio_payload);
    replay("redis_adapter", fuzz::redis_adapter);
    replay("session_ops", fuzz::session_ops);
    replay("sio_packet", fuzz::sio_packet);
}

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 20, "{} has lost its files", corpus.display());
    for file in files {
        // The test's output is shown if the run fails: it names the file.
        eprintln!("{}", file.display());
        run(&fs::read(&file).unwrap());
    }
}
