//! `crier-rest`: the sidecar as a process of its own.

use std::process::ExitCode;

/// Names of the setting that points to Redis: ours, then the one that the contract takes instead.
const REDIS_URL: [&str; 2] = ["CRIER_REDIS_URL", "REDIS_URL"];

fn main() -> ExitCode {
    let redis =
        REDIS_URL.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    eprintln!("crier-rest: {}", refusal(redis));
    ExitCode::FAILURE
}

/// Why the process does not start.
///
/// Apart from the server, the sidecar meets it only in Redis; the bus over Redis is not part of this
/// version, and publishing into nothing would be worse than not starting.
fn refusal(redis: bool) -> &'static str {
    if redis {
        "the bus over Redis is not part of this version yet; run `crier`, which has the sidecar built in"
    } else {
        "CRIER_REDIS_URL is not set: apart from `crier`, the sidecar publishes through Redis"
    }
}
