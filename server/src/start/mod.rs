//! From a configuration to a running server.

mod apart;
mod backend;
mod cluster;
mod given;
mod listen;

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crier_domain::{
    AuthMode, Bus, Catalogue, Clock, Cluster, KeyError, Membership, Policy, Verifier,
    redis::RedisUrlError,
    service::{Deps, Services, attachments::PlaceError, limits::UserLimits},
    store::OpenError,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::{apart::Apart, listen::Addresses};
use self::{
    backend::{Backend, Way, shared},
    given::{catalogue, http_limits, internal_limits, keys, options, settings, verifier_options},
    listen::Listeners,
};
use crate::{
    apps::{self, Audience},
    auth::{Expiry, Gate, Roster},
    cluster::{JoinError as LeaseError, Leases, LocalCluster, asking},
    config::Config,
    http::{
        Answers, accept,
        internal::{self, Readiness},
        site::{Also, Site},
    },
    io::Io,
    options::Options,
    pages::{
        Pages,
        client::{ClientError, ClientFiles},
    },
    presence::Presences,
    rules,
    tasks::Background,
    upkeep,
};

/// What can stop a server from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{setting}: cannot listen on {address}: {error}")]
    Listen {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A key cannot be used.
    #[error("auth: {0}")]
    Key(#[from] KeyError),
    /// A file that a setting names cannot be read.
    #[error("{setting}: {}: {error}", path.display())]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The client's files cannot be served.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The folder of the stores cannot be used, or is used by another process.
    #[error("data_dir: {0}")]
    Store(#[from] OpenError),
    /// A setting that this program cannot do without.
    #[error("{setting}: {reason}")]
    Missing {
        /// The setting.
        setting: &'static str,
        /// Why it is needed.
        reason: &'static str,
    },
    /// Where attachments are cannot be used.
    #[error("attachments: {0}")]
    Attachments(#[from] PlaceError),
    /// Redis cannot be used.
    #[error("redis_url: {0}")]
    Redis(#[from] RedisUrlError),
    /// This replica is not one of the cluster's.
    #[error("redis_url: {0}")]
    Lease(#[from] LeaseError),
    /// Redis is set up so that nothing can go on with it.
    #[error("redis_url: {0}")]
    UnsafeRedis(String),
    /// Metrics are recorded elsewhere already.
    #[error("metrics: {0}")]
    Metrics(String),
}

/// A server that is bound to its addresses and not yet running.
#[derive(Debug)]
pub struct Server {
    /// The bus that the sidecar publishes into.
    pub bus: Arc<dyn Bus>,
    /// The sockets of all replicas.
    pub cluster: Arc<dyn Cluster>,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// What may be published.
    pub catalogue: Arc<Catalogue>,
    /// What the shop does.
    pub services: Arc<Services>,
    /// Whether new clients are welcome.
    pub ready: Readiness,
    /// The addresses that were got.
    pub addresses: Addresses,
    io: Io,
    backend: Backend,
    config: Config,
    prometheus: PrometheusHandle,
    client: ClientFiles,
    listeners: Listeners,
    leases: Option<Arc<Leases>>,
    presence: Presences,
    /// Work beside the sessions, ended with them.
    pub background: Background,
}

impl Server {
    /// Reads keys and files and takes the addresses; nothing is answered yet.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        if config.rest.outbox && config.redis_url.is_none() {
            let reason =
                "on, and there is no redis_url: without Redis there is nothing to wait for";
            return Err(StartError::Missing { setting: "rest_outbox", reason });
        }
        let verifier = Arc::new(Verifier::new(keys(&config)?, verifier_options(&config)));
        let client = ClientFiles::load(config.client_dist.as_deref())?;
        let redis = cluster::redis(&config)?;
        let node = redis.as_ref().and_then(|redis| cluster::node(&config, redis));
        // First the addresses, of which the lease says one.
        let (listeners, addresses) = Listeners::bind(&config).await?;
        let (replica, way) =
            (cluster::replica(&config, redis, addresses.internal).await?, Arc::<Way>::default());
        let forwarding = replica.as_ref().map(|(_, leases)| cluster::forwarding(&config, leases));
        let shared = replica.as_ref().map(|(redis, leases)| shared(redis, leases.tag(), &way));
        let asking = replica.as_ref().map(|(redis, leases)| cluster::asking(redis, leases));
        let io = Io::new(Options { forwarding, shared, asking, node, ..options(&config) });
        let mode = config.auth.mode;
        let development = config.auth.keys.is_development();
        let catalogue = Arc::new(catalogue(&config));
        let (clock, roster) = (Clock::system(), Roster::default());
        let background = Background::default();
        let presence = match &replica {
            None => Presences::new(config.presence.grace, &clock),
            Some((redis, leases)) => cluster::presence(&config, redis, leases),
        };
        let here = LocalCluster::new(io.clone(), roster.clone(), presence.clone());
        // Those of all replicas, where there are others to ask.
        let cluster = asking::start(&io, Arc::new(here), &background);
        let backend = match &replica {
            None => Backend::embedded(&config, &io, &clock)?,
            Some((redis, leases)) => {
                let (here, asked) = ((&io, &clock), Arc::clone(&cluster));
                let redis = (redis, leases.tag());
                Backend::over_redis(&config, redis, &way, here, asked, &background)
            }
        };
        let bus = Arc::clone(&backend.bus);
        let deps = Deps {
            store: Arc::clone(&backend.store),
            clock: clock.clone(),
            cluster: Arc::clone(&cluster),
            limits: Arc::new(UserLimits::new(&rules::per_minute(&config))),
        };
        let services = Arc::new(Services::with(deps, settings(&config)?));
        if development && let Err(error) = services.products.plant_examples().await {
            tracing::error!(%error, "the example products are not there");
        }
        let gate = Gate::new(
            Arc::clone(&verifier),
            Arc::clone(&services),
            mode,
            config.auth.query_token,
            config.apps.iter().copied().collect(),
        );
        let membership = Arc::clone(&services) as Arc<dyn Membership>;
        let policy = Policy::new(
            config.rooms.policy.clone(),
            development || mode == AuthMode::Off,
            membership,
        );
        background.spawn("uploads", sweep_uploads(Arc::clone(&services)));
        apps::install(
            &io,
            apps::Context {
                gate,
                policy,
                catalogue: Arc::clone(&catalogue),
                bus: Arc::clone(&bus),
                services: Arc::clone(&services),
                roster,
                expiry: Expiry::new(clock.clone()),
                presence: presence.clone(),
                presence_audience: Audience::new(config.presence.audience),
                clock,
                payload_max: config.socket.event_payload_max,
                background: background.clone(),
            },
        );
        upkeep::start(&background, &services);
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
            addresses,
            io,
            backend,
            config,
            prometheus,
            client,
            listeners,
            leases: replica.map(|(_, leases)| leases),
            presence,
            background,
        })
    }

    /// Answers until `stop`, then drains: no new sessions, `disconnected` to those on `/`, transports
    /// closed in batches so that the clients come back one after the other, requests finished.
    ///
    /// `sidecar` is what `/api/*` and the sidecar's own address answer with.
    ///
    /// # Errors
    /// A listener broke.
    pub async fn run(
        self,
        sidecar: Option<Also>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Self {
            io,
            backend,
            config,
            prometheus,
            client,
            listeners,
            leases,
            presence,
            ready,
            background,
            ..
        } = self;
        let limits = http_limits(&config);
        let origins = config.origin_policy();
        let development = config.auth.keys.is_development();
        let site = Site {
            io: io.clone(),
            pages: Pages::new(&config.socket.path, development),
            client,
            origins: origins.clone(),
            development,
            also: sidecar.clone(),
        };
        let mut tasks = JoinSet::new();
        let stopped = CancellationToken::new();
        let _stops_what_is_left = stopped.clone().drop_guard();
        let mut serve = |listener, answers: Answers| {
            tasks.spawn(accept::run(listener, answers, limits.clone(), stopped.clone()));
        };
        serve(listeners.sockets, site.into_answers());
        if let (Some(listener), Some(sidecar)) = (listeners.rest, sidecar) {
            serve(listener, sidecar.answers);
        }
        let metrics =
            internal::handler(Some(io.clone()), ready.clone(), prometheus.clone(), origins);
        // Alive to the end, so that whoever watches sees the drain.
        let internal = CancellationToken::new();
        let limits = internal_limits(&config);
        tasks.spawn(accept::run(listeners.internal, metrics, limits, internal.clone()));
        if let Some(leases) = leases.clone() {
            // Held to the end: until then its sessions are here, and nowhere else.
            let end = internal.clone();
            tasks.spawn(async move {
                leases.run(end).await;
                Ok(())
            });
        }
        let upkeep = stopped.clone();
        tasks.spawn(async move {
            // The exporter asks for this call, to let go of what it has folded in.
            let mut every = tokio::time::interval(Duration::from_secs(5));
            while upkeep.run_until_cancelled(every.tick()).await.is_some() {
                prometheus.run_upkeep();
            }
            Ok(())
        });
        ready.set(true);
        let mut result = until_stopped(&mut tasks, stop).await;
        ready.set(false);
        if let Err(error) = &result {
            tracing::error!(%error, "a listener broke; draining");
        }
        // The rest is for closing the store, and for what the sidecar has begun.
        let drain = config.shutdown.drain * 9 / 10;
        let drained = tokio::time::timeout(drain, async {
            if let Some(leases) = &leases {
                leases.drain().await;
            }
            // Half of the time to move the sessions away, a quarter for clients that do not fetch their
            // goodbye, the rest for what they leave behind and for requests that are under way.
            if tokio::time::timeout(drain * 3 / 4, io.close(drain / 2)).await.is_err() {
                tracing::info!("some clients did not fetch their goodbye");
            }
            backend.settle(&io).await;
            background.stop().await;
            presence.goodbye().await;
            stopped.cancel();
            internal.cancel();
            while let Some(ended) = tasks.join_next().await {
                let ended = how(ended);
                if result.is_ok() {
                    result = ended;
                }
            }
        })
        .await;
        if drained.is_err() {
            tracing::warn!("not everything had ended when the time to drain was over");
        }
        // Last: what was asked for until now is on disk, and the next process finds the file closed.
        if tokio::time::timeout(LAST_MAX, backend.close()).await.is_err() {
            tracing::warn!("not everything that was asked for was done before the end");
        }
        result
    }
}

/// Waits for `stop`, or for a listener to end, which none does by itself.
async fn until_stopped(
    listening: &mut JoinSet<io::Result<()>>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::select! {
        () = stop => Ok(()),
        Some(ended) = listening.join_next() => {
            how(ended).and_then(|()| Err(io::Error::other("a listener ended")))
        }
    }
}

fn how(ended: Result<io::Result<()>, JoinError>) -> io::Result<()> {
    ended.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

/// Removes, for as long as the server runs, what was uploaded for messages that never came.
async fn sweep_uploads(services: Arc<Services>) {
    let mut every = tokio::time::interval(SWEEP_UPLOADS);
    loop {
        every.tick().await;
        match services.attachments.sweep().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "uploads that no message came for"),
            Err(error) => tracing::warn!(%error, "uploads cannot be swept now"),
        }
    }
}

/// How long the store may take to end.
const LAST_MAX: Duration = Duration::from_secs(10);

/// Between two sweeps of uploads.
const SWEEP_UPLOADS: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::config::MapVars;

    #[tokio::test]
    async fn a_listener_that_ends_ends_the_server() {
        for (name, expected) in
            [("breaks", "out of order"), ("panics", "panicked"), ("returns", "a listener ended")]
        {
            let mut listening = JoinSet::new();
            listening.spawn(pending::<io::Result<()>>());
            listening.spawn(async move {
                match name {
                    "breaks" => Err(io::Error::other("out of order")),
                    "panics" => panic!("a bug"),
                    _ => Ok(()),
                }
            });
            let error = until_stopped(&mut listening, pending()).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn listeners_that_live_are_stopped() {
        let mut listening = JoinSet::new();
        listening.spawn(pending::<io::Result<()>>());
        assert!(until_stopped(&mut listening, ready(())).await.is_ok());
    }

    #[tokio::test]
    async fn an_outbox_needs_a_bus_that_can_be_away() {
        let flags = [("rest_outbox".to_owned(), "on".to_owned())];
        let config = Config::parse(&MapVars::default(), None, &flags).unwrap();
        match Server::bind(config).await {
            Err(StartError::Missing { setting, .. }) => assert_eq!(setting, "rest_outbox"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_load_balancer_may_keep_its_connections() {
        let flags = [("http.connections_per_ip".to_owned(), "5".to_owned())];
        let config = Config::parse(&MapVars::default(), None, &flags).unwrap();
        assert_eq!(http_limits(&config).connections_per_address, 0);
        assert_eq!(options(&config).unauthenticated_per_address, 5);
    }
}
