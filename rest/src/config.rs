//! What an operator sets.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use crier_protocol::Limits;

/// Settings of the sidecar.
#[derive(Clone)]
pub struct SidecarConfig {
    /// Keys that backends may show instead of a token. Default none. Empty ones are ignored: they
    /// would let in whoever sends an empty key.
    pub api_keys: Vec<String>,
    /// Origins that browsers may call from, such as `https://shop.example`, compared exactly.
    /// Default none.
    pub origins: Vec<String>,
    /// Whether `http(s)://localhost`, `127.0.0.1` and `[::1]` are allowed on any port; for listening
    /// on loopback only. Default false.
    pub loopback_origins: bool,
    /// Host names, without port, that count as our own: a page of such a host may call, and where the
    /// list is not empty every other `Host` is refused with 421. Default empty: `Host` is not
    /// looked at.
    pub hosts: Vec<String>,
    /// Bytes of a body with one event. Default 64 KiB; more is 413.
    pub event_bytes_max: usize,
    /// Bytes of the arguments of an event on `/`. Default 64 KiB; more is 413.
    pub payload_bytes_max: usize,
    /// Bytes of a body with a batch. Default 8 MiB; more is 413.
    pub batch_bytes_max: usize,
    /// Bytes of all bodies that are being read or worked on. Default 64 MiB; the newest is refused
    /// with 503.
    pub bodies_bytes_max: usize,
    /// How long a body may take to arrive. Default 30 s; then 408.
    pub body_timeout: Duration,
    /// Calls a second of one key or user, and how many at once. Default 10,000; more is 429. A batch
    /// counts as its events.
    pub events_per_second: NonZeroU32,
    /// Wrong credentials a second from one address (IPv6: one /64) that are answered 401. Default 10,
    /// and as many at once as in five seconds; more is 429.
    pub refusals_per_second: NonZeroU32,
    /// The server's own limits: what a socket may not send, a backend may not either. Default
    /// [`Limits::default`].
    pub limits: Arc<Limits>,
}

impl Default for SidecarConfig {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            origins: Vec::new(),
            loopback_origins: false,
            hosts: Vec::new(),
            event_bytes_max: 64 << 10,
            payload_bytes_max: 64 << 10,
            batch_bytes_max: 8 << 20,
            bodies_bytes_max: 64 << 20,
            body_timeout: Duration::from_secs(30),
            events_per_second: NonZeroU32::MIN.saturating_add(9_999),
            refusals_per_second: NonZeroU32::MIN.saturating_add(9),
            limits: Arc::new(Limits::default()),
        }
    }
}

impl fmt::Debug for SidecarConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SidecarConfig")
            .field("api_keys", &format_args!("{} keys", self.api_keys.len()))
            .field("origins", &self.origins)
            .field("loopback_origins", &self.loopback_origins)
            .field("hosts", &self.hosts)
            .field("event_bytes_max", &self.event_bytes_max)
            .field("payload_bytes_max", &self.payload_bytes_max)
            .field("batch_bytes_max", &self.batch_bytes_max)
            .field("bodies_bytes_max", &self.bodies_bytes_max)
            .field("body_timeout", &self.body_timeout)
            .field("events_per_second", &self.events_per_second)
            .field("refusals_per_second", &self.refusals_per_second)
            .field("limits", &self.limits)
            .finish()
    }
}
