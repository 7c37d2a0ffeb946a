//! The bus of a single process: what is published goes straight to the sockets here.
//!
//! ```text
//!   publish ──▶ DurableBus ── without an id ────────────────────────▶ LocalBus ──▶ sockets
//!                    └─ with an id ──▶ store: claim, on disk ──▶ as the store's Outlet ┘
//! ```

mod audience;
mod durable;

use std::{fmt, time::Duration};

use crier_domain::{
    BusError, Class, Outlet, Publish, Published,
    settle::{Settled, Settling},
};
use crier_protocol::socket::Args;

pub use self::{audience::badge_of, durable::DurableBus};
use crate::{
    adapter::{Envelope, Target},
    io::Io,
};

/// Takes events into an [`Io`] of the same process; it knows nothing of ids.
pub struct LocalBus {
    io: Io,
    settling: Settling,
}

impl LocalBus {
    /// A bus into this server.
    pub fn new(io: Io) -> Self {
        Self { io, settling: Settling::default() }
    }

    /// Sends an event, now or once it has settled.
    ///
    /// # Errors
    /// It cannot be sent, which is a fault of ours and logged.
    pub fn send(&self, event: Publish) -> Result<Published, BusError> {
        match self.settling.take(event) {
            Settled::Now(event) => send(&self.io, *event)?,
            Settled::Replaced => {}
            Settled::Begun(key) => {
                let (io, settling) = (self.io.clone(), self.settling.clone());
                self.io.spawn(async move {
                    if let Some(event) = settling.wait(key, io.stopping()).await {
                        // A fault of ours is logged where it is found.
                        let _ = send(&io, event);
                    }
                });
            }
        }
        Ok(Published { repeated: false })
    }
}

fn send(io: &Io, event: Publish) -> Result<(), BusError> {
    let limits = &io.options().limits;
    let args = Args::from_json_array(event.args.as_str(), limits);
    let sent = args.map_err(|error| error.to_string()).and_then(|args| {
        let few = |max: usize| io.sockets_len(&event.namespace) <= max;
        let rooms = if event.everyone_up_to.is_some_and(few) { Vec::new() } else { event.rooms };
        let target = Target {
            rooms: rooms.into(),
            except: event.except.into(),
            who: audience::who(&event.filter),
            local: false,
        };
        let envelope = Envelope {
            // Not made by this: a namespace that nobody set up has no gate either.
            namespace: event.namespace,
            target,
            event: event.event.as_str().into(),
            args,
            volatile: event.volatile,
            recoverable: event.class != Class::Ephemeral,
            key: event.key.map(Into::into),
        };
        io.publish(envelope).map_err(|error| error.to_string())
    });
    sent.map_err(|error| {
        // Both sides check by the same limits, so this is a fault of ours, told once and loudly.
        tracing::error!(event = event.event, error, "an event that was checked cannot be sent");
        BusError::Unavailable { retry_after: Duration::from_secs(1) }
    })
}

impl Outlet for LocalBus {
    fn publish(&self, event: Publish) {
        // A fault of ours is logged where it is found, and the commit has happened all the same.
        let _ = self.send(event);
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To everyone on `/orders`.
    pub(super) fn event() -> Publish {
        Publish {
            namespace: crier_protocol::Namespace::parse("/orders", 128).unwrap(),
            event: "moved".to_owned(),
            args: crier_domain::Args::default(),
            rooms: Vec::new(),
            except: Vec::new(),
            class: crier_domain::Class::Ephemeral,
            key: None,
            volatile: false,
            filter: crier_domain::Filter::default(),
            everyone_up_to: None,
            settle: None,
            idempotency: None,
        }
    }

    #[test]
    fn publishing_makes_no_namespace_that_nobody_set_up() {
        let io = Io::new(crate::Options::default());
        let bus = LocalBus::new(io.clone());
        assert_eq!(bus.send(event()), Ok(Published { repeated: false }));
        assert_eq!(io.namespaces().len(), 1);
    }
}
