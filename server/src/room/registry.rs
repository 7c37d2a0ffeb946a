//! Which sockets are in which room of one namespace.
//!
//! Two maps and one order: rooms, then sockets; never a call into a map while an entry of it is held.
//! Readers get an owned snapshot, shared until the room changes, so a broadcast to a quiet room of any
//! size costs one reference count, and no guard ever leaves this file.
//!
//! A socket's own room, which has its id for a name, is not stored: the map of sockets answers for it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use crier_protocol::{Room, SocketId};
use dashmap::{DashMap, Entry};

/// Members of a room at one moment.
pub(crate) type Members<S> = Arc<[S]>;

/// Called for a room that began or ended, sockets' own rooms too; by then it may be otherwise again.
pub(crate) type RoomWatch = Box<dyn Fn(&Room) + Send + Sync>;

/// Rooms and sockets of a namespace. `S` is a cheap handle of a socket.
pub(crate) struct Registry<S> {
    watch: OnceLock<RoomWatch>,
    sockets: DashMap<SocketId, S>,
    rooms: DashMap<Room, RoomEntry<S>>,
    everyone: std::sync::Mutex<Option<Members<S>>>,
}

struct RoomEntry<S> {
    by_id: HashMap<SocketId, S>,
    snapshot: Option<Members<S>>,
}

impl<S: Clone> Registry<S> {
    pub(crate) fn new() -> Self {
        Self {
            watch: OnceLock::new(),
            sockets: DashMap::new(),
            rooms: DashMap::new(),
            everyone: std::sync::Mutex::default(),
        }
    }

    /// Calls `watch` for every room that begins or ends from now on. Set once, before anybody joins.
    pub(crate) fn watch(&self, watch: RoomWatch) {
        let _ = self.watch.set(watch);
    }

    /// Adds a socket to the namespace.
    pub(crate) fn insert(&self, id: SocketId, socket: S) {
        self.sockets.insert(id, socket);
        self.forget_everyone();
        self.changed(|| Room::from(id.as_str()));
    }

    /// Takes a socket out of the namespace; its rooms are left one by one by their names.
    pub(crate) fn remove(&self, id: &SocketId) {
        self.sockets.remove(id);
        self.forget_everyone();
        self.changed(|| Room::from(id.as_str()));
    }

    /// Adds a socket to a room; true if the room is new.
    pub(crate) fn join(&self, room: &Room, id: SocketId, socket: S) -> bool {
        let is_new = match self.rooms.entry(room.clone()) {
            Entry::Occupied(mut entry) => {
                let members = entry.get_mut();
                members.by_id.insert(id, socket);
                members.snapshot = None;
                false
            }
            Entry::Vacant(entry) => {
                let by_id = HashMap::from([(id, socket)]);
                entry.insert(RoomEntry { by_id, snapshot: None });
                true
            }
        };
        if is_new {
            self.changed(|| room.clone());
        }
        is_new
    }

    /// Takes a socket out of a room; true if the room ended with it.
    pub(crate) fn leave(&self, room: &Room, id: &SocketId) -> bool {
        let Entry::Occupied(mut entry) = self.rooms.entry(room.clone()) else {
            return false;
        };
        let members = entry.get_mut();
        members.by_id.remove(id);
        members.snapshot = None;
        // Removed under the same lock, so no join can slip in between.
        let empty = members.by_id.is_empty();
        if empty {
            entry.remove();
            self.changed(|| room.clone());
        }
        empty
    }

    /// Tells whoever watches; no entry is held by now.
    fn changed(&self, room: impl FnOnce() -> Room) {
        if let Some(watch) = self.watch.get() {
            watch(&room());
        }
    }

    /// A socket by its id.
    pub(crate) fn socket(&self, id: &SocketId) -> Option<S> {
        self.sockets.get(id).map(|entry| entry.value().clone())
    }

    /// The members of a room; of a room with a socket's id for a name, that socket too.
    pub(crate) fn members(&self, room: &Room) -> Option<Members<S>> {
        let stored = self.rooms.get_mut(room.as_str()).map(|mut entry| {
            let members = entry.value_mut();
            let snapshot =
                members.snapshot.get_or_insert_with(|| members.by_id.values().cloned().collect());
            Arc::clone(snapshot)
        });
        let own = SocketId::parse(room.as_str()).and_then(|id| self.socket(&id));
        match (stored, own) {
            (Some(stored), Some(own)) => Some(stored.iter().cloned().chain([own]).collect()),
            (Some(stored), None) => Some(stored),
            (None, own) => own.map(|own| Arc::from([own])),
        }
    }

    /// How many members a room has, a socket's own room apart.
    pub(crate) fn members_len(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, |entry| entry.value().by_id.len())
    }

    /// Every socket of the namespace.
    pub(crate) fn everyone(&self) -> Members<S> {
        let mut cached = crate::lock(&self.everyone);
        let fresh = || self.sockets.iter().map(|entry| entry.value().clone()).collect();
        Arc::clone(cached.get_or_insert_with(fresh))
    }

    /// How many sockets the namespace has.
    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// How many rooms there are, sockets' own apart.
    pub(crate) fn rooms_len(&self) -> usize {
        self.rooms.len()
    }

    /// Names and sizes of the rooms.
    pub(crate) fn rooms(&self) -> Vec<(Room, usize)> {
        self.rooms.iter().map(|entry| (entry.key().clone(), entry.value().by_id.len())).collect()
    }

    fn forget_everyone(&self) {
        *crate::lock(&self.everyone) = None;
    }
}
