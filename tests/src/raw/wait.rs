//! Waiting for a state that another process reaches on its own.

use std::time::{Duration, Instant};

/// How long a row waits for an answer or a close that should come at once. Generous: a busy
/// two-core machine is slow, but an attack that is let through lasts for ever.
pub const WAIT: Duration = Duration::from_secs(5);

/// Asks until `done` answers `Ok`, or panics after `limit` with what it answered last.
pub fn eventually<T>(limit: Duration, mut done: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + limit;
    loop {
        match done() {
            Ok(value) => return value,
            Err(why) if Instant::now() >= end => panic!("not within {limit:?}: {why}"),
            // The pause between two looks at another process; never what a test waits for.
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
