//! The cluster of one replica: what services and the sidecar ask is answered from the sockets here.

use std::{collections::BTreeSet, fmt, future::ready, time::Instant};

use crier_domain::{
    Cluster, UserId,
    cluster::{
        Action, ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats,
        Status,
    },
};
use crier_protocol::{Namespace as Name, Room};

use crate::{apps, auth::identity, io::Io, namespace::socket::Socket};

/// Users that a room's view names at most.
const USERS_MAX: usize = 1_000;

/// Answers for the sockets of one process.
pub struct LocalCluster {
    io: Io,
    started: Instant,
}

impl LocalCluster {
    /// The sockets of this server are all there are.
    pub fn new(io: Io) -> Self {
        Self { io, started: Instant::now() }
    }

    fn order_now(&self, order: &Order) -> Reached {
        let mut sockets = match (&order.user, order.rooms.as_slice()) {
            (None, []) => Vec::new(),
            (_, rooms) => self.io.sockets(&order.namespace, rooms),
        };
        if let Some(user) = &order.user {
            sockets.retain(|socket| is_of(socket, user));
        }
        for socket in &sockets {
            act(socket, &order.action);
        }
        Reached { matched: sockets.len(), missing: Vec::new() }
    }

    fn room_now(&self, room: &Room) -> RoomView {
        let sockets = self.io.sockets(&Name::MAIN, std::slice::from_ref(room));
        let users: BTreeSet<UserId> =
            sockets.iter().filter_map(identity).map(|identity| identity.user.clone()).collect();
        RoomView {
            room: room.as_str().to_owned(),
            sockets: sockets.len(),
            users: users.into_iter().take(USERS_MAX).collect(),
        }
    }
}

fn is_of(socket: &Socket, user: &UserId) -> bool {
    identity(socket).is_some_and(|identity| identity.user == *user)
}

fn act(socket: &Socket, action: &Action) {
    match action {
        Action::Join(rooms) => {
            for room in rooms {
                // A socket that has gone, or is in as many rooms as it may, stays as it is.
                let _ = socket.join_by_backend(room.clone());
            }
        }
        Action::Leave(rooms) => {
            for room in rooms {
                socket.leave(room.as_str());
            }
        }
        Action::Disconnect { close, reason } => {
            apps::say_goodbye(socket, reason);
            socket.disconnect(*close);
        }
    }
}

impl Cluster for LocalCluster {
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached> {
        Box::pin(ready(self.order_now(&order)))
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        let rooms = self.io.main().rooms().into_iter();
        let sized =
            rooms.map(|(room, sockets)| RoomSize { room: room.as_str().to_owned(), sockets });
        Box::pin(ready(sized.collect()))
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        Box::pin(ready(self.room_now(room)))
    }

    fn presence(&self, _scope: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let user = UserId::parse(person);
        let sockets = self.io.sockets(&Name::MAIN, &[]);
        let sockets = sockets.iter().filter(|s| user.as_ref().is_some_and(|u| is_of(s, u))).count();
        let status = if sockets > 0 { Status::Online } else { Status::Offline };
        let view = PresenceView { user_id: person.to_owned(), status, last_seen: None, sockets };
        Box::pin(ready(view))
    }

    fn sockets_len(&self, namespace: &Name) -> ClusterFuture<'_, usize> {
        Box::pin(ready(self.io.sockets(namespace, &[]).len()))
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        let counted = self.io.counted();
        Box::pin(ready(Stats {
            replicas: 1,
            sessions: counted.sessions,
            sockets: counted.sockets,
            rooms: counted.rooms,
            users_online: 0,
            uptime_seconds: self.started.elapsed().as_secs(),
            missing: Vec::new(),
        }))
    }
}

impl fmt::Debug for LocalCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCluster").finish_non_exhaustive()
    }
}
