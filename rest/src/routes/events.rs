//! `POST /api/events/{event}`: one event of the catalogue.

use std::sync::Arc;

use crier_domain::{Params, Publish, RoomName};
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use warp::{Filter, reply::Response};

use super::{Call, Routes, answer, call};
use crate::{
    body::List,
    error::{ApiError, json_response},
    publishing::{Id, ROOMS_MAX, fingerprint, publish},
    sidecar::State,
};

pub(super) fn filter(state: Arc<State>) -> Routes {
    warp::path!("api" / "events" / String)
        .and(call())
        .then(move |event: String, call: Call| {
            let state = Arc::clone(&state);
            async move { answer(handle(&state, &event, call).await) }
        })
        .boxed()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    params: Params,
    rooms: Option<List<RoomName, ROOMS_MAX>>,
    id: Option<Id>,
}

async fn handle(state: &State, event: &str, call: Call) -> Result<Response, ApiError> {
    let admitted = call.admit(state, state.config.event_bytes_max).await?;
    state.count(&admitted.caller, 1)?;
    let event = percent_decode_str(event)
        .decode_utf8()
        .map_err(|_| ApiError::UnknownEvent { nearest: None })?;
    let Request { data, params, rooms, id } = admitted.body.parse()?;
    let id = Id::one(id, Id::from_header(&admitted.headers)?)?;
    let (event, fingerprint) = prepare(state, &event, data, &params, rooms)?;
    let accepted = publish(state, event, id, fingerprint).await?;
    Ok(json_response(StatusCode::ACCEPTED, &accepted))
}

/// Checks an event of the catalogue; also its fingerprint, made before the time is added.
///
/// # Errors
///
/// 404 with the nearest name, 422 naming the path.
pub(super) fn prepare(
    state: &State,
    event: &str,
    data: &RawValue,
    params: &Params,
    rooms: Option<List<RoomName, ROOMS_MAX>>,
) -> Result<(Publish, [u8; 32]), ApiError> {
    let rooms = rooms.map(|list| list.0);
    // Whoever computes a list and ends up with none does not mean everybody.
    if rooms.as_ref().is_some_and(Vec::is_empty) {
        return Err(ApiError::invalid("rooms", "expected at least one room"));
    }
    let params_text = serde_json::to_string(params).unwrap_or_default();
    let named = if rooms.is_some() { "rooms" } else { "template" };
    let fixed = ["event", event, data.get(), &params_text, named];
    let names = rooms.iter().flatten().map(RoomName::as_str);
    let fingerprint = fingerprint(fixed.into_iter().chain(names));
    let prepared = state.catalogue.validate(event, data, params, rooms)?;
    Ok((prepared.into_publish(None), fingerprint))
}
