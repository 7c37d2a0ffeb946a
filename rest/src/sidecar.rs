//! The whole of it as one value: a request in, an answer out.

use std::{fmt, net::IpAddr, num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use crier_domain::{Bus, Catalogue, Verifier};
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use tower_service::Service;
use warp::reply::Reply;

use crate::{
    access::{self, ApiKeys, Caller},
    body::Bodies,
    config::SidecarConfig,
    error::ApiError,
    origin::{self, Origins},
    rate::{self, Rate},
    routes,
};

/// What can go wrong while an answer's body is sent.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type BoxBody = http_body_util::combinators::BoxBody<Bytes, BoxError>;

/// The sidecar. Cheap to clone: all clones share limits and state.
#[derive(Clone)]
pub struct Sidecar {
    origins: Arc<Origins>,
    routes: routes::Routes,
}

/// What the routes work with.
pub(crate) struct State {
    pub(crate) config: SidecarConfig,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) ready: Arc<dyn Fn() -> bool + Send + Sync>,
    pub(crate) bodies: Bodies,
    verifier: Arc<Verifier>,
    api_keys: ApiKeys,
    events: Rate<Caller>,
    refusals: Rate<IpAddr>,
}

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Sidecar {
    /// A sidecar that publishes into this bus. `ready` says what `/readyz` answers.
    pub fn new(
        config: SidecarConfig,
        bus: Arc<dyn Bus>,
        verifier: Arc<Verifier>,
        catalogue: Arc<Catalogue>,
        ready: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Self {
        let origins = Arc::new(Origins::new(&config));
        let refusals = config.refusals_per_second;
        let five = NonZeroU32::MIN.saturating_add(4);
        let state = State {
            bodies: Bodies::new(&config),
            api_keys: ApiKeys::new(&config.api_keys),
            events: Rate::new(config.events_per_second, config.events_per_second),
            refusals: Rate::new(refusals, refusals.saturating_mul(five)),
            config,
            bus,
            catalogue,
            ready,
            verifier,
        };
        Self { origins, routes: routes::all(Arc::new(state)) }
    }

    /// Whether a path is the sidecar's where it shares an address with others.
    pub fn owns(path: &str) -> bool {
        matches!(path, "/api" | "/healthz" | "/readyz") || path.starts_with("/api/")
    }

    /// Answers a request that came from this address.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether an event is published; see [`Bus`].
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
                        Origins::preflight()
                    } else {
                        self.call(request, peer).await
                    };
                    (response, origin)
                }
            };
        origin::mark(response.headers_mut(), origin);
        response.map(|body| body.map_err(BoxError::from).boxed())
    }

    async fn call<B>(&self, mut request: Request<B>, peer: IpAddr) -> warp::reply::Response
    where
        B: http_body::Body + Send + Sync + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        request.extensions_mut().insert(Peer(peer));
        let Ok(response) = warp::service(self.routes.clone()).call(request).await;
        response
    }
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl State {
    /// The caller, where it may publish. Wrong credentials are counted by address, so that keys
    /// cannot be guessed at speed; right ones are never refused for others' wrong ones.
    ///
    /// # Errors
    ///
    /// 401, 403, 429.
    pub(crate) fn caller(&self, headers: &HeaderMap, peer: Peer) -> Result<Caller, ApiError> {
        access::authenticate(headers, &self.api_keys, &self.verifier).or_else(|refused| {
            self.refusals.take(&rate::party(peer.0), NonZeroU32::MIN)?;
            Err(refused)
        })
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
