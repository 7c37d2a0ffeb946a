//! What a socket needs to come back, kept from its beginning on: it may end without a word.

use std::{
    fmt,
    sync::{Arc, Mutex, Weak},
};

use crier_protocol::{Namespace as Name, Pid, Room, SocketId};
use tokio::time::Instant;

use super::Membership;
use crate::lock;

/// A socket that has a session.
pub(crate) trait Holder: Send + Sync {
    /// Another connection has taken its session up: it leaves everything at once, gets nothing more, and
    /// its own connection is ended.
    fn give_up(&self);
}

/// The recoverable part of a socket.
pub(crate) struct Session {
    /// The secret by which its client asks for it.
    pub(crate) pid: Pid,
    /// The namespace.
    pub(crate) namespace: Name,
    /// The public id, kept by every socket that takes it up.
    pub(crate) id: SocketId,
    /// Who had it when it began; nobody else may take it up.
    pub(crate) owner: Option<Arc<str>>,
    /// The last event before it.
    pub(crate) start: u64,
    state: Mutex<State>,
}

struct State {
    membership: Membership,
    /// Counts the sockets that had it: of two that want it at once, the one that finds the number as it
    /// was told gets it.
    generation: u64,
    holder: Weak<dyn Holder>,
    /// Since when no socket has it.
    lost: Option<Instant>,
    /// Ended for good.
    over: bool,
    /// It was sent what a session gets once.
    greeted: bool,
}

impl Session {
    /// The session of a socket that begins; its generation is 0.
    pub(crate) fn new(
        (pid, id): (Pid, SocketId),
        namespace: Name,
        owner: Option<Arc<str>>,
        start: u64,
        holder: Weak<dyn Holder>,
    ) -> Self {
        let membership = Membership::default();
        let state =
            State { membership, generation: 0, holder, lost: None, over: false, greeted: false };
        Self { pid, namespace, id, owner, start, state: Mutex::new(state) }
    }

    /// Its generation, and since when no socket has it; `None` once it is over.
    pub(super) fn standing(&self) -> Option<(u64, Option<Instant>)> {
        let state = lock(&self.state);
        (!state.over).then_some((state.generation, state.lost))
    }

    /// A socket takes it up: the new generation, and the socket that had it. `None` where another was
    /// faster, or it is over.
    pub(crate) fn take_up(
        &self,
        generation: u64,
        holder: Weak<dyn Holder>,
    ) -> Option<(u64, Option<Arc<dyn Holder>>)> {
        let mut state = lock(&self.state);
        if state.over || state.generation != generation {
            return None;
        }
        state.generation += 1;
        state.lost = None;
        let former = std::mem::replace(&mut state.holder, holder);
        Some((state.generation, former.upgrade()))
    }

    /// Whether another socket has taken it up since this generation.
    pub(crate) fn is_taken_from(&self, generation: u64) -> bool {
        lock(&self.state).generation != generation
    }

    /// Its socket has gone, unless another has it by now; true where it waits for its client from now.
    pub(super) fn lose(&self, generation: u64, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let lost = !state.over && state.generation == generation && state.lost.is_none();
        if lost {
            state.lost = Some(now);
        }
        lost
    }

    /// Nobody may take it up any more, unless another socket has it by now.
    pub(super) fn end(&self, generation: u64) -> bool {
        let mut state = lock(&self.state);
        let ends = state.generation == generation;
        state.over |= ends;
        ends
    }

    /// Nobody may take it up any more, whoever has it.
    pub(super) fn end_for_all(&self) {
        lock(&self.state).over = true;
    }

    /// Whether it was sent what a session gets once.
    pub(crate) fn is_greeted(&self) -> bool {
        lock(&self.state).greeted
    }

    /// It is sent that now; true for the one caller who is to send it.
    pub(crate) fn greet(&self) -> bool {
        !std::mem::replace(&mut lock(&self.state).greeted, true)
    }

    /// Whether it has been waiting for its client since this moment.
    pub(super) fn is_lost_since(&self, since: Instant) -> bool {
        lock(&self.state).lost == Some(since)
    }

    /// The rooms as they are now.
    pub(crate) fn membership(&self) -> Membership {
        lock(&self.state).membership.clone()
    }

    /// Whether it is in any of these rooms, its own among them.
    pub(super) fn is_in_any(&self, rooms: &[Room]) -> bool {
        let state = lock(&self.state);
        rooms.iter().any(|room| {
            room.as_str() == self.id.as_str()
                || state.membership.open().any(|(open, _)| open == room)
        })
    }

    pub(crate) fn joined(&self, room: &Room, at: u64, by_backend: bool) {
        lock(&self.state).membership.join(room, at, by_backend);
    }

    pub(crate) fn left(&self, room: &str, at: u64, gone: u64) {
        lock(&self.state).membership.leave(room, at, gone);
    }

    /// A room that it may not have any more: not now, and nothing of what was sent there.
    pub(crate) fn denied(&self, room: &str) {
        lock(&self.state).membership.forget(room);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}
