//! `POST /api/events`: up to 1,000 events of the catalogue; the good ones go out, in their order.

use std::sync::Arc;

use crier_domain::{Params, RoomName};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use warp::{Filter, reply::Response};

use super::{Call, Routes, answer, call, events::prepare};
use crate::{
    body::{List, parse},
    error::{ApiError, ErrorBody, json_response},
    publishing::{Id, ROOMS_MAX, publish},
    sidecar::State,
};

/// Events of one batch (contract, section 8).
const EVENTS_MAX: usize = 1_000;

pub(super) fn filter(state: Arc<State>) -> Routes {
    warp::path!("api" / "events")
        .and(call())
        .then(move |call: Call| {
            let state = Arc::clone(&state);
            async move { answer(handle(&state, call).await) }
        })
        .boxed()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    params: Params,
    rooms: Option<List<RoomName, ROOMS_MAX>>,
    id: Option<Id>,
}

/// The answer for one item.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Accepted { id: Id },
    Refused { error: ErrorBody },
}

async fn handle(state: &State, call: Call) -> Result<Response, ApiError> {
    let admitted = call.admit(state, state.config.batch_bytes_max).await?;
    let items: List<&RawValue, EVENTS_MAX> = admitted.body.parse()?;
    state.count(&admitted.caller, items.0.len())?;
    let batch = Id::from_header(&admitted.headers)?;
    let mut outcomes = Vec::with_capacity(items.0.len());
    let mut published = false;
    // One after the other: the order of a batch is the order of its events.
    for (index, item) in items.0.into_iter().enumerate() {
        let fallback = batch.as_ref().map(|id| id.of_item(index));
        outcomes.push(match publish_one(state, item, fallback).await {
            Ok(id) => {
                published = true;
                Outcome::Accepted { id }
            }
            // Nothing went out so far, so the batch as a whole can be tried again.
            Err(error @ ApiError::Unavailable { .. }) if !published => return Err(error),
            Err(error) => Outcome::Refused { error: error.body() },
        });
    }
    Ok(json_response(StatusCode::ACCEPTED, &outcomes))
}

async fn publish_one(state: &State, item: &RawValue, fallback: Option<Id>) -> Result<Id, ApiError> {
    let Item { event, data, params, rooms, id } = parse(item.get())?;
    let (event, fingerprint) = prepare(state, &event, data, &params, rooms)?;
    let accepted = publish(state, event, id.or(fallback), fingerprint).await?;
    Ok(accepted.id)
}
