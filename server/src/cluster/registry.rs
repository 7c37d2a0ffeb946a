//! The replicas of one server: who there is, and where the others reach it.

use std::{fmt, future::ready, pin::Pin, sync::Arc};

use crier_protocol::ReplicaTag;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A replica, as its lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// What session ids name it by.
    pub tag: ReplicaTag,
    /// The rest of what it says of itself.
    pub about: About,
}

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `host:port` of its internal listener.
    pub advertise: String,
    /// When it started, in milliseconds since 1970, by its own clock.
    pub started: u64,
    /// The version of the program.
    pub version: String,
    /// It is going down: it has its sessions still, and takes no new ones.
    pub draining: bool,
}

/// A list of replicas that does not change: the next one is another.
pub type Snapshot = Arc<[Replica]>;

/// The future of the object-safe [`Replicas`].
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Option<Arc<str>>> + Send + 'a>>;

/// The replicas of one server, this one among them.
pub trait Replicas: fmt::Debug + Send + Sync {
    /// `host:port` of a replica's internal listener; `None` if there is no such replica. One that is
    /// not known may have come just now and is looked for, which takes a second at most.
    fn address_of(&self, tag: ReplicaTag) -> Lookup<'_>;

    /// Those that are known, as of the last look: leases that have ended since are among them for a
    /// few seconds, or for as long as Redis is away.
    fn all(&self) -> Snapshot {
        self.watch().borrow().clone()
    }

    /// The same, and every change of it.
    fn watch(&self) -> watch::Receiver<Snapshot>;
}

/// Replicas that somebody wrote down: for tests, and for a server alone.
#[derive(Debug)]
pub struct FixedReplicas(watch::Sender<Snapshot>);

impl FixedReplicas {
    /// These replicas.
    pub fn new(replicas: impl IntoIterator<Item = Replica>) -> Self {
        Self(watch::Sender::new(replicas.into_iter().collect()))
    }

    /// From now on these.
    pub fn set(&self, replicas: impl IntoIterator<Item = Replica>) {
        self.0.send_replace(replicas.into_iter().collect());
    }
}

impl Replicas for FixedReplicas {
    fn address_of(&self, tag: ReplicaTag) -> Lookup<'_> {
        Box::pin(ready(find(&self.0.borrow(), tag)))
    }

    fn watch(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }
}

/// The address of a replica in a list.
pub(super) fn find(replicas: &[Replica], tag: ReplicaTag) -> Option<Arc<str>> {
    let replica = replicas.iter().find(|replica| replica.tag == tag)?;
    Some(replica.about.advertise.as_str().into())
}
