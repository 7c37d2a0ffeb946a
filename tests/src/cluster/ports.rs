//! Addresses that stay ours while a program is down.

use crate::process::{Failure, Outcome};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Below the range from which the kernel takes the ports of outgoing connections (32768 and up): a
/// killed replica finds its own free when it comes back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Tries; a machine that has so many ports taken has another problem.
const TRIES: u16 = 500;

/// A port of the loopback that nobody listens on, and that this process has not given out lately.
///
/// # Errors
/// When none is found.
pub fn free_port() -> Outcome<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another process begins elsewhere, so that two clusters do not race for one port.
    let begin = (std::process::id() % u32::from(COUNT)).wrapping_mul(37) % u32::from(COUNT);
    for _ in 0..TRIES {
        let step = u32::from(NEXT.fetch_add(1, Relaxed));
        let offset = u16::try_from((begin + step) % u32::from(COUNT)).unwrap_or(0);
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::new("no free port between 20000 and 32000"))
}
