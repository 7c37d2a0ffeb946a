//! `POST /api/events/{event}`: one event of the catalogue.

use crier_domain::{Params, Prepared, Publish, RoomName};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    answer::Answer,
    body::List,
    call::Call,
    error::ApiError,
    publishing::{Accepted, Id, ROOMS_MAX, fingerprint, publish},
    sidecar::State,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let summary = "Publishes one event of the catalogue to its rooms.";
    let path = "/api/events/{event}";
    vec![
        Operation::new(&[Method::POST], path, "publishEvent", summary, Access::Backend, handle)
            .body::<Request<'_>>()
            .idempotent()
            .answers::<Accepted>(StatusCode::ACCEPTED, "It is on its way to these rooms")
            .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    ]
}

/// One event.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PublishEvent")]
struct Request<'a> {
    /// Its payload, in the shape that the catalogue says.
    #[serde(borrow)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    data: &'a RawValue,
    /// Fills the names of rooms, before the payload does.
    #[serde(default)]
    params: Params,
    /// Replaces the event's own rooms.
    #[schemars(length(min = 1))]
    rooms: Option<List<RoomName, ROOMS_MAX>>,
    /// Makes a retry harmless for 24 h; the header `Idempotency-Key` says the same.
    id: Option<Id>,
}

async fn handle(mut call: Call) -> Result<Answer, ApiError> {
    let body = call.text().await?;
    let state = &call.state;
    let event = call.param_text("event").map_err(|_| ApiError::UnknownEvent { nearest: None })?;
    let Request { data, params, rooms, id } = body.object()?;
    let id = Id::one(id, Id::from_header(&call.headers)?)?;
    let (event, fingerprint) = prepare(state, &event, data, &params, rooms, id.as_ref()).await?;
    Answer::json(StatusCode::ACCEPTED, &publish(state, event, id, fingerprint).await?)
}

/// Checks an event of the catalogue; also its fingerprint, made before the time is added.
///
/// # Errors
///
/// 404 with the nearest name, 422 naming the path; also where the event would go to everyone and
/// there are too many, unless it has gone there under this id when there were fewer.
pub(super) async fn prepare(
    state: &State,
    event: &str,
    data: &RawValue,
    params: &Params,
    rooms: Option<List<RoomName, ROOMS_MAX>>,
    id: Option<&Id>,
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
    let prepared = state.parts.catalogue.validate(event, data, params, rooms)?;
    if let Some(most) = prepared.needs_rooms_above
        && state.parts.cluster.sockets_len(&prepared.namespace).await > most
    {
        let repeated = match id.map(|id| id.idempotency(fingerprint)) {
            Some(id) => state.parts.bus.was_published(&id).await?,
            None => false,
        };
        if !repeated {
            return Err(ApiError::invalid("rooms", Prepared::ROOMS_REQUIRED));
        }
    }
    Ok((prepared.into_publish(None), fingerprint))
}
