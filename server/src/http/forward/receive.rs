//! The owner's side: a forwarded request is handled as if its client had come here.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::{HeaderValue, Request, StatusCode, Uri, request::Parts};
use hyper::body::Incoming;

use super::head::CLIENT;
use crate::{
    cluster::seal,
    http::{Cut, Response, closing, engine, text},
    io::IoInner,
    metrics,
};

/// What the path of a forwarded request begins with.
pub(crate) const PATH: &str = "/forward";

/// Marks a request that has made its hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received;

/// Answers a request whose path begins with [`PATH`]: 401, and nothing is done, unless a replica of this
/// cluster has signed it.
///
/// # Errors
/// The connection is to be cut without an answer.
pub(crate) async fn receive(
    io: &Arc<IoInner>,
    request: Request<Incoming>,
) -> Result<Response, Cut> {
    let (mut parts, body) = request.into_parts();
    let refusal = match io.forwarder() {
        None => Some("alone"),
        Some(forwarder) => {
            let checked = forwarder.seal().check(&parts, SystemTime::now());
            checked.err().map(|bad| match bad {
                seal::BadSeal::Unsigned => "unsigned",
                seal::BadSeal::Expired => "expired",
                seal::BadSeal::Forged => "forged",
                seal::BadSeal::Replayed => "replayed",
            })
        }
    };
    if let Some(reason) = refusal {
        metrics::forward_refused(reason);
        metrics::refused(StatusCode::UNAUTHORIZED);
        if reason == "expired" {
            tracing::warn!("a request of another replica is refused: the clocks are apart");
        }
        return Ok(closing(text(StatusCode::UNAUTHORIZED, "Unauthorized")));
    }
    let Some((uri, client)) = as_sent(&parts) else {
        return Ok(closing(text(StatusCode::BAD_REQUEST, "Bad Request")));
    };
    parts.uri = uri;
    parts.headers.remove(CLIENT);
    parts.headers.remove(seal::HEADER);
    parts.extensions.insert(Received);
    if !parts.uri.path().starts_with(&io.options().path) {
        return Ok(closing(text(StatusCode::NOT_FOUND, "Not Found")));
    }
    Box::pin(engine::handle(io, Request::from_parts(parts, body), client)).await
}

/// The target and the address of the client.
fn as_sent(parts: &Parts) -> Option<(Uri, IpAddr)> {
    let target = parts.uri.path_and_query()?.as_str().strip_prefix(PATH)?;
    let client = parts.headers.get(CLIENT).map(HeaderValue::to_str)?.ok()?;
    Some((target.parse().ok()?, client.parse().ok()?))
}
