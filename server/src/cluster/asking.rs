//! The way of one replica to ask the others.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use crier_domain::{
    Cluster,
    redis::{
        Redis,
        ask::{Asker, Names, Peers, cluster::RedisCluster},
    },
};
use crier_protocol::ReplicaTag;

use super::{Replicas, Responder};
use crate::{
    adapter::{Hub, redis::HubLine},
    io::Io,
    tasks::Background,
};

/// What a server needs to ask other replicas, and to be asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Where they all are.
    pub redis: Redis,
    /// Who should answer.
    pub replicas: Arc<dyn Replicas>,
}

impl Asking {
    pub(crate) fn asker(&self, tag: ReplicaTag, hub: Weak<dyn Hub>) -> Arc<Asker> {
        let others = Others { replicas: Arc::clone(&self.replicas), own: tag };
        let (redis, line) = (self.redis.clone(), Arc::new(HubLine(hub)));
        Asker::of_replica(redis, tag.as_str().to_owned(), Arc::new(others), line)
    }
}

/// Begins to ask and to answer, for a server that was built with an [`Asking`]; the cluster as services
/// and the sidecar see it. `own` is what they would see of this replica alone, and what is seen where
/// the server is alone.
pub fn start(io: &Io, own: Arc<dyn Cluster>, background: &Background) -> Arc<dyn Cluster> {
    let Some(asker) = io.asker() else { return own };
    let redis = asker.redis().clone();
    let name = asker.replica().unwrap_or_default().to_owned();
    let responder = Responder::new(redis, name, io.clone(), Arc::clone(&own));
    background.spawn("asks of replicas", responder.run());
    background.spawn("answers of replicas", Arc::clone(asker).run());
    Arc::new(RedisCluster::new(Arc::clone(asker), Some(own)))
}

/// Every replica but this one.
struct Others {
    replicas: Arc<dyn Replicas>,
    own: ReplicaTag,
}

impl Peers for Others {
    fn expected(&self) -> Names<'_> {
        let all = self.replicas.all();
        let others = all.iter().filter(|replica| replica.tag != self.own);
        let names = others.map(|replica| replica.tag.as_str().to_owned()).collect();
        Box::pin(std::future::ready(Ok(names)))
    }
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.replicas, f)
    }
}
