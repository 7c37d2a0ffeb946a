//! Missed events: a client that comes back in time gets its id, its rooms and everything that it was
//! entitled to meanwhile, each event once and in order; or it is told why not.
//!
//! ```text
//!   publish ─▶ Log: number, keep, queue ─▶ one deliverer at a time ─▶ rooms ─▶ outboxes
//!                     │                                 ▲
//!   CONNECT pid,offset ─▶ Session: who was in which room when ─▶ replay ─▶ live
//! ```
//!
//! - **One order.** Every event of the server without an ack goes through the [`Log`]. It is numbered and kept first, and
//!   only then delivered, by whoever publishes and finds nobody delivering. A socket is let in while nobody delivers.
//! - **The offset** (`epoch~number`) is the last argument of every event without an ack: the number of the
//!   event itself, or the last number of which everything has been handed to that client. A client that
//!   gives it back has got everything up to it, and nothing after it.
//! - **Membership by number.** A [`Session`] knows from which number to which its socket was in a room, so
//!   that a replay sends what was owed at that time, not what would be owed now.
//!
//! In: events, joins, ends of sockets. Out: receivers' outboxes, replays. A single process forgets everything
//! with its end: the epoch in the offsets says so. Several share log ([`SharedLog`]) and sessions
//! ([`Keeper`]), and a client may come back to any of them.

mod away;
mod claim;
mod kept;
mod line;
mod local;
mod log;
mod membership;
mod offset;
mod ring;
mod session;
mod sessions;
mod shared;

use std::{fmt, sync::Arc, time::Duration};

use crier_domain::event::system::NotRecovered;
use tokio::time::Instant;

pub(crate) use self::{
    away::Upcalls,
    claim::{Claim, NoClaim, Prepared},
    log::{Deliver, Log, in_order},
    membership::Membership,
    offset::Epoch,
    ring::{Entry, Missed},
    session::{Holder, Session},
    sessions::Sessions,
    shared::{Above, AwayOrder, SharedLog},
};
use self::{claim::Outside, kept::Keeper, shared::Away};
pub use self::{
    kept::NotSaved,
    shared::{Full, Outbound, Shared},
};

/// What a server keeps for clients that come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryOptions {
    /// How long after its end a session may be taken up again. Default 5 min.
    pub window: Duration,
    /// Events in the log. Default 1,000,000. Overflow: the oldest go, and whoever would need them is
    /// told `log-lost`.
    pub entries_max: usize,
    /// Memory of the log in bytes, about: 700 and twice the payload for each event. Default 256 MiB;
    /// overflow as above.
    pub bytes_max: usize,
    /// Events that one client is sent when it comes back. Default 10,000; beyond it is told `too-much`.
    pub replay_events_max: usize,
    /// The same in bytes. Default 4 MiB.
    pub replay_bytes_max: usize,
    /// Sessions without a connection that are kept. Default 100,000. Overflow: the one that ended
    /// first is forgotten.
    pub sessions_max: usize,
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(300),
            entries_max: 1_000_000,
            bytes_max: 256 << 20,
            replay_events_max: 10_000,
            replay_bytes_max: 4 << 20,
            sessions_max: 100_000,
        }
    }
}

/// How a socket began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Anew; nothing else was asked for.
    #[default]
    Fresh,
    /// With the id and the rooms of its former session, and everything that was missed.
    Recovered,
    /// Anew, though the client wanted its former session back.
    NotRecovered(NotRecovered),
}

/// Everything about recovery of one server.
pub(crate) struct Recoveries {
    pub(crate) options: RecoveryOptions,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) sessions: Arc<Sessions>,
    /// Where clients may come back to other processes.
    outside: Option<Outside>,
}

impl Recoveries {
    /// Of a single process.
    pub(crate) fn new(options: RecoveryOptions, epoch: Epoch, deliver: Deliver) -> Self {
        let log = Arc::new(local::LocalLog::new(epoch, &options, deliver));
        let sessions = Arc::new(Sessions::new(options.window, options.sessions_max));
        Self { options, log, sessions, outside: None }
    }

    /// Of one of several.
    pub(crate) fn shared(
        options: RecoveryOptions,
        log: Arc<SharedLog>,
        sessions: Arc<Sessions>,
        shared: &Shared,
    ) -> Self {
        let outside = Outside::new(&options, &log, &sessions, shared);
        Self { options, log, sessions, outside: Some(outside) }
    }

    /// The session's socket has gone, and its client may come back.
    pub(crate) fn lost(&self, session: &Arc<Session>, generation: u64) {
        self.sessions.lost(session, generation, Instant::now());
    }

    /// What has to run for as long as the server does, besides the log.
    pub(crate) fn keeper(&self) -> Option<Arc<Keeper>> {
        self.outside.as_ref().map(|outside| Arc::clone(&outside.keeper))
    }
}

impl fmt::Debug for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recoveries").field("options", &self.options).finish_non_exhaustive()
    }
}
