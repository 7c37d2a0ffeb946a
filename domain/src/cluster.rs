//! What services and the sidecar ask of the sockets of all replicas.

use std::{fmt, future::Future, pin::Pin};

use crier_protocol::{Namespace, Room};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{identity::UserId, time::Timestamp};

/// A future of the object-safe [`Cluster`].
pub type ClusterFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The sockets of all replicas.
///
/// Answers are as complete as they can be had: whoever did not answer in time is named, and nothing
/// waits for it.
pub trait Cluster: fmt::Debug + Send + Sync {
    /// Makes sockets do something.
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached>;

    /// The rooms of `/` by name, with the number of their sockets. Sockets' own rooms are none.
    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>>;

    /// One room of `/`; an empty one where there is none of that name.
    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView>;

    /// Whether a user is there, in a scope of presence.
    fn presence(&self, scope: Scope, person: &str) -> ClusterFuture<'_, PresenceView>;

    /// Whether a user is there and nothing else, which costs less where it is known.
    fn is_online(&self, scope: Scope, person: &str) -> ClusterFuture<'_, bool> {
        let view = self.presence(scope, person);
        Box::pin(async move { view.await.status == Status::Online })
    }

    /// How many sockets a namespace has.
    fn sockets_len(&self, namespace: &Namespace) -> ClusterFuture<'_, usize>;

    /// Figures of the whole.
    fn stats(&self) -> ClusterFuture<'_, Stats>;
}

/// A scope of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Users with sockets on `/`; a person is the text of a [`UserId`].
    Main,
    /// Persons of vendor-chat with sockets on `/presence`; a person is `CUSTOMER:5` or `VENDOR:5`.
    VendorChat,
}

/// Something for sockets to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where they are.
    pub namespace: Namespace,
    /// Those in any of these rooms; of a user too where that is set. Both empty = none.
    pub rooms: Vec<Room>,
    /// Those of this user.
    pub user: Option<UserId>,
    /// What.
    pub action: Action,
}

/// What sockets are made to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enter rooms, past every policy.
    Join(Vec<Room>),
    /// Leave rooms.
    Leave(Vec<Room>),
    /// Go. `reason` is what `disconnected` says first, on `/`.
    Disconnect {
        /// With the whole connection and its other namespaces.
        close: bool,
        /// `kicked` or `revoked`.
        reason: &'static str,
    },
}

/// Whom an order reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// Sockets that were meant.
    pub matched: usize,
    /// Replicas that did not answer in time.
    pub missing: Vec<String>,
}

/// A room and how many are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomSize {
    /// Its name.
    pub room: String,
    /// Its sockets.
    pub sockets: usize,
}

/// A room and who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomView {
    /// Its name.
    pub room: String,
    /// How many sockets it has.
    pub sockets: usize,
    /// The users of these sockets, each once, at most 1,000.
    pub users: Vec<UserId>,
}

/// Whether somebody is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceView {
    /// Who.
    pub user_id: String,
    /// Whether.
    pub status: Status,
    /// When last; absent where never seen.
    pub last_seen: Option<Timestamp>,
    /// Sockets now.
    pub sockets: usize,
}

/// There or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// With a socket, or without one for less than the grace.
    Online,
    /// Without.
    Offline,
}

/// Figures of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Replicas that answered.
    pub replicas: usize,
    /// Engine.IO sessions.
    pub sessions: usize,
    /// Sockets of all namespaces.
    pub sockets: usize,
    /// Rooms of all namespaces, sockets' own apart; one that is on several replicas counts on each.
    pub rooms: usize,
    /// Users online.
    pub users_online: usize,
    /// Seconds since the oldest replica started.
    pub uptime_seconds: u64,
    /// Replicas that did not answer in time.
    pub missing: Vec<String>,
}
