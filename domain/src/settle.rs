//! Events that wait until their state has settled: of a store that goes off and on again within
//! seconds, nothing is told but where it ended.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::publish::Publish;

/// Keys that wait at one time. Overflow: the event is sent at once, unsettled.
pub(crate) const WAITING_MAX: usize = 10_000;

/// A state that never settles is told after so many waits, so that it is not silent for ever.
const PATIENCE: u32 = 6;

/// What waits, by key.
#[derive(Clone, Default)]
pub struct Settling(Arc<Mutex<HashMap<String, Waiting>>>);

struct Waiting {
    newest: Publish,
    due: Instant,
    latest: Instant,
}

/// What is to be done with an event.
#[derive(Debug)]
pub enum Settled {
    /// It is sent now.
    Now(Box<Publish>),
    /// It waits under this key; whoever gets this sends what [`Settling::wait`] gives.
    Begun(String),
    /// It took the place of one that waits.
    Replaced,
}

impl Settling {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event that has `settle` and `key`; every other is for now.
    pub fn take(&self, event: Publish) -> Settled {
        let (Some(pause), Some(key)) = (event.settle, event.key.clone()) else {
            return Settled::Now(Box::new(event));
        };
        let now = Instant::now();
        let mut waiting = self.lock();
        let full = waiting.len() >= WAITING_MAX;
        match waiting.entry(key.clone()) {
            Entry::Occupied(mut entry) => {
                let entry = entry.get_mut();
                entry.due = (now + pause).min(entry.latest);
                entry.newest = event;
                Settled::Replaced
            }
            Entry::Vacant(_) if full => Settled::Now(Box::new(event)),
            Entry::Vacant(entry) => {
                let (due, latest) = (now + pause, now + pause.saturating_mul(PATIENCE));
                entry.insert(Waiting { newest: event, due, latest });
                Settled::Begun(key)
            }
        }
    }

    /// Waits until nothing newer of the key has come for its time, or until `stop`.
    pub async fn wait(self, key: String, stop: impl Future<Output = ()>) -> Option<Publish> {
        tokio::pin!(stop);
        loop {
            let due = self.lock().get(&key)?.due;
            let stopped = tokio::select! {
                () = tokio::time::sleep_until(due) => false,
                () = &mut stop => true,
            };
            let mut waiting = self.lock();
            if let Entry::Occupied(entry) = waiting.entry(key.clone())
                && (stopped || entry.get().due <= Instant::now())
            {
                return Some(entry.remove().newest);
            }
        }
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settling({} wait)", self.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use crier_protocol::Namespace;

    use super::*;
    use crate::{
        event::Class,
        publish::{Args, Filter},
    };

    fn event(name: &str) -> Publish {
        let settle = Some(Duration::from_secs(5));
        Publish {
            event: name.to_owned(),
            key: Some("s1".to_owned()),
            settle,
            namespace: Namespace::MAIN,
            args: Args::default(),
            rooms: Vec::new(),
            except: Vec::new(),
            class: Class::Ephemeral,
            volatile: false,
            filter: Filter::default(),
            everyone_up_to: None,
            idempotency: None,
        }
    }

    fn begun(settled: Settled) -> String {
        match settled {
            Settled::Begun(key) => key,
            Settled::Now(_) | Settled::Replaced => panic!("it is the first of its key"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_goes_once_nothing_newer_has_come_for_its_time() {
        let (settling, start) = (Settling::default(), Instant::now());
        let key = begun(settling.take(event("offline")));
        let waited = tokio::join!(settling.clone().wait(key, pending()), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(matches!(settling.take(event("online")), Settled::Replaced));
        });
        assert_eq!(waited.0.unwrap().event, "online");
        assert_eq!(start.elapsed(), Duration::from_secs(8));
        assert!(settling.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_that_never_settles_is_told_all_the_same() {
        let (settling, start) = (Settling::default(), Instant::now());
        let key = begun(settling.take(event("on")));
        let waited = tokio::select! {
            waited = settling.clone().wait(key, pending()) => waited,
            () = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    settling.take(event("off"));
                }
            } => None,
        };
        assert_eq!(waited.unwrap().event, "off");
        assert_eq!(start.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_goes_when_the_server_goes_down() {
        let settling = Settling::default();
        let key = begun(settling.take(event("offline")));
        let stop = tokio::time::sleep(Duration::from_secs(1));
        assert_eq!(settling.wait(key, stop).await.unwrap().event, "offline");
    }

    #[test]
    fn as_many_keys_wait_as_may() {
        let settling = Settling::default();
        let keyed = |n: usize| Publish { key: Some(n.to_string()), ..event("e") };
        for n in 0..WAITING_MAX {
            begun(settling.take(keyed(n)));
        }
        assert!(matches!(settling.take(keyed(WAITING_MAX)), Settled::Now(_)));
        assert!(matches!(settling.take(keyed(0)), Settled::Replaced));
    }
}
