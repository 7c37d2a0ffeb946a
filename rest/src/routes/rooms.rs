//! `GET /api/rooms` and `/api/rooms/{room}`: the rooms of `/` and who is in them, cluster wide.

use crier_domain::{
    RoomName,
    cluster::{RoomSize, RoomView},
    service::page::Pagination,
};
use crier_protocol::Room;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    paging::{PageQuery, cut},
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let get = [Method::GET];
    vec![
        Operation::new(
            &get,
            "/api/rooms",
            "listRooms",
            "The rooms of `/` by name. Sockets' own rooms are none.",
            Access::Backend,
            list,
        )
        .query::<PageQuery>()
        .answers::<Rooms>(StatusCode::OK, "A page of them"),
        Operation::new(
            &get,
            "/api/rooms/{room}",
            "getRoom",
            "A room of `/`, a `/` in its name as `%2F`; empty where there is none of the name.",
            Access::Backend,
            get_one,
        )
        .param::<RoomName>("room")
        .answers::<RoomView>(StatusCode::OK, "The room"),
    ]
}

/// A page of rooms.
#[derive(Serialize, JsonSchema)]
struct Rooms {
    /// By name.
    rooms: Vec<RoomSize>,
    /// Where the page stands.
    pagination: Pagination,
}

async fn list(call: Call) -> Result<Answer, ApiError> {
    let page = call.query::<PageQuery>()?.page()?;
    let mut rooms = call.state.parts.cluster.rooms().await;
    rooms.sort_by(|a, b| a.room.cmp(&b.room));
    let (rooms, pagination) = cut(page, rooms);
    Answer::ok(&Rooms { rooms, pagination })
}

async fn get_one(call: Call) -> Result<Answer, ApiError> {
    let room: RoomName = call.param("room")?;
    Answer::ok(&call.state.parts.cluster.room(&Room::from(room)).await)
}
