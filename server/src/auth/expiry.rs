//! Tokens that end while their sockets are connected.
//!
//! ```text
//!   watch ──▶ [exp − 60 s] session_expiring ──▶ [exp] session_expired, disconnected, DISCONNECT
//!     ▲                                  │
//!     └───────── token_refresh ──────────┘
//! ```
//!
//! One queue and one task for all sockets: a hundred thousand of them cost no timer of their own.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_domain::{
    Clock, Timestamp,
    event::system::{SessionExpired, SessionExpiring},
};
use tokio::sync::Notify;

use super::identity;
use crate::{apps::say_goodbye, lock, namespace::socket::Socket};

/// How long before its end a token's holder is warned (contract, section 1).
const WARNED_MS: u64 = 60_000;

/// The clock of the day may be set: it is looked at so often, whatever is due next.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Sockets that are told at one go; others have their turn in between.
const BATCH: usize = 256;

/// The deadlines of all sockets. Cheap to clone.
#[derive(Clone)]
pub struct Expiry(Arc<Inner>);

struct Inner {
    clock: Clock,
    deadlines: Mutex<Deadlines<Socket>>,
    /// Something is due earlier than before.
    changed: Notify,
}

/// The number of a socket's deadline; for good, since ids of sockets come back with recovery.
#[derive(Clone, Copy)]
struct Ticket(u64);

impl Expiry {
    /// Nothing to watch yet.
    pub fn new(clock: Clock) -> Self {
        let (deadlines, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { clock, deadlines, changed }))
    }

    /// Watches the token of a socket, in place of a former one.
    pub fn watch(&self, socket: &Socket) {
        let ends = identity(socket).and_then(|identity| identity.expires_at);
        let now = self.0.clock.unix_ms();
        let is_first = {
            let mut deadlines = lock(&self.0.deadlines);
            let ticket = socket.get::<Ticket>().unwrap_or_else(|| Ticket(deadlines.new_ticket()));
            socket.insert(ticket);
            match ends {
                Some(seconds) => {
                    deadlines.watch(ticket.0, socket.clone(), seconds.saturating_mul(1_000), now)
                }
                None => deadlines.forget(ticket.0),
            }
        };
        if is_first {
            self.0.changed.notify_one();
        }
    }

    /// A socket has gone.
    pub fn forget(&self, socket: &Socket) {
        if let Some(Ticket(ticket)) = socket.get() {
            lock(&self.0.deadlines).forget(ticket);
        }
    }

    /// Tells sockets what is due. To be run once, as a background task.
    pub async fn run(self) {
        loop {
            let now = self.0.clock.unix_ms();
            let (due, next) = {
                let mut deadlines = lock(&self.0.deadlines);
                (deadlines.take_due(now, BATCH), deadlines.next())
            };
            for (socket, step) in due {
                tell(&socket, step);
            }
            let wait = next.map_or(LOOK_AGAIN, |at| Duration::from_millis(at.saturating_sub(now)));
            if wait.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            // Too late or changed: both are a reason to look again.
            let changed = self.0.changed.notified();
            let _ = tokio::time::timeout(wait.min(LOOK_AGAIN), changed).await;
        }
    }
}

fn tell(socket: &Socket, step: Step) {
    // A client that has gone, or is too slow, is not told.
    match step {
        Step::Warn { seconds } => {
            let _ =
                socket.emit_direct("session_expiring", &SessionExpiring { expires_in: seconds });
        }
        Step::End { at_ms } => {
            let expired = SessionExpired {
                message: "Session expired".to_owned(),
                expired_at: Timestamp::from_unix_ms(at_ms),
            };
            let _ = socket.emit_direct("session_expired", &expired);
            say_goodbye(socket, "session expired");
            socket.disconnect(false);
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The token ends in so many seconds.
    Warn { seconds: u64 },
    /// It has ended.
    End { at_ms: u64 },
}

/// Deadlines in their order, without clock and tasks. Times are milliseconds since 1970.
struct Deadlines<S> {
    /// When something is due, and for whom.
    queue: BTreeSet<(u64, u64)>,
    watched: HashMap<u64, Watched<S>>,
    tickets: u64,
}

struct Watched<S> {
    whom: S,
    due: u64,
    ends: u64,
}

impl<S: Clone> Deadlines<S> {
    fn new_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Watches, in place of what was watched under the ticket; true if nothing is due earlier.
    fn watch(&mut self, ticket: u64, whom: S, ends: u64, now: u64) -> bool {
        self.forget(ticket);
        let due = if ends <= now { ends } else { ends.saturating_sub(WARNED_MS).max(now) };
        self.queue.insert((due, ticket));
        self.watched.insert(ticket, Watched { whom, due, ends });
        self.queue.first() == Some(&(due, ticket))
    }

    /// Always false: nothing is due earlier for it.
    fn forget(&mut self, ticket: u64) -> bool {
        if let Some(watched) = self.watched.remove(&ticket) {
            self.queue.remove(&(watched.due, ticket));
        }
        false
    }

    fn next(&self) -> Option<u64> {
        self.queue.first().map(|(due, _)| *due)
    }

    fn take_due(&mut self, now: u64, max: usize) -> Vec<(S, Step)> {
        let mut steps = Vec::new();
        while let Some((due, ticket)) = self.queue.first().copied()
            && due <= now
            && steps.len() < max
        {
            self.queue.remove(&(due, ticket));
            let Some(watched) = self.watched.get_mut(&ticket) else { continue };
            let ends = watched.ends;
            if ends <= now {
                steps.push((watched.whom.clone(), Step::End { at_ms: ends }));
                self.watched.remove(&ticket);
            } else {
                let seconds = (ends - now).div_ceil(1_000);
                steps.push((watched.whom.clone(), Step::Warn { seconds }));
                watched.due = ends;
                self.queue.insert((ends, ticket));
            }
        }
        steps
    }
}

impl<S> Default for Deadlines<S> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), watched: HashMap::new(), tickets: 0 }
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry").field("watched", &lock(&self.0.deadlines).watched.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warn(who: &'static str, seconds: u64) -> (&'static str, Step) {
        (who, Step::Warn { seconds })
    }

    fn end(who: &'static str, at_ms: u64) -> (&'static str, Step) {
        (who, Step::End { at_ms })
    }

    #[test]
    fn a_minute_before_the_end_and_at_the_end() {
        let mut deadlines = Deadlines::default();
        assert!(deadlines.watch(1, "ann", 100_000, 0));
        assert!(!deadlines.watch(2, "ben", 110_500, 0));
        assert_eq!(deadlines.next(), Some(40_000));
        assert_eq!(deadlines.take_due(39_999, 9), []);
        assert_eq!(deadlines.take_due(40_000, 9), [warn("ann", 60)]);
        // The task was late: both are told what is true now.
        assert_eq!(deadlines.take_due(100_001, 9), [warn("ben", 11), end("ann", 100_000)]);
        assert_eq!(deadlines.next(), Some(110_500));
        assert_eq!(deadlines.take_due(110_500, 9), [end("ben", 110_500)]);
        assert_eq!((deadlines.next(), deadlines.watched.len()), (None, 0));
    }

    #[test]
    fn a_token_that_ends_within_the_minute_is_warned_of_at_once() {
        let mut deadlines = Deadlines::default();
        deadlines.watch(1, "ann", 20_500, 10_000);
        assert_eq!(deadlines.take_due(10_000, 9), [warn("ann", 11)]);
        // One that ended before, within the leeway of clocks, has nothing left to be warned of.
        deadlines.watch(2, "ben", 9_000, 10_000);
        assert_eq!(deadlines.take_due(10_000, 9), [end("ben", 9_000)]);
    }

    #[test]
    fn a_new_token_takes_the_place_of_the_old_one() {
        let mut deadlines = Deadlines::default();
        deadlines.watch(1, "ann", 100_000, 0);
        assert_eq!(deadlines.take_due(40_000, 9), [warn("ann", 60)]);
        deadlines.watch(1, "ann", 400_000, 50_000);
        assert_eq!(deadlines.take_due(339_999, 9), []);
        assert_eq!(deadlines.take_due(340_000, 9), [warn("ann", 60)]);
        deadlines.forget(1);
        assert_eq!(deadlines.take_due(u64::MAX, 9), []);
        assert_eq!((deadlines.queue.len(), deadlines.watched.len()), (0, 0));
    }

    #[test]
    fn many_that_end_at_once_come_in_batches() {
        let mut deadlines = Deadlines::default();
        for ticket in 0..10 {
            deadlines.watch(ticket, ticket, 1_000, 2_000);
        }
        assert_eq!(deadlines.take_due(2_000, 4).len(), 4);
        assert_eq!(deadlines.next(), Some(1_000));
        assert_eq!(deadlines.take_due(2_000, 100).len(), 6);
    }
}
