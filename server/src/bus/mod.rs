//! The bus of a single process: what is published goes straight to the sockets here.

mod audience;
mod settle;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use crier_domain::{
    Bus, BusError, Idempotency, Outlet, Publish, Published, publish::PublishFuture,
};
use crier_protocol::socket::Args;

pub use self::audience::badge_of;
use self::settle::{Settled, Settling};
use crate::{
    adapter::{Envelope, Target},
    io::Io,
    lock,
};

/// How long a retry under the same id is recognised (contract, section 8).
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Ids that are remembered. Overflow: the oldest is forgotten before its day is over, and counted; a
/// retry comes within seconds, while refusing new ids would stop every backend until the next day.
const IDS_MAX: usize = 1_000_000;

/// Publishes into an [`Io`] of the same process.
pub struct LocalBus {
    io: Io,
    settling: Settling,
    done: Mutex<Done>,
}

/// What was published under an id in the last 24 hours.
#[derive(Default)]
struct Done {
    by_id: HashMap<String, [u8; 32]>,
    in_order: VecDeque<(Instant, String)>,
}

impl LocalBus {
    /// A bus into this server.
    pub fn new(io: Io) -> Self {
        Self { io, settling: Settling::default(), done: Mutex::default() }
    }

    fn publish_now(&self, event: Publish) -> Result<Published, BusError> {
        let Some(id) = event.idempotency.clone() else {
            return self.send(event);
        };
        // Held to the end, which nothing in here waits for: of two at once, one is sent, and an id
        // counts as used only when its event went out.
        let mut done = lock(&self.done);
        let now = Instant::now();
        if let Some(repeated) = done.find(&id, now)? {
            return Ok(repeated);
        }
        let published = self.send(event)?;
        done.remember(id, now);
        Ok(published)
    }

    /// Sends an event, now or once it has settled.
    fn send(&self, event: Publish) -> Result<Published, BusError> {
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

impl Done {
    /// What was published under an id, if anything.
    fn find(&mut self, id: &Idempotency, now: Instant) -> Result<Option<Published>, BusError> {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= REMEMBERED;
        while self.in_order.front().is_some_and(|(at, _)| is_old(at)) {
            self.forget_oldest();
        }
        match self.by_id.get(&id.key) {
            Some(known) if *known == id.fingerprint => Ok(Some(Published { repeated: true })),
            Some(_) => Err(BusError::Conflict),
            None => Ok(None),
        }
    }

    fn remember(&mut self, id: Idempotency, now: Instant) {
        if self.by_id.len() >= IDS_MAX {
            self.forget_oldest();
            crate::metrics::forgot_id();
        }
        self.by_id.insert(id.key.clone(), id.fingerprint);
        self.in_order.push_back((now, id.key));
    }

    fn forget_oldest(&mut self) {
        if let Some((_, old)) = self.in_order.pop_front() {
            self.by_id.remove(&old);
        }
    }
}

impl Bus for LocalBus {
    fn publish(&self, event: Publish) -> PublishFuture<'_> {
        Box::pin(std::future::ready(self.publish_now(event)))
    }
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

    fn id(key: &str, body: u8) -> Idempotency {
        Idempotency { key: key.to_owned(), fingerprint: [body; 32] }
    }

    #[test]
    fn a_retry_is_recognised_for_a_day_and_another_body_is_a_conflict() {
        let (mut done, start) = (Done::default(), Instant::now());
        assert_eq!(done.find(&id("a", 1), start), Ok(None));
        done.remember(id("a", 1), start);
        assert_eq!(done.find(&id("a", 1), start), Ok(Some(Published { repeated: true })));
        assert_eq!(done.find(&id("a", 2), start), Err(BusError::Conflict));
        let next_day = start + REMEMBERED;
        assert_eq!(done.find(&id("a", 2), next_day), Ok(None));
        assert_eq!(done.in_order.len(), 0);
    }

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
        let event = Publish { idempotency: Some(id("a", 1)), ..event() };
        assert_eq!(bus.publish_now(event.clone()), Ok(Published { repeated: false }));
        assert_eq!(bus.publish_now(event), Ok(Published { repeated: true }));
        assert_eq!(io.namespaces().len(), 1);
    }
}
