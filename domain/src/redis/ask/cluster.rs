//! The sockets of all replicas, for services and the sidecar.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use crier_protocol::{Namespace, Room};

use super::{
    Asker, Gathered, WITHIN,
    wire::{Question, Reply, WireOrder},
};
use crate::{
    cluster::{
        Cluster, ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats,
        Status,
    },
    identity::UserId,
    redis::presence,
};

/// Users that a room's view names at most.
const USERS_MAX: usize = 1_000;

/// Asks all replicas, and answers for its own where it is one.
pub struct RedisCluster {
    asker: Arc<Asker>,
    /// The sockets of this process; none in the sidecar alone.
    own: Option<Arc<dyn Cluster>>,
}

impl RedisCluster {
    /// The cluster as this process sees it. `own`: its own sockets, where it has some.
    pub fn new(asker: Arc<Asker>, own: Option<Arc<dyn Cluster>>) -> Self {
        Self { asker, own }
    }

    /// Asks the others, and the sockets here.
    async fn both<T>(
        &self,
        question: Question,
        own: impl Future<Output = Option<T>>,
    ) -> (Gathered, Option<T>) {
        let both = self.asker.ask(question, WITHIN, own).await;
        if both.0.truncated {
            tracing::warn!(
                "an answer of a replica was longer than it may be: the rest is left out"
            );
        }
        both
    }
}

impl Gathered {
    /// Every part of every answer, and the names of those who gave none.
    fn replies(self) -> (impl Iterator<Item = Reply>, Vec<String>) {
        (self.answers.into_iter().flat_map(|(_, replies)| replies), self.missing)
    }
}

impl Cluster for RedisCluster {
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached> {
        Box::pin(async move {
            let question = Question::Order(WireOrder::from(&order));
            let own = async { Some(self.own.as_ref()?.order(order).await) };
            let (gathered, own) = self.both(question, own).await;
            let (replies, missing) = gathered.replies();
            let mut all = Reached { missing, ..own.unwrap_or_default() };
            for reply in replies {
                if let Reply::Reached(matched) = reply {
                    all.matched += matched;
                }
            }
            all
        })
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(async move {
            let own = async { Some(self.own.as_ref()?.rooms().await) };
            let (gathered, own) = self.both(Question::Rooms, own).await;
            let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
            let mut add = |rooms: Vec<RoomSize>| {
                for RoomSize { room, sockets } in rooms {
                    *sizes.entry(room).or_default() += sockets;
                }
            };
            add(own.unwrap_or_default());
            for reply in gathered.replies().0 {
                if let Reply::Rooms(rooms) = reply {
                    add(rooms);
                }
            }
            sizes.into_iter().map(|(room, sockets)| RoomSize { room, sockets }).collect()
        })
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let room = room.clone();
        Box::pin(async move {
            let own = async { Some(self.own.as_ref()?.room(&room).await) };
            let question = Question::Room(room.as_str().to_owned());
            let (gathered, own) = self.both(question, own).await;
            let (mut sockets, mut users) = (0, BTreeSet::<UserId>::new());
            let mut add = |view: RoomView| {
                sockets += view.sockets;
                users.extend(view.users);
            };
            own.into_iter().for_each(&mut add);
            for reply in gathered.replies().0 {
                if let Reply::Room(view) = reply {
                    add(view);
                }
            }
            let users = users.into_iter().take(USERS_MAX).collect();
            RoomView { room: room.as_str().to_owned(), sockets, users }
        })
    }

    fn presence(&self, scope: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let person = person.to_owned();
        Box::pin(async move {
            let own = match &self.own {
                Some(own) => Some(own.presence(scope, &person).await),
                None => None,
            };
            match presence::seen(self.asker.redis(), scope, &person).await {
                // Somebody who came here just now, and is not reported yet.
                Ok(view) if view.status == Status::Offline => match own {
                    Some(own) if own.status == Status::Online => own,
                    _ => view,
                },
                Ok(view) => view,
                // While Redis is away, what is known here is what there is to say.
                Err(error) => {
                    tracing::debug!(%error, "presence is answered from what is known here");
                    let nothing = PresenceView {
                        user_id: person,
                        status: Status::Offline,
                        last_seen: None,
                        sockets: 0,
                    };
                    own.unwrap_or(nothing)
                }
            }
        })
    }

    fn is_online(&self, scope: Scope, person: &str) -> ClusterFuture<'_, bool> {
        let person = person.to_owned();
        Box::pin(async move {
            // Who has a socket here needs no question.
            let here = match &self.own {
                Some(own) => own.is_online(scope, &person).await,
                None => false,
            };
            here || self.presence(scope, &person).await.status == Status::Online
        })
    }

    fn sockets_len(&self, namespace: &Namespace) -> ClusterFuture<'_, usize> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let own = async { Some(self.own.as_ref()?.sockets_len(&namespace).await) };
            let question = Question::SocketsLen(namespace.as_str().to_owned());
            let (gathered, own) = self.both(question, own).await;
            let others = gathered.replies().0.map(|reply| match reply {
                Reply::SocketsLen(sockets) => sockets,
                _ => 0,
            });
            others.sum::<usize>() + own.unwrap_or_default()
        })
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(async move {
            let own = async { Some(self.own.as_ref()?.stats().await) };
            let (gathered, own) = self.both(Question::Stats, own).await;
            let (replies, missing) = gathered.replies();
            let mut all = Stats { missing, ..own.unwrap_or_default() };
            for reply in replies {
                let Reply::Stats(one) = reply else { continue };
                all.replicas += one.replicas;
                all.sessions += one.sessions;
                all.sockets += one.sockets;
                all.rooms += one.rooms;
                // Of the whole already, as each replica last heard.
                all.users_online = all.users_online.max(one.users_online);
                all.uptime_seconds = all.uptime_seconds.max(one.uptime_seconds);
            }
            all
        })
    }
}

impl fmt::Debug for RedisCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCluster").field("asker", &self.asker).finish_non_exhaustive()
    }
}
