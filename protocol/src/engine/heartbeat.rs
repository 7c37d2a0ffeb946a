//! The server's pings and the wait for their pongs.

use std::time::Instant;

use crate::Limits;

/// One timer, whatever the peer sends.
///
/// ```text
///            ping_interval is over: send a ping
///     Idle ────────────────────────────────────▶ Waiting ──▶ ping_timeout is over: dead
///       ▲                                         │  ▲ │
///       └───────────────── pong ──────────────────┘  └─┘ first other packet: ping_timeout starts again
/// ```
///
/// It belongs to the session and knows no transport: an upgrade changes nothing (`engine.io` 6.6.11
/// cancels a running wait at an upgrade and never takes it up again, so that such a session cannot
/// time out; `lib/socket.ts`, `clearTransport`).
#[derive(Debug)]
pub(super) struct Heartbeat {
    phase: Phase,
    unsolicited_pongs: u32,
}

#[derive(Debug)]
enum Phase {
    Idle { ping_at: Instant },
    Waiting { deadline: Instant, refreshed: bool },
}

/// What a deadline brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Dead,
}

impl Heartbeat {
    /// Starts with the open packet.
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let ping_at = now + limits.ping_interval;
        Self { phase: Phase::Idle { ping_at }, unsolicited_pongs: 0 }
    }

    /// When [`Heartbeat::on_timeout`] is due.
    pub(super) fn due(&self) -> Instant {
        match self.phase {
            Phase::Idle { ping_at } => ping_at,
            Phase::Waiting { deadline, .. } => deadline,
        }
    }

    /// The time is `now`; `None` if nothing is due.
    pub(super) fn on_timeout(&mut self, limits: &Limits, now: Instant) -> Option<Beat> {
        let due = self.due();
        if now < due {
            return None;
        }
        if let Phase::Waiting { .. } = self.phase {
            return Some(Beat::Dead);
        }
        // The wait counts from when the ping was due, so that small delays do not add up and a silent
        // session is gone ping_interval + ping_timeout after its open packet. But where the ping
        // itself comes far too late it was we who slept (a stopped process, a suspended machine), and
        // then the peer has its full time, or all sessions would die at once.
        let late = now.saturating_duration_since(due);
        let from = if late < limits.ping_timeout / 2 { due } else { now };
        self.phase = Phase::Waiting { deadline: from + limits.ping_timeout, refreshed: false };
        Some(Beat::Ping)
    }

    /// A pong. The next ping comes ping_interval after it; one that nobody asked for is counted only.
    pub(super) fn on_pong(&mut self, limits: &Limits, now: Instant) {
        match self.phase {
            Phase::Idle { .. } => self.unsolicited_pongs = self.unsolicited_pongs.saturating_add(1),
            Phase::Waiting { .. } => {
                let ping_at = now + limits.ping_interval;
                self.phase = Phase::Idle { ping_at };
            }
        }
    }

    /// Any other packet. It shows life while a long message holds up the pong behind it, once for
    /// each ping (`engine.io` 6.6.11 `lib/socket.ts`, `hasRefreshedPingTimeout`).
    pub(super) fn on_other_packet(&mut self, limits: &Limits, now: Instant) {
        if let Phase::Waiting { deadline, refreshed } = &mut self.phase
            && !*refreshed
        {
            *deadline = now + limits.ping_timeout;
            *refreshed = true;
        }
    }

    /// Pongs that answered no ping.
    pub(super) fn unsolicited_pongs(&self) -> u32 {
        self.unsolicited_pongs
    }
}
