//! `POST /api/emit`: any event, unchecked but for limits and the names that break clients.

use std::sync::Arc;

use crier_domain::{Args, Class, Publish, RoomName, event::is_reserved};
use crier_protocol::{Limits, Namespace, Room};
use http::StatusCode;
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
    warp::path!("api" / "emit")
        .and(call())
        .then(move |call: Call| {
            let state = Arc::clone(&state);
            async move { answer(handle(&state, call).await) }
        })
        .boxed()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    namespace: Option<String>,
    #[serde(default)]
    rooms: List<RoomName, ROOMS_MAX>,
    #[serde(default)]
    except: List<RoomName, ROOMS_MAX>,
    event: String,
    #[serde(borrow)]
    args: &'a RawValue,
    #[serde(default)]
    volatile: bool,
    id: Option<Id>,
}

async fn handle(state: &State, call: Call) -> Result<Response, ApiError> {
    let admitted = call.admit(state, state.config.event_bytes_max).await?;
    state.count(&admitted.caller, 1)?;
    let mut request: Request<'_> = admitted.body.parse()?;
    let id = Id::one(request.id.take(), Id::from_header(&admitted.headers)?)?;
    let fingerprint = request.fingerprint();
    let accepted =
        publish(state, request.into_publish(&state.config.limits)?, id, fingerprint).await?;
    Ok(json_response(StatusCode::ACCEPTED, &accepted))
}

impl Request<'_> {
    fn fingerprint(&self) -> [u8; 32] {
        let namespace = self.namespace.as_deref().unwrap_or("/");
        let volatile = if self.volatile { "volatile" } else { "" };
        let fixed = ["emit", namespace, &self.event, self.args.get(), volatile];
        let rooms = self.rooms.0.iter().map(RoomName::as_str);
        let except = self.except.0.iter().map(RoomName::as_str);
        // No room has an empty name, so it parts the two lists.
        fingerprint(fixed.into_iter().chain(rooms).chain([""]).chain(except))
    }

    fn into_publish(self, limits: &Limits) -> Result<Publish, ApiError> {
        let refuse = |path: &str, message: String| ApiError::invalid(path, message);
        let namespace = match self.namespace {
            None => Namespace::MAIN,
            Some(name) => Namespace::parse(name, limits.namespace_max)
                .ok_or_else(|| refuse("namespace", "expected a name such as /chat".to_owned()))?,
        };
        let max = limits.event_name_max;
        if self.event.is_empty() || self.event.len() > max {
            return Err(refuse("event", format!("expected 1 to {max} bytes")));
        }
        if is_reserved(&self.event) {
            return Err(refuse("event", "is reserved".to_owned()));
        }
        let args = Args::parse(self.args.get(), limits)
            .map_err(|error| refuse("args", error.to_string()))?;
        let rooms = |list: List<RoomName, ROOMS_MAX>| list.0.into_iter().map(Room::from).collect();
        Ok(Publish {
            namespace,
            event: self.event,
            args,
            rooms: rooms(self.rooms),
            except: rooms(self.except),
            // What may be lost on the way is not owed afterwards either.
            class: if self.volatile { Class::Ephemeral } else { Class::Recoverable },
            key: None,
            volatile: self.volatile,
            filter: crier_domain::Filter::default(),
            everyone_up_to: None,
            settle: None,
            idempotency: None,
        })
    }
}
