//! `GET /healthz`: alive. `GET /readyz`: ready for traffic. Both are public.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;
use warp::{Filter, reply::Response};

use super::{Call, Routes, answer, call};
use crate::{
    error::{ApiError, json_response},
    sidecar::State,
};

pub(super) fn filter(state: Arc<State>) -> Routes {
    let healthz = warp::path!("healthz").and(call()).map(|call: Call| answer(healthz(&call)));
    let readyz =
        warp::path!("readyz").and(call()).map(move |call: Call| answer(readyz(&state, &call)));
    healthz.or(readyz).unify().boxed()
}

fn healthz(call: &Call) -> Result<Response, ApiError> {
    check_method(call)?;
    Ok(json_response(StatusCode::OK, &json!({ "status": "ok" })))
}

fn readyz(state: &State, call: &Call) -> Result<Response, ApiError> {
    check_method(call)?;
    if !(state.ready)() {
        return Err(ApiError::NotReady);
    }
    Ok(json_response(StatusCode::OK, &json!({ "status": "ready" })))
}

fn check_method(call: &Call) -> Result<(), ApiError> {
    match call.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(ApiError::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" }),
    }
}
