//! Which replica of a Crier cluster takes events from Node for all of them.
//!
//! Every replica hears every event, and one in the log is enough. The one that holds the lease takes them;
//! the lease runs out unless it is renewed, so that another one follows where the holder dies, and is
//! given back at the end. While nobody holds it (at most [`TTL`], after a death) events from Node are
//! lost, as they are for a Node server that is away. Each holder gets a number of its own, higher than
//! all before: it stands in the log lines of both, so that two holders at one time would be seen.
//!
//! A holder that was paused finds out by its own clock, which goes on meanwhile, before it takes the next
//! event: it believes in its lease for less than the lease lasts, counted from before it was asked for.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_domain::redis::{Redis, RedisError, Script};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Inlet;
use crate::{
    adapter::{BoxFuture, Envelope},
    lock, metrics,
};

/// How long a lease lasts without being renewed.
pub(super) const TTL: Duration = Duration::from_secs(3);
/// How much less its holder believes: clocks differ by less in three seconds.
const MARGIN: Duration = Duration::from_millis(500);
/// How often it is renewed, or asked for.
const EVERY: Duration = Duration::from_secs(1);

/// Takes or renews it: the holder's number, 0 where somebody else has it.
const HOLD: &str = "\
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[2]))
end
if held then return 0 end
local number = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return number";

/// Gives it back, if it still is ours.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// A lease that replicas compete for.
pub(super) struct Lease {
    redis: Redis,
    /// The holder, and the number of the newest one.
    keys: [String; 2],
    who: String,
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    number: u64,
    until: Instant,
}

impl Lease {
    /// A lease of that name, not held yet; `who` is nobody else's.
    pub(super) fn new(redis: Redis, name: &str, who: String) -> Self {
        let keys = ["writer", "number"].map(|key| redis.keys().named(&format!("{name}:{key}")));
        Self { redis, keys, who, held: Mutex::new(None) }
    }

    /// The holder's number, while it is this one.
    pub(super) fn number(&self) -> Option<u64> {
        let held = *lock(&self.held);
        held.filter(|held| Instant::now() < held.until).map(|held| held.number)
    }

    /// Takes it, or renews it, or finds that another one has it.
    pub(super) async fn ask(&self) -> Result<Option<u64>, RedisError> {
        let asked = Instant::now();
        let ttl = TTL.as_millis().to_string();
        let number: u64 =
            self.redis.script(&Script::new(HOLD), &self.keys, &[&self.who, &ttl]).await?;
        let held = (number > 0).then(|| Held { number, until: asked + TTL - MARGIN });
        let before = std::mem::replace(&mut *lock(&self.held), held);
        let (before, now) = (before.map(|held| held.number), held.map(|held| held.number));
        if before != now {
            tracing::info!(?before, ?now, "the lease to take events of Node servers changed");
        }
        Ok(now)
    }

    /// Gives it back.
    pub(super) async fn release(&self) {
        if lock(&self.held).take().is_none() {
            return;
        }
        let [writer, _] = &self.keys;
        let given: Result<u64, _> =
            self.redis.script(&Script::new(RELEASE), &[writer], &[&self.who]).await;
        if let Err(error) = given {
            tracing::debug!(%error, "a lease was not given back; it runs out");
        }
    }

    /// Competes until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = every.tick() => {
                    // What it has it believes in for a while; the log line of the change says the rest.
                    if let Err(error) = self.ask().await {
                        tracing::debug!(%error, "the lease to take events of Node servers");
                    }
                }
            }
        }
        self.release().await;
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("held", &*lock(&self.held)).finish_non_exhaustive()
    }
}

/// Takes events while the lease is held; else another replica does.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) lease: Arc<Lease>,
    pub(super) behind: Arc<dyn Inlet>,
}

impl Inlet for Gate {
    fn take(&self, envelope: Envelope) -> BoxFuture<'_, ()> {
        if self.lease.number().is_none() {
            metrics::node_dropped("not the holder");
            return Box::pin(std::future::ready(()));
        }
        self.behind.take(envelope)
    }
}
