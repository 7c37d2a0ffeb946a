//! The cluster of one replica: what services and the sidecar ask is answered from the sockets here.

use std::{collections::BTreeSet, fmt, future::ready, time::Instant};

use crier_domain::{
    Cluster, Timestamp, UserId,
    cluster::{
        Action, ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats,
        Status,
    },
};
use crier_protocol::{Namespace as Name, Room};

use crate::{
    apps,
    auth::{Roster, identity},
    io::Io,
    namespace::socket::Socket,
    presence::{Presences, Seen},
};

/// Why a user's sockets end whose tokens are refused from now on.
const REVOKED: &str = "revoked";

/// Users that a room's view names at most.
const USERS_MAX: usize = 1_000;

/// Answers for the sockets of one process.
pub struct LocalCluster {
    io: Io,
    roster: Roster,
    presence: Presences,
    started: Instant,
}

impl LocalCluster {
    /// The sockets of this server are all there are.
    pub fn new(io: Io, roster: Roster, presence: Presences) -> Self {
        Self { io, roster, presence, started: Instant::now() }
    }

    fn order_now(&self, order: &Order) -> Reached {
        // Whoever is revoked is so in every namespace, those of no app too, and away.
        let everywhere = matches!(order.action, Action::Disconnect { reason: REVOKED, .. });
        if let (true, Some(user)) = (everywhere, &order.user) {
            self.io.forget_sessions_of(user.as_str());
        }
        if matches!(order.action, Action::Leave(_)) {
            self.roster.note_leaving();
        }
        let is_meant = |socket: &Socket| {
            let is_in = |room: &Room| socket.is_in(room.as_str());
            socket.is_connected()
                && (everywhere || *socket.namespace().name() == order.namespace)
                && (order.rooms.is_empty() || order.rooms.iter().any(is_in))
        };
        let sockets = match (&order.user, order.rooms.as_slice()) {
            (None, []) => Vec::new(),
            (None, rooms) => self.io.sockets(&order.namespace, rooms),
            (Some(user), _) => self.roster.of(user).into_iter().filter(is_meant).collect(),
        };
        for socket in &sockets {
            act(socket, &order.action);
        }
        // Whoever is away finds it done on coming back.
        let named = order.user.is_some() || !order.rooms.is_empty();
        match &order.action {
            Action::Leave(rooms) if named => {
                let user = order.user.as_ref().map(UserId::as_str);
                self.io.leave_away(&order.namespace, user, &order.rooms, rooms);
            }
            Action::Disconnect { .. } if named => {
                let user = order.user.as_ref().map(UserId::as_str);
                self.io.end_away(&order.namespace, user, &order.rooms);
            }
            _ => {}
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

    fn presence(&self, scope: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let never = Seen { status: Status::Offline, last_seen: None, sockets: 0 };
        let Seen { status, last_seen, sockets } = match scope {
            Scope::Main => {
                UserId::parse(person).map_or(never, |user| self.presence.main.seen(&user))
            }
            Scope::VendorChat => self.presence.vendor_chat.seen(&person.to_owned()),
        };
        let last_seen = last_seen.map(Timestamp::from_unix_ms);
        let view = PresenceView { user_id: person.to_owned(), status, last_seen, sockets };
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
            users_online: self.presence.main.len(),
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
