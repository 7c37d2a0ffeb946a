//! `POST /api/sockets/{join,leave,disconnect}`: sockets of the whole cluster, by their rooms.

use crier_domain::{
    RoomName,
    cluster::{Action, Order, Reached},
};
use crier_protocol::{Namespace, Room};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::Answer,
    body::List,
    call::Call,
    error::ApiError,
    publishing::ROOMS_MAX,
    table::{Access, Operation},
};

/// Rooms that a socket may be made to enter at once: as many as it may be in by default.
const ENTERED_MAX: usize = 256;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation(
            "/api/sockets/join",
            "joinRooms",
            "Makes sockets enter rooms, past every policy, until their session ends.",
            join,
        )
        .body::<Move>(),
        operation("/api/sockets/leave", "leaveRooms", "Makes sockets leave rooms.", leave)
            .body::<Move>(),
        operation(
            "/api/sockets/disconnect",
            "disconnectSockets",
            "Disconnects sockets; those of `/` are told `kicked` first.",
            disconnect,
        )
        .body::<Leavers>(),
    ]
}

fn operation<F>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handle: impl Fn(Call) -> F + Send + Sync + 'static,
) -> Operation
where
    F: Future<Output = Result<Answer, ApiError>> + Send + 'static,
{
    Operation::new(&[Method::POST], path, id, summary, Access::Backend, handle)
        .answers::<Reached>(StatusCode::ACCEPTED, "Whom it reached")
}

/// Sockets, and rooms to enter or leave.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MoveSockets")]
struct Move {
    /// Where they are; default `/`.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("pattern" = "^/[^,]*$", "maxLength" = 128))]
    namespace: Option<String>,
    /// The sockets in any of these rooms. A socket's own id is a room too.
    #[schemars(length(min = 1))]
    r#in: List<RoomName, ROOMS_MAX>,
    /// The rooms to enter or leave.
    #[schemars(length(min = 1))]
    rooms: List<RoomName, ENTERED_MAX>,
}

/// Sockets to disconnect.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DisconnectSockets")]
struct Leavers {
    /// Where they are; default `/`.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("pattern" = "^/[^,]*$", "maxLength" = 128))]
    namespace: Option<String>,
    /// The sockets in any of these rooms. A socket's own id is a room too.
    #[schemars(length(min = 1))]
    r#in: List<RoomName, ROOMS_MAX>,
    /// Whether their whole connections end, with all namespaces; default false.
    #[serde(default)]
    close: bool,
}

async fn join(mut call: Call) -> Result<Answer, ApiError> {
    let asked: Move = call.json().await?;
    let rooms = some("rooms", asked.rooms)?;
    order(&call, asked.namespace, asked.r#in, Action::Join(rooms)).await
}

async fn leave(mut call: Call) -> Result<Answer, ApiError> {
    let asked: Move = call.json().await?;
    let rooms = some("rooms", asked.rooms)?;
    order(&call, asked.namespace, asked.r#in, Action::Leave(rooms)).await
}

async fn disconnect(mut call: Call) -> Result<Answer, ApiError> {
    let asked: Leavers = call.json().await?;
    let action = Action::Disconnect { close: asked.close, reason: "kicked" };
    order(&call, asked.namespace, asked.r#in, action).await
}

async fn order(
    call: &Call,
    namespace: Option<String>,
    rooms: List<RoomName, ROOMS_MAX>,
    action: Action,
) -> Result<Answer, ApiError> {
    let state = &call.state;
    let namespace = namespace_of(namespace, state.config.limits.namespace_max)?;
    let rooms = some("in", rooms)?;
    let order = Order { namespace, rooms, user: None, action };
    Answer::json(StatusCode::ACCEPTED, &state.parts.cluster.order(order).await)
}

/// Whoever computes a list and ends up with none does not mean everybody.
fn some<const MAX: usize>(path: &str, rooms: List<RoomName, MAX>) -> Result<Vec<Room>, ApiError> {
    if rooms.0.is_empty() {
        return Err(ApiError::invalid(path, "expected at least one room"));
    }
    Ok(rooms.0.into_iter().map(Room::from).collect())
}

/// A namespace by its name; `/` where none is given.
///
/// # Errors
///
/// 422 naming `namespace`.
pub(super) fn namespace_of(name: Option<String>, max: usize) -> Result<Namespace, ApiError> {
    match name {
        None => Ok(Namespace::MAIN),
        Some(name) => Namespace::parse(name, max)
            .ok_or_else(|| ApiError::invalid("namespace", "expected a name such as /chat")),
    }
}
