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
//! In: events, joins, ends of sockets. Out: receivers' outboxes, replays. The process forgets everything
//! with its end: the epoch in the offsets says so.

mod line;
mod local;
mod log;
mod membership;
mod offset;
mod ring;
mod session;
mod sessions;

use std::{fmt, sync::Arc, time::Duration};

use crier_domain::event::system::NotRecovered;
use crier_protocol::{
    Namespace as Name, Pid,
    socket::{Auth, Value},
};
use tokio::time::Instant;

pub(crate) use self::{
    log::{Deliver, Log, in_order},
    membership::Membership,
    offset::Epoch,
    ring::{Entry, Missed},
    session::{Holder, Session},
    sessions::Sessions,
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
    pub(crate) log: Box<dyn Log>,
    pub(crate) sessions: Sessions,
}

/// A session that a client may take up, as it was when it asked.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) session: Arc<Session>,
    /// Of the session; whoever takes it up first changes it.
    pub(crate) generation: u64,
    /// Everything up to here the client has.
    pub(crate) after: u64,
}

impl Recoveries {
    pub(crate) fn new(options: RecoveryOptions, epoch: Epoch, deliver: Deliver) -> Self {
        let log = Box::new(local::LocalLog::new(epoch, &options, deliver));
        let sessions = Sessions::new(options.window, options.sessions_max);
        Self { options, log, sessions }
    }

    /// What a client asks for with its CONNECT; `None` where it asks for nothing. To be called once it is
    /// known who it is.
    pub(crate) fn claim(
        &self,
        auth: &Auth,
        namespace: &Name,
        owner: Option<&str>,
    ) -> Result<Option<Claim>, NotRecovered> {
        let asked = auth.as_value();
        let Some(pid) = asked.get("pid").filter(|pid| !matches!(pid, Value::Null)) else {
            return Ok(None);
        };
        let offset = asked.get("offset").filter(|offset| !matches!(offset, Value::Null));
        // An offset that is none of ours: of a log that is gone, or put there by the application.
        let offset = match offset.map(|offset| offset.as_str()) {
            None => Ok(None),
            Some(text) => text.and_then(|text| self.log.parse(text)).map(Some).ok_or(()),
        };
        let pid = pid.as_str().and_then(Pid::parse);
        let Some(session) = pid.and_then(|pid| self.sessions.find(&pid)) else {
            // After a restart neither is known, and the offset tells which it was.
            return Err(offset.map_or(NotRecovered::LogLost, |_| NotRecovered::Unknown));
        };
        if session.namespace != *namespace {
            return Err(NotRecovered::Unknown);
        }
        if session.owner.as_deref() != owner {
            return Err(NotRecovered::UserChanged);
        }
        let (generation, lost) = session.standing().ok_or(NotRecovered::Unknown)?;
        let age = lost.map_or(Duration::ZERO, |lost| lost.elapsed());
        if age > self.options.window {
            return Err(NotRecovered::Expired);
        }
        // A client keeps an offset of the session before this one until its first event.
        let after = offset.map_err(|()| NotRecovered::LogLost)?.unwrap_or(0).max(session.start);
        if !self.log.reaches(after) {
            return Err(NotRecovered::LogLost);
        }
        Ok(Some(Claim { session, generation, after }))
    }

    /// The session's socket has gone, and its client may come back.
    pub(crate) fn lost(&self, session: &Arc<Session>, generation: u64) {
        self.sessions.lost(session, generation, Instant::now());
    }
}

impl fmt::Debug for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recoveries").field("options", &self.options).finish_non_exhaustive()
    }
}
