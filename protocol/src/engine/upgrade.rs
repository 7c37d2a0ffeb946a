//! The websocket that wants to take over a polling session.

use std::time::{Duration, Instant};

use crate::Limits;

/// How long a GET is held while a probed websocket waits for it to end (`engine.io` 6.6.11
/// `lib/socket.ts`, `_maybeUpgrade`).
///
/// The client sends its `5` only when its last GET has come back, so holding that GET until the next
/// message would hold up the upgrade. The delay lets a message that is on its way end the GET instead.
pub(super) const NOOP_DELAY: Duration = Duration::from_millis(100);

/// An upgrade under way, from the websocket's opening to its `5`.
///
/// ```text
///   client                                     server
///     │ websocket with the session's sid         │
///     ├─────────────────────────────────────────▶│  nothing is sent; upgrade_timeout starts
///     │ 2probe                                   │
///     ├─────────────────────────────────────────▶│
///     │                                   3probe │
///     │◀─────────────────────────────────────────┤
///     │            6, to every GET held NOOP_DELAY│
///     │◀─────────────────────────────────────────┤
///     │ 5                                        │
///     ├─────────────────────────────────────────▶│  the websocket is the transport
/// ```
///
/// Until the `5`, the session is a polling session in every way.
#[derive(Debug)]
pub(super) struct Upgrade {
    deadline: Instant,
    probed: bool,
    /// When the held GET is answered with a noop; only after the probe, and only if one is held.
    noop_at: Option<Instant>,
}

impl Upgrade {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            deadline: now + limits.upgrade_timeout,
            probed: false,
            noop_at: None,
        }
    }

    /// The probe was answered. It may come again, which changes nothing.
    pub(super) fn on_probe(&mut self, poll_held: bool, now: Instant) {
        self.probed = true;
        if poll_held && self.noop_at.is_none() {
            self.noop_at = Some(now + NOOP_DELAY);
        }
    }

    /// A GET is held from now.
    pub(super) fn on_poll_held(&mut self, now: Instant) {
        if self.probed {
            self.noop_at = Some(now + NOOP_DELAY);
        }
    }

    /// The held GET has been answered.
    pub(super) fn on_poll_answered(&mut self) {
        self.noop_at = None;
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        self.noop_at
            .map_or(self.deadline, |noop| noop.min(self.deadline))
    }

    /// Whether the held GET is to be answered with a noop.
    pub(super) fn is_noop_due(&self, now: Instant) -> bool {
        self.noop_at.is_some_and(|at| at <= now)
    }

    /// Whether the time for the `5` is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now
    }
}
