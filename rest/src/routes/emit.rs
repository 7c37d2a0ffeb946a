//! `POST /api/emit`: any event, unchecked but for limits and the names that break clients.

use crier_domain::{
    Args, Class, Publish, RoomName,
    event::{RESERVED, is_reserved},
};
use crier_protocol::{Limits, Room};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sockets::namespace_of;
use crate::{
    answer::Answer,
    body::List,
    call::Call,
    error::ApiError,
    publishing::{Accepted, Id, ROOMS_MAX, fingerprint, publish},
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let summary = "Sends any event, unchecked but for limits and the names that break clients.";
    vec![
        Operation::new(&[Method::POST], "/api/emit", "emit", summary, Access::Backend, handle)
            .body::<Request<'_>>()
            .idempotent()
            .answers::<Accepted>(StatusCode::ACCEPTED, "It is on its way to these rooms")
            .refuses(&[StatusCode::CONFLICT]),
    ]
}

/// Any event.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Emit")]
struct Request<'a> {
    /// Where; default `/`.
    #[schemars(extend("pattern" = "^/[^,]*$", "maxLength" = 128))]
    namespace: Option<String>,
    /// To whom; empty = everyone of the namespace.
    #[serde(default)]
    rooms: List<RoomName, ROOMS_MAX>,
    /// Whoever is in one of these does not get it.
    #[serde(default)]
    except: List<RoomName, ROOMS_MAX>,
    /// Its name, which is none of `connect`, `connect_error`, `disconnect`, `disconnecting`,
    /// `newListener`, `removeListener`: clients that receive these close or throw.
    #[schemars(length(min = 1, max = 128), extend("not" = { "enum": RESERVED }))]
    event: String,
    /// Its arguments.
    #[serde(borrow)]
    #[schemars(with = "Vec<serde_json::Value>", length(max = 64))]
    args: &'a RawValue,
    /// Whether it may be dropped for whoever is away or slow.
    #[serde(default)]
    volatile: bool,
    /// Makes a retry harmless for 24 h; the header `Idempotency-Key` says the same.
    id: Option<Id>,
}

async fn handle(mut call: Call) -> Result<Answer, ApiError> {
    let body = call.text().await?;
    let state = &call.state;
    let mut request: Request<'_> = body.object()?;
    let id = Id::one(request.id.take(), Id::from_header(&call.headers)?)?;
    let fingerprint = request.fingerprint();
    let event = request.into_publish(&state.config.limits, state.config.payload_bytes_max)?;
    Answer::json(StatusCode::ACCEPTED, &publish(state, event, id, fingerprint).await?)
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

    fn into_publish(self, limits: &Limits, payload_max: usize) -> Result<Publish, ApiError> {
        let refuse = |path: &str, message: String| ApiError::invalid(path, message);
        let namespace = namespace_of(self.namespace, limits.namespace_max)?;
        let max = limits.event_name_max;
        if self.event.is_empty() || self.event.len() > max {
            return Err(refuse("event", format!("expected 1 to {max} bytes")));
        }
        if is_reserved(&self.event) {
            return Err(refuse("event", "is reserved".to_owned()));
        }
        let args = Args::parse(self.args.get(), limits)
            .map_err(|error| refuse("args", error.to_string()))?;
        if namespace.is_main() && args.as_str().len() > payload_max {
            return Err(ApiError::PayloadTooLarge { path: "args", max: payload_max });
        }
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
