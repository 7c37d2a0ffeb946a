//! A cluster whose sockets the test makes up.

use std::{future::ready, sync::Mutex};

use crier_domain::{
    Cluster, UserId,
    cluster::{
        ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats, Status,
    },
};
use crier_protocol::{Namespace, Room};

use crate::bus::lock;

/// Records orders, and answers with what it was given.
#[derive(Debug, Default)]
pub(crate) struct FakeCluster {
    pub(crate) orders: Mutex<Vec<Order>>,
    pub(crate) rooms: Mutex<Vec<RoomSize>>,
    pub(crate) sockets: Mutex<usize>,
}

impl Cluster for FakeCluster {
    fn order(&self, order: Order) -> ClusterFuture<'_, Reached> {
        lock(&self.orders).push(order);
        Box::pin(ready(Reached { matched: 2, missing: vec!["r2".into()] }))
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(ready(lock(&self.rooms).clone()))
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let users = vec![UserId::parse("u").unwrap(), 5_u64.into()];
        Box::pin(ready(RoomView { room: room.as_str().to_owned(), sockets: 3, users }))
    }

    fn presence(&self, scope: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        assert_eq!(scope, Scope::Main);
        let user_id = person.to_owned();
        let status = Status::Offline;
        Box::pin(ready(PresenceView { user_id, status, last_seen: None, sockets: 0 }))
    }

    fn sockets_len(&self, _: &Namespace) -> ClusterFuture<'_, usize> {
        Box::pin(ready(*lock(&self.sockets)))
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(ready(Stats { replicas: 1, ..Stats::default() }))
    }
}
