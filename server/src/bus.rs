//! The bus of a single process: what is published goes straight to the sockets here.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use crier_domain::{Bus, BusError, Idempotency, Publish, Published, publish::PublishFuture};
use crier_protocol::socket::Args;

use crate::{io::Io, lock};

/// How long a retry under the same id is recognised (contract, section 8).
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Ids that are remembered. Overflow: publishings that name a new id are refused as overloaded, for an
/// id that was forgotten early would let a retry through twice.
const IDS_MAX: usize = 1_000_000;

/// Publishes into an [`Io`] of the same process.
pub struct LocalBus {
    io: Io,
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
        Self { io, done: Mutex::default() }
    }

    fn publish_now(&self, event: Publish) -> Result<Published, BusError> {
        if let Some(id) = &event.idempotency {
            let mut done = lock(&self.done);
            if let Some(repeated) = done.claim(id, Instant::now())? {
                return Ok(repeated);
            }
        }
        let limits = &self.io.options().limits;
        let sent = match (
            self.io.of(event.namespace.as_str()),
            Args::from_json_array(event.args.as_str(), limits),
        ) {
            (Ok(namespace), Ok(args)) => {
                let mut target = event.rooms.into_iter().fold(namespace.everyone(), |t, r| t.to(r));
                target = event.except.into_iter().fold(target, |t, room| t.except(room));
                if event.volatile {
                    target = target.volatile();
                }
                if let Some(key) = event.key {
                    target = target.latest_only(key);
                }
                target.emit_args(&event.event, args).map_err(|error| error.to_string())
            }
            (Err(error), _) => Err(error.to_string()),
            (_, Err(error)) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            // Both sides check by the same limits, so this is a fault of ours, told once and loudly.
            tracing::error!(event = event.event, error, "an event that was checked cannot be sent");
            return Err(BusError::Unavailable { retry_after: Duration::from_secs(1) });
        }
        Ok(Published { repeated: false })
    }
}

impl Done {
    /// Takes an id for a publishing, or tells that it was taken before.
    fn claim(&mut self, id: &Idempotency, now: Instant) -> Result<Option<Published>, BusError> {
        while let Some((at, _)) = self.in_order.front() {
            if now.saturating_duration_since(*at) < REMEMBERED {
                break;
            }
            if let Some((_, old)) = self.in_order.pop_front() {
                self.by_id.remove(&old);
            }
        }
        match self.by_id.get(&id.key) {
            Some(known) if *known == id.fingerprint => Ok(Some(Published { repeated: true })),
            Some(_) => Err(BusError::Conflict),
            None if self.by_id.len() >= IDS_MAX => {
                Err(BusError::Overloaded { retry_after: Duration::from_secs(60) })
            }
            None => {
                self.by_id.insert(id.key.clone(), id.fingerprint);
                self.in_order.push_back((now, id.key.clone()));
                Ok(None)
            }
        }
    }
}

impl Bus for LocalBus {
    fn publish(&self, event: Publish) -> PublishFuture<'_> {
        Box::pin(std::future::ready(self.publish_now(event)))
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
        assert_eq!(done.claim(&id("a", 1), start), Ok(None));
        assert_eq!(done.claim(&id("a", 1), start), Ok(Some(Published { repeated: true })));
        assert_eq!(done.claim(&id("a", 2), start), Err(BusError::Conflict));
        let next_day = start + REMEMBERED;
        assert_eq!(done.claim(&id("a", 2), next_day), Ok(None));
        assert_eq!(done.in_order.len(), 1);
    }
}
