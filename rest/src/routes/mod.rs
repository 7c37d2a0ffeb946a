//! One file for each resource, with its rows of the table and what they do; here is what all calls go
//! through.

mod batch;
mod chat;
mod docs;
mod emit;
mod events;
mod grants;
mod health;
mod notifications;
mod orders;
mod presence;
mod products;
mod rooms;
mod sockets;
mod users;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Method};
use warp::{
    Filter, Rejection,
    filters::{BoxedFilter, path::FullPath},
    reply::{Reply, Response},
};

use crate::{
    body::{BodyStream, boxed},
    call::Call,
    error::ApiError,
    query,
    sidecar::{Peer, State},
    table::{Access, Found, Operation, Table},
};

/// Every operation there is. One line a resource.
pub(crate) fn operations() -> Vec<Operation> {
    [
        events::operations(),
        batch::operations(),
        emit::operations(),
        sockets::operations(),
        rooms::operations(),
        presence::operations(),
        grants::operations(),
        users::operations(),
        chat::operations(),
        notifications::operations(),
        orders::operations(),
        products::operations(),
        health::operations(),
        docs::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All calls.
pub(crate) type Routes = BoxedFilter<(Response,)>;

/// The operations over one state.
pub(crate) fn filter(table: Arc<Table>, state: Arc<State>) -> Routes {
    request()
        .then(move |request: Request| {
            let (table, state) = (Arc::clone(&table), Arc::clone(&state));
            async move {
                let answered = answer(&table, state, request).await;
                answered.unwrap_or_else(Reply::into_response)
            }
        })
        .recover(|_: Rejection| async {
            // Nothing above rejects; a rejection would be a request without a peer.
            Ok::<_, Infallible>(ApiError::NotFound.into_response())
        })
        .unify()
        .boxed()
}

/// A request as warp takes it apart.
struct Request {
    method: Method,
    path: FullPath,
    query: Option<String>,
    headers: HeaderMap,
    peer: Peer,
    body: BodyStream,
}

fn request() -> impl Filter<Extract = (Request,), Error = Rejection> + Clone {
    let query = warp::query::raw().map(Some).or(warp::any().map(|| None)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .map(|method, path, query, headers, peer, body| {
            let body = boxed(body);
            Request { method, path, query, headers, peer, body }
        })
}

/// Finds the operation, lets the sender in, and has it done.
async fn answer(table: &Table, state: Arc<State>, request: Request) -> Result<Response, ApiError> {
    let Request { method, path, query, headers, peer, body } = request;
    let (operation, params) = match table.find(&method, path.as_str()) {
        Found::Operation(operation, params) => (operation, params),
        Found::OtherMethods { allow } => {
            return Err(ApiError::MethodNotAllowed { allow: allow.to_owned() });
        }
        Found::Nothing => return Err(ApiError::NotFound),
    };
    let who = state.admit(operation.access, &headers, peer).await?;
    if let Some(caller) = who.caller() {
        state.count(&caller, 1)?;
    }
    // Pages are asked for with all kinds of things behind them.
    if operation.query.is_none() && operation.access != Access::Public {
        query::expect_none(query.as_deref())?;
    }
    let shape = operation.body;
    let call = Call {
        body_max: shape.map_or(0, |shape| shape.max.bytes(&state.config)),
        body_optional: shape.is_none_or(|shape| shape.optional),
        state,
        who,
        headers,
        params: params.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        query,
        body: Mutex::new(Some(body)),
    };
    Ok((operation.handler)(call).await?.into_response(operation.is_wrapped()))
}
