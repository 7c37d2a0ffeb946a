//! This process as one replica of several.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crier_domain::redis::{Redis, RedisError, RedisOptions, RedisUrl, RedisUrlError};
use crier_protocol::redis_adapter::Channels;
use tokio::time::{Instant, sleep};

use super::{StartError, backend};
use crate::{
    adapter::node::{NodeLink, NodeMode, NodeSettings},
    cluster::{Asking, JoinError, Leases, Replicas, Seal, registry::About},
    config::{Config, NodeCompat},
    options::Forwarding,
    presence::Presences,
};

/// How long a replica that is not heard of is taken for alive; with the grace after it, the users of
/// one that was killed are gone within half a minute.
const PRESENCE_LEASE: Duration = Duration::from_secs(15);

/// How long a start waits for a Redis that is not there: both may be started together, or again.
const AWAITED: Duration = Duration::from_secs(30);

/// Between two tries to reach it.
const AGAIN: Duration = Duration::from_millis(500);

/// How long one command of Redis may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How Redis is reached; `None` where everything is in this process.
///
/// # Errors
/// The URL cannot be used.
pub(super) fn redis(config: &Config) -> Result<Option<Redis>, RedisUrlError> {
    let Some(url) = &config.redis_url else { return Ok(None) };
    let password = config.redis.password.as_ref();
    let options = RedisOptions {
        url: RedisUrl::parse(url.expose())?,
        username: config.redis.username.clone(),
        password: password.map(|password| password.expose().to_owned()),
        prefix: config.redis.prefix.clone(),
        secrets: config.cluster_secrets().into_iter().map(<[u8]>::to_vec).collect(),
        connections: config.redis.connections,
        timeout: TIMEOUT,
    };
    Redis::new(options).map(Some)
}

/// How Node servers and emitters on that Redis are spoken with; `None` where nobody is let in.
pub(super) fn node(config: &Config, redis: &Redis) -> Option<NodeLink> {
    let cluster = &config.cluster;
    let mode = match cluster.node_compat {
        NodeCompat::Off if !cluster.emitter => return None,
        NodeCompat::Off => NodeMode::Off,
        NodeCompat::Classic => NodeMode::Classic,
        NodeCompat::Sharded => NodeMode::Sharded(cluster.node_subscription_mode),
    };
    // What the configuration takes for a prefix is one here too.
    let channels = Channels::new(&cluster.node_prefix)?;
    let settings = NodeSettings {
        mode,
        emitter: cluster.emitter,
        timeout: cluster.node_timeout,
        specific_responses: cluster.node_specific_responses,
        channels,
    };
    Some(NodeLink { settings, redis: redis.clone(), several: true })
}

/// This process's place among several, where there is a Redis: checked, and with a lease.
///
/// # Errors
/// There is none to be had.
pub(super) async fn replica(
    config: &Config,
    redis: Option<Redis>,
    internal: SocketAddr,
) -> Result<Option<(Redis, Arc<Leases>)>, StartError> {
    let Some(redis) = redis else { return Ok(None) };
    let until = Instant::now() + AWAITED;
    let leases = loop {
        match join(config, redis.clone(), internal).await {
            Err(StartError::Lease(JoinError::Redis(error @ RedisError::Unavailable { .. })))
                if Instant::now() < until =>
            {
                tracing::warn!(%error, "waiting for Redis");
                sleep(AGAIN).await;
            }
            joined => break joined?,
        }
    };
    backend::check(&redis).await?;
    Ok(Some((redis, leases)))
}

/// Takes a lease, under which others find this replica's internal listener.
///
/// # Errors
/// There is none to be had.
async fn join(
    config: &Config,
    redis: Redis,
    internal: SocketAddr,
) -> Result<Arc<Leases>, StartError> {
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let about = About {
        advertise: config.advertise.clone().unwrap_or_else(|| internal.to_string()),
        started: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        draining: false,
    };
    let advertise = about.advertise.clone();
    let leases = Leases::join(redis, about).await?;
    tracing::info!(tag = leases.tag().as_str(), advertise, "this replica has its lease");
    Ok(leases)
}

/// Requests for the sessions of others go to them.
pub(super) fn forwarding(config: &Config, leases: &Arc<Leases>) -> Forwarding {
    Forwarding {
        tag: leases.tag(),
        replicas: Arc::clone(leases) as Arc<dyn Replicas>,
        seal: Arc::new(Seal::new(config.cluster_secrets())),
    }
}

/// Questions about the sockets of all replicas go to them.
pub(super) fn asking(redis: &Redis, leases: &Arc<Leases>) -> Asking {
    Asking { redis: redis.clone(), replicas: Arc::clone(leases) as Arc<dyn Replicas> }
}

/// Who is there, over all replicas.
pub(super) fn presence(config: &Config, redis: &Redis, leases: &Arc<Leases>) -> Presences {
    Presences::shared(redis, leases.tag().as_str(), PRESENCE_LEASE, config.presence.grace)
}
