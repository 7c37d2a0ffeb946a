//! A store to try, its clock, and what came out of it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crier_domain::{
    Args, Class, Clock, Filter, Outlet, Publish, Store,
    redis::{Redis, RedisOptions, RedisStore},
    store::{Claim, Commit, EmbeddedStore, Key, MemoryStore, Record, Write},
};
use crier_protocol::{Limits, Namespace};

use crate::redis::server::Server;

pub(crate) const NOW: u64 = 1_800_000_000_000;

/// A backend to be tried.
pub(crate) struct Rig {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    sent: Out,
    _folder: Option<tempfile::TempDir>,
}

/// Where its events go.
enum Out {
    Outlet(Arc<Sent>),
    /// Into the log that is read again.
    Log {
        redis: Redis,
        _server: Arc<Server>,
    },
}

pub(crate) fn memory() -> Rig {
    let (clock, sent) = (Clock::standing_at(NOW), Arc::new(Sent::default()));
    let store = MemoryStore::new(Arc::clone(&sent) as Arc<dyn Outlet>, clock.clone());
    Rig { store: Arc::new(store), clock, sent: Out::Outlet(sent), _folder: None }
}

pub(crate) fn embedded() -> Rig {
    let (clock, sent) = (Clock::standing_at(NOW), Arc::new(Sent::default()));
    let folder = tempfile::tempdir().unwrap();
    let store =
        EmbeddedStore::open(folder.path(), Arc::clone(&sent) as Arc<dyn Outlet>, clock.clone());
    let store = Arc::new(store.unwrap());
    Rig { store, clock, sent: Out::Outlet(sent), _folder: Some(folder) }
}

/// Over a Redis of its own.
pub(crate) fn redis() -> Rig {
    over(&Arc::new(Server::start(&[])), "crier")
}

/// Over a Redis as it is shipped, as the user that may do no more than Crier does.
pub(crate) fn redis_as_shipped() -> Rig {
    let (server, options) = crate::redis::check::server_of_the_sample_user();
    over_options(&server, options)
}

/// Over a Redis that others use under other prefixes.
pub(crate) fn over(server: &Arc<Server>, prefix: &str) -> Rig {
    over_options(server, server.options(prefix))
}

pub(crate) fn over_options(server: &Arc<Server>, options: RedisOptions) -> Rig {
    let clock = Clock::standing_at(NOW);
    let redis = Redis::new(options).unwrap();
    let (writer, _) = crate::redis::writer(&redis, &clock);
    let sent = Out::Log { redis, _server: Arc::clone(server) };
    Rig { store: Arc::new(RedisStore::new(writer)), clock, sent, _folder: None }
}

impl Rig {
    pub(crate) async fn get(&self, key: &Key) -> Option<Record> {
        self.store.get(key.clone()).await.unwrap()
    }

    pub(crate) async fn value(&self, key: &Key) -> Option<Bytes> {
        self.get(key).await.map(|record| record.value)
    }

    /// The names of the events that went out, in order.
    pub(crate) async fn names(&self) -> Vec<String> {
        match &self.sent {
            Out::Outlet(sent) => sent.names(),
            Out::Log { redis, .. } => {
                let log = crate::redis::log(redis).await;
                log.into_iter().map(|(_, event)| event.event).collect()
            }
        }
    }
}

/// The names of the events that went out, in order.
#[derive(Debug, Default)]
pub(crate) struct Sent(Mutex<Vec<String>>);

impl Sent {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Outlet for Sent {
    fn publish(&self, event: Publish) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.event);
    }
}

pub(crate) fn key(part: &str) -> Key {
    Key::of("things").text(part)
}

pub(crate) fn event(name: &str) -> Publish {
    Publish {
        namespace: Namespace::MAIN,
        event: name.to_owned(),
        args: Args::parse("[1]", &Limits::default()).unwrap(),
        rooms: Vec::new(),
        except: Vec::new(),
        class: Class::Durable,
        key: None,
        volatile: false,
        filter: Filter::default(),
        everyone_up_to: None,
        settle: None,
        idempotency: None,
    }
}

/// A claim for a day.
pub(crate) fn claim(key: &str, fingerprint: u8, answer: &str) -> Claim {
    Claim {
        key: key.to_owned(),
        fingerprint: [fingerprint; 32],
        answer: answer.to_owned().into(),
        expires_at: NOW + 86_400_000,
    }
}

pub(crate) fn writes(writes: impl IntoIterator<Item = Write>) -> Commit {
    Commit { writes: writes.into_iter().collect(), ..Commit::default() }
}
