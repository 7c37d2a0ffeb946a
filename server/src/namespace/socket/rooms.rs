//! The rooms of a socket: asked for by its client, or ordered by a backend.

use crier_protocol::Room;

use super::Socket;
use crate::{lock, recovery::NotSaved};

/// Why a socket is not in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The socket has gone.
    #[error("the socket is disconnected")]
    Disconnected,
    /// It is in as many rooms as it may.
    #[error("a socket may be in at most {max} rooms")]
    TooManyRooms {
        /// The cap.
        max: usize,
    },
}

impl Socket {
    /// Enters a room; nothing changes if it is in there.
    ///
    /// # Errors
    /// The socket has gone, or is in as many rooms as it may.
    pub fn join(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        self.enter_room(room.into(), false)
    }

    /// Enters a room on a backend's order: when the client comes back, it is in there again without
    /// being asked ([`Handlers::on_restore`](crate::Handlers::on_restore)) whether it may.
    ///
    /// # Errors
    /// As for [`Socket::join`].
    pub fn join_by_backend(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        self.enter_room(room.into(), true)
    }

    fn enter_room(&self, room: Room, by_backend: bool) -> Result<(), JoinError> {
        let max = self.0.namespace.options().rooms_max;
        // The lock is held into the registry, so that no room can be joined past the last leave.
        // Order: socket, then registry; the registry never calls back.
        let mut state = lock(&self.0.state);
        if self.is_gone() {
            return Err(JoinError::Disconnected);
        }
        let is_in = state.rooms.contains(&room);
        if is_in && !by_backend || room.as_str() == self.id().as_str() {
            return Ok(());
        }
        if !is_in && state.rooms.len() >= max {
            return Err(JoinError::TooManyRooms { max });
        }
        // Read before the room is entered: whatever is delivered to it from now has a higher number.
        let last = self.recoveries().map_or(0, |recoveries| recoveries.log.complete());
        if !is_in {
            state.rooms.push(room.clone());
            self.0.namespace.registry().join(&room, self.id(), self.clone());
        }
        if by_backend && !state.ordered.contains(&room) {
            state.ordered.push(room.clone());
        }
        if let Some(held) = self.0.held.get() {
            held.session.joined(&room, last, by_backend);
        }
        drop(state);
        // What it is in on its way in is told when it is let in.
        if !is_in && self.is_connected() {
            self.tell_of_rooms([&room]);
        }
        Ok(())
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) {
        let mut state = lock(&self.0.state);
        let at = state.rooms.iter().position(|joined| joined.as_str() == room);
        let Some(at) = at else { return };
        let room = state.rooms.swap_remove(at);
        state.ordered.retain(|ordered| *ordered != room);
        self.0.namespace.registry().leave(&room, &self.id());
        if let (Some(held), Some(recoveries)) = (self.0.held.get(), self.recoveries()) {
            let (head, gone) = recoveries.log.ends();
            held.session.left(room.as_str(), head, gone);
        }
        drop(state);
        self.tell_of_rooms([&room]);
    }

    /// Tells the application of rooms that it has entered or left. Not under the lock of the state: the
    /// application looks at the socket.
    pub(super) fn tell_of_rooms<'a>(&self, rooms: impl IntoIterator<Item = &'a Room>) {
        if let Some(hook) = &self.0.behaviour.on_room {
            rooms.into_iter().for_each(|room| hook(self, room));
        }
    }

    /// The same of all rooms that it is in.
    pub(super) fn tell_of_all_rooms(&self) {
        if self.0.behaviour.on_room.is_some() {
            let rooms = lock(&self.0.state).rooms.clone();
            self.tell_of_rooms(&rooms);
        }
    }

    /// Waits until everything that has changed of its rooms until now outlives this process: where several
    /// replicas share their sessions, its client finds it so wherever it comes back. What a client is told
    /// of a room goes behind this.
    ///
    /// # Errors
    /// It cannot be written, or not in time (2 s). It may be written later.
    ///
    /// # Cancel safety
    /// It only waits.
    pub fn saved(&self) -> impl Future<Output = Result<(), NotSaved>> + Send + use<> {
        let held = self.0.held.get().zip(self.recoveries());
        let saved = held.and_then(|(held, recoveries)| recoveries.saved(&held.session));
        async move {
            match saved {
                Some(saved) => saved.await,
                None => Ok(()),
            }
        }
    }

    /// The rooms that it is in without a backend's order, its own apart: those that the application's
    /// policy has a say in.
    pub fn rooms_asked_for(&self) -> Vec<Room> {
        let state = lock(&self.0.state);
        state.rooms.iter().filter(|room| !state.ordered.contains(room)).cloned().collect()
    }

    /// Whether it is in a room.
    pub fn is_in(&self, room: &str) -> bool {
        lock(&self.0.state).rooms.iter().any(|joined| joined.as_str() == room)
            || room == self.id().as_str()
    }

    /// The rooms that it is in, its own first.
    pub fn rooms(&self) -> Vec<Room> {
        let mut rooms = vec![Room::from(self.id().as_str())];
        rooms.extend(lock(&self.0.state).rooms.iter().cloned());
        rooms
    }
}
