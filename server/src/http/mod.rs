//! HTTP: the accept loop, the timeouts that hyper leaves to us, and the endpoint of the sessions.

pub mod accept;
mod clock;
pub(crate) mod cors;
pub mod engine;
pub(crate) mod forward;
pub mod internal;
pub(crate) mod post;
pub mod site;

use std::{net::IpAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::{accept::HttpLimits, engine::Cut};
use crate::io::Io;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// An answer.
pub type Response = http::Response<Body>;

/// Answers the requests of a listener; `Err` cuts the connection.
pub type Handler = Arc<
    dyn Fn(Request<Incoming>, IpAddr) -> Pin<Box<dyn Future<Output = Result<Response, Cut>> + Send>>
        + Send
        + Sync,
>;

/// How a listener says no to a request that its handler does not get to see: by the request's path, a
/// status and its reason.
pub type Refuse = Arc<dyn Fn(&str, StatusCode, &'static str) -> Response + Send + Sync>;

/// What a listener answers with.
#[derive(Clone)]
pub struct Answers {
    /// Answers requests.
    pub handler: Handler,
    /// Refuses those that are none for the handler.
    pub refuse: Refuse,
}

/// A handler whose clients read no refusals, or read them as text.
impl From<Handler> for Answers {
    fn from(handler: Handler) -> Self {
        Self { handler, refuse: Arc::new(|_, status, reason| text(status, reason)) }
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// Serves a server alone on a listener until the process ends; for applications that need no more.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, io: Io) -> std::io::Result<()> {
    let handler: Handler = Arc::new(move |request, peer| {
        let io = io.clone();
        Box::pin(async move {
            if io.owns(request.uri().path()) {
                io.handle(request, peer).await
            } else {
                Ok(text(StatusCode::NOT_FOUND, "Not Found"))
            }
        })
    });
    accept::run(listener, handler, HttpLimits::default(), CancellationToken::new()).await
}

/// An answer with a whole body.
pub fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = http::Response::new(whole(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer in plain text.
pub fn text(status: StatusCode, body: &'static str) -> Response {
    full(status, "text/plain; charset=UTF-8", body)
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A whole body.
pub fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Says that the connection ends with this answer.
pub(crate) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
