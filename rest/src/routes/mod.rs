//! One file for each resource; here is what they share.

mod batch;
mod emit;
mod events;
mod health;

use std::{convert::Infallible, sync::Arc};

use http::{HeaderMap, Method};
use warp::{
    Filter, Rejection,
    filters::BoxedFilter,
    reply::{Reply, Response},
};

use crate::{
    access::Caller,
    body::{Body, BodyStream, boxed},
    error::ApiError,
    sidecar::{Peer, State},
};

/// All resources; what fits none is 404.
pub(crate) type Routes = BoxedFilter<(Response,)>;

/// The resources over one state.
pub(crate) fn all(state: Arc<State>) -> Routes {
    health::filter(Arc::clone(&state))
        .or(events::filter(Arc::clone(&state)))
        .unify()
        .or(batch::filter(Arc::clone(&state)))
        .unify()
        .or(emit::filter(state))
        .unify()
        .recover(not_found)
        .unify()
        .boxed()
}

/// Filters reject only for the path: everything after it is answered by the resource itself, so no
/// other resource is asked and no rejection has to be guessed from.
async fn not_found(_: Rejection) -> Result<Response, Infallible> {
    Ok(ApiError::NotFound.into_response())
}

/// A request whose path fits.
pub(crate) struct Call {
    method: Method,
    headers: HeaderMap,
    peer: Peer,
    body: BodyStream,
}

/// Takes all of a request but its path.
fn call() -> impl Filter<Extract = (Call,), Error = Rejection> + Copy {
    warp::method()
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .map(|method, headers, peer, body| Call { method, headers, peer, body: boxed(body) })
}

impl Call {
    /// Lets a POST of someone who may publish in, and then reads its body.
    ///
    /// # Errors
    ///
    /// 405, 401, 403, 429, and those of the body.
    async fn admit(self, state: &State, bytes_max: usize) -> Result<Admitted, ApiError> {
        if self.method != Method::POST {
            return Err(ApiError::MethodNotAllowed { allow: "POST, OPTIONS" });
        }
        let caller = state.caller(&self.headers, self.peer)?;
        let read = state.bodies.read(&self.headers, self.body, bytes_max);
        let body = read.await?;
        Ok(Admitted { caller, headers: self.headers, body })
    }
}

/// A POST of someone who may publish.
struct Admitted {
    caller: Caller,
    headers: HeaderMap,
    body: Body,
}

/// The answer, whichever it is.
fn answer(result: Result<Response, ApiError>) -> Response {
    result.unwrap_or_else(Reply::into_response)
}
