//! `POST /api/events`: up to 1,000 events of the catalogue; the good ones go out, in their order.

use std::borrow::Cow;

use crier_domain::{Params, RoomName};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::events::prepare;
use crate::{
    answer::Answer,
    body::{List, object},
    call::Call,
    error::{ApiError, ErrorBody},
    publishing::{Id, ROOMS_MAX, publish},
    sidecar::State,
    table::{Access, BodyMax, Operation},
};

/// Events of one batch (contract, section 8).
const EVENTS_MAX: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    let summary = "Publishes events of the catalogue in their order; the good ones go out.";
    vec![
        Operation::new(
            &[Method::POST],
            "/api/events",
            "publishEvents",
            summary,
            Access::Backend,
            handle,
        )
        .body_of::<List<AnyItem, EVENTS_MAX>>(BodyMax::Batch)
        .idempotent()
        .answers::<Vec<Outcome>>(StatusCode::ACCEPTED, "What became of each")
        .refuses(&[StatusCode::CONFLICT]),
    ]
}

/// One event of several.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BatchItem")]
struct Item<'a> {
    /// Its name.
    event: String,
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
    /// Makes a retry harmless for 24 h.
    id: Option<Id>,
}

/// What stands in the array: one that is no item has an error of its own, and harms no other.
struct AnyItem;

impl JsonSchema for AnyItem {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyItem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<Item<'_>>();
        json_schema!({ "anyOf": [item, { "description": "Answered with an error of its own." }] })
    }
}

/// The answer for one item.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "BatchOutcome")]
enum Outcome {
    Accepted { id: Id },
    Refused { error: ErrorBody },
}

async fn handle(mut call: Call) -> Result<Answer, ApiError> {
    let body = call.text().await?;
    let state = &call.state;
    let items: List<&RawValue, EVENTS_MAX> = body.parse()?;
    if let further @ 1.. = items.0.len().saturating_sub(1) {
        // One was counted with the call.
        state.count(&call.caller()?, further)?;
    }
    let batch = Id::from_header(&call.headers)?;
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
    Answer::json(StatusCode::ACCEPTED, &outcomes)
}

async fn publish_one(state: &State, item: &RawValue, fallback: Option<Id>) -> Result<Id, ApiError> {
    let Item { event, data, params, rooms, id } = object(item.get())?;
    let id = id.or(fallback);
    let (event, fingerprint) = prepare(state, &event, data, &params, rooms, id.as_ref()).await?;
    let accepted = publish(state, event, id, fingerprint).await?;
    Ok(accepted.id)
}
