//! The sidecar as a process of its own: everything it needs, in Redis.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use crier_domain::{
    Bus, Catalogue, Clock, Cluster, Verifier,
    redis::{
        Redis, RedisBus, RedisStore, Writer,
        ask::{Asker, Leased, cluster::RedisCluster},
        cmd,
    },
    service::{Deps, Services, limits::UserLimits},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinSet, time::interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    StartError, backend, cluster,
    given::{catalogue, http_limits, keys, settings, verifier_options},
    listen::listen,
    until_stopped,
};
use crate::{
    config::Config,
    http::{
        Answers, accept,
        internal::{self, Readiness},
    },
    io::random,
    rules,
    tasks::Background,
};

/// How often it is looked whether Redis is there.
const LOOK: Duration = Duration::from_secs(1);

/// A sidecar that is bound to its addresses and not yet running.
pub struct Apart {
    /// Takes what is published, to Redis.
    pub bus: Arc<dyn Bus>,
    /// The sockets of all replicas, by asking them.
    pub cluster: Arc<dyn Cluster>,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// What may be published.
    pub catalogue: Arc<Catalogue>,
    /// What the shop does.
    pub services: Arc<Services>,
    /// Whether Redis is there.
    pub ready: Readiness,
    /// Where calls are answered.
    pub rest: SocketAddr,
    /// Health and metrics.
    pub internal: SocketAddr,
    /// Work beside the calls, ended with them.
    pub background: Background,
    redis: Redis,
    config: Config,
    prometheus: PrometheusHandle,
    listeners: (TcpListener, TcpListener),
    /// What writes to Redis: it ends after everything that asks it to.
    writing: (TaskTracker, CancellationToken),
}

impl Apart {
    /// Reads keys, looks whether Redis can be used, and takes the addresses; nothing is answered yet.
    /// While Redis cannot be reached the process starts all the same, and is not ready.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let Some(redis) = cluster::redis(&config)? else {
            let reason = "not set: apart from `crier`, the sidecar publishes through Redis";
            return Err(StartError::Missing { setting: "redis_url", reason });
        };
        let Some(asked) = config.rest_listen else {
            let reason = "off, and there is nothing else that `crier-rest` does";
            return Err(StartError::Missing { setting: "rest_listen", reason });
        };
        let verifier = Arc::new(Verifier::new(keys(&config)?, verifier_options(&config)));
        backend::check(&redis).await?;
        let listeners = (
            listen("rest_listen", asked).await?,
            listen("internal_listen", config.internal_listen).await?,
        );
        let local = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let rest = local(&listeners.0, asked);
        let internal = local(&listeners.1, config.internal_listen);
        let catalogue = Arc::new(catalogue(&config));
        let (clock, background) = (Clock::system(), Background::default());
        let asker = Asker::new(redis.clone(), name(), Arc::new(Leased::new(redis.clone())), None);
        background.spawn("answers of replicas", Arc::clone(&asker).run());
        let cluster = Arc::new(RedisCluster::new(asker, None)) as Arc<dyn Cluster>;
        let (writer, work) = Writer::new(
            redis.clone(),
            backend::writer_options(&config, ""),
            clock.clone(),
            Arc::clone(&cluster),
        );
        let writing = (TaskTracker::new(), CancellationToken::new());
        writing.0.spawn(work.run(writing.1.clone().cancelled_owned()));
        let bus = Arc::new(RedisBus::new(writer.clone())) as Arc<dyn Bus>;
        let deps = Deps {
            store: Arc::new(RedisStore::new(writer)),
            clock: clock.clone(),
            cluster: Arc::clone(&cluster),
            limits: Arc::new(UserLimits::new(&rules::per_minute(&config))),
        };
        let services = Arc::new(Services::with(deps, settings(&config)?));
        let prometheus = PrometheusBuilder::new()
            .install_recorder()
            .map_err(|error| StartError::Metrics(error.to_string()))?;
        let ready = Readiness::default();
        Ok(Self {
            bus,
            cluster,
            verifier,
            catalogue,
            services,
            ready,
            rest,
            internal,
            background,
            redis,
            config,
            prometheus,
            listeners,
            writing,
        })
    }

    /// Answers until `stop`, then finishes the calls that are under way.
    ///
    /// # Errors
    /// A listener broke.
    pub async fn run(self, answers: Answers, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { redis, config, prometheus, listeners, ready, background, writing, .. } = self;
        let limits = http_limits(&config);
        let (calls, internal) = (CancellationToken::new(), CancellationToken::new());
        let _stops_what_is_left = internal.clone().drop_guard();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept::run(listeners.0, answers, limits.clone(), calls.clone()));
        let health =
            internal::handler(None, ready.clone(), prometheus.clone(), config.origin_policy());
        tasks.spawn(accept::run(listeners.1, health, limits, internal.clone()));
        let (looked, until) = (ready.clone(), calls.clone());
        tasks.spawn(async move {
            until.run_until_cancelled(look(redis, looked.clone())).await;
            looked.set(false);
            Ok(())
        });
        let upkeep = internal.clone();
        tasks.spawn(async move {
            let mut every = interval(Duration::from_secs(5));
            while upkeep.run_until_cancelled(every.tick()).await.is_some() {
                prometheus.run_upkeep();
            }
            Ok(())
        });
        let result = until_stopped(&mut tasks, stop).await;
        ready.set(false);
        calls.cancel();
        let drained = tokio::time::timeout(config.shutdown.drain, async {
            // The calls and the look first; then health and upkeep, which go on until they are told, and
            // what wrote for the calls.
            while tasks.len() > 2 && tasks.join_next().await.is_some() {}
            internal.cancel();
            while tasks.join_next().await.is_some() {}
            background.stop().await;
            writing.0.close();
            writing.1.cancel();
            writing.0.wait().await;
        })
        .await;
        if drained.is_err() {
            tracing::warn!("not everything had ended when the time to drain was over");
        }
        result
    }
}

/// What this process is called when it asks: no replica's name, which are shorter.
fn name() -> String {
    let bytes: [u8; 12] = random();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("rest-{hex}")
}

/// Says, for as long as the process runs, whether Redis answers.
async fn look(redis: Redis, ready: Readiness) {
    let mut every = interval(LOOK);
    loop {
        every.tick().await;
        let answer: Result<String, _> = redis.query(&cmd("PING")).await;
        if answer.is_ok() != ready.get() {
            tracing::info!(ready = answer.is_ok(), "Redis answers or not");
        }
        ready.set(answer.is_ok());
    }
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart").field("rest", &self.rest).finish_non_exhaustive()
    }
}
