//! The whole of it as one value: a request in, an answer out.

use std::{fmt, net::IpAddr, num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use crier_domain::{Bus, Catalogue, Cluster, Verifier, service::Services};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::reply::Reply;

use crate::{
    access::{self, ApiKeys, Caller, Who},
    body::Bodies,
    config::SidecarConfig,
    documents::Documents,
    error::ApiError,
    origin::{self, Origins},
    rate::{self, Rate},
    routes,
    table::{Access, Table},
};

/// What can go wrong while an answer's body is sent.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type BoxBody = http_body_util::combinators::BoxBody<Bytes, BoxError>;

/// The sidecar. Cheap to clone: all clones share limits and state.
#[derive(Clone)]
pub struct Sidecar {
    origins: Arc<Origins>,
    table: Arc<Table>,
    routes: routes::Routes,
    tasks: TaskTracker,
}

/// What a sidecar is built on.
#[derive(Clone)]
pub struct Parts {
    /// Takes what is published.
    pub bus: Arc<dyn Bus>,
    /// The sockets of all replicas.
    pub cluster: Arc<dyn Cluster>,
    /// What the shop does.
    pub services: Arc<Services>,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// What may be published.
    pub catalogue: Arc<Catalogue>,
    /// What `/readyz` answers.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What the routes work with.
pub(crate) struct State {
    pub(crate) config: SidecarConfig,
    pub(crate) parts: Parts,
    pub(crate) bodies: Bodies,
    pub(crate) documents: Documents,
    api_keys: ApiKeys,
    events: Rate<Caller>,
    refusals: Rate<IpAddr>,
}

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Sidecar {
    /// A sidecar over these parts.
    pub fn new(config: SidecarConfig, parts: Parts) -> Self {
        let origins = Arc::new(Origins::new(&config));
        let refusals = config.refusals_per_second;
        let five = NonZeroU32::MIN.saturating_add(4);
        let operations = routes::operations();
        let state = State {
            bodies: Bodies::new(&config),
            documents: Documents::new(&operations, &parts.catalogue),
            api_keys: ApiKeys::new(&config.api_keys),
            events: Rate::new(config.events_per_second, config.events_per_second),
            refusals: Rate::new(refusals, refusals.saturating_mul(five)),
            config,
            parts,
        };
        let table = Arc::new(Table::new(operations));
        let routes = routes::filter(Arc::clone(&table), Arc::new(state));
        Self { origins, table, routes, tasks: TaskTracker::new() }
    }

    /// Waits until everything that was begun is done; no request may come after this.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether a path is the sidecar's where it shares an address with others: all of `/api`, and
    /// the paths of its other operations.
    pub fn owns(&self, path: &str) -> bool {
        path == "/api" || path.starts_with("/api/") || self.table.allow(path).is_some()
    }

    /// Answers a request that came from this address.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the caller without an answer; what was begun is done all the same.
    pub async fn handle<B>(&self, request: Request<B>, peer: IpAddr) -> Response<BoxBody>
    where
        B: http_body::Body + Send + Sync + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (mut response, origin) =
            match self.origins.check(request.headers(), request.uri().authority()) {
                Err(refused) => (refused.into_response(), None),
                Ok(()) => {
                    let origin = request.headers().get(header::ORIGIN).cloned();
                    let response = if origin::is_preflight(request.method()) {
                        Origins::preflight(self.table.allow(request.uri().path()))
                    } else {
                        self.call(request, peer).await
                    };
                    (response, origin)
                }
            };
        origin::mark(response.headers_mut(), origin);
        response.map(|body| body.map_err(BoxError::from).boxed())
    }

    /// The refusal of a request that does not get as far as [`Sidecar::handle`], such as one with too
    /// long a head: the body of every error, for whoever accepts connections.
    pub fn refuse(status: StatusCode, reason: &'static str) -> Response<BoxBody> {
        let refusal = ApiError::Head { status, reason }.into_response();
        refusal.map(|body| body.map_err(BoxError::from).boxed())
    }

    async fn call<B>(&self, mut request: Request<B>, peer: IpAddr) -> warp::reply::Response
    where
        B: http_body::Body + Send + Sync + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        request.extensions_mut().insert(Peer(peer));
        // A task of its own: a caller who goes away must not stop what has begun half-way, such as the
        // order to the sockets of a user whose revocation is on disk already.
        let routes = self.routes.clone();
        let task = self.tasks.spawn(async move {
            let Ok(response) = warp::service(routes).call(request).await;
            response
        });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request ended in a fault of ours");
            ApiError::Unavailable { retry_after: std::time::Duration::from_secs(1) }.into_response()
        })
    }
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl State {
    /// The sender of a request, where it may call an operation of this access. Wrong credentials are
    /// counted by address, so that keys cannot be guessed at speed; right ones are never refused for
    /// others' wrong ones.
    ///
    /// # Errors
    ///
    /// 401, 403, 429, and 503 where it cannot be told whether a token was revoked.
    pub(crate) async fn admit(
        &self,
        access: Access,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Result<Who, ApiError> {
        if access == Access::Public {
            return Ok(Who::Nobody);
        }
        let known = access::authenticate(headers, &self.api_keys, &self.parts.verifier);
        let admitted = match known {
            Ok(who) => self.not_revoked(who).await,
            Err(refused) => Err(refused),
        };
        let admitted = match admitted {
            // What everyone may read is not closed by credentials that have run out.
            Err(ApiError::InvalidCredentials) if access == Access::Anyone => Ok(Who::Nobody),
            admitted => admitted,
        };
        let admitted = admitted.and_then(|who| access::admit(&who, access).map(|()| who));
        if let Err(ApiError::InvalidCredentials) = admitted {
            self.refusals.take(&rate::party(peer.0), NonZeroU32::MIN)?;
        }
        admitted
    }

    async fn not_revoked(&self, who: Who) -> Result<Who, ApiError> {
        if let Who::User(identity) = &who
            && self.parts.services.revocations.is_revoked(identity).await?
        {
            return Err(ApiError::InvalidCredentials);
        }
        Ok(who)
    }

    /// Counts events against the caller's limit; a body that holds none counts as one.
    ///
    /// # Errors
    ///
    /// 429.
    pub(crate) fn count(&self, caller: &Caller, events: usize) -> Result<(), ApiError> {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.events.take(caller, NonZeroU32::new(events).unwrap_or(NonZeroU32::MIN))
    }
}
