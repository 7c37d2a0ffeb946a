//! What a socket needs to come back, kept from its beginning on: it may end without a word.

use std::{
    fmt,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crier_protocol::{Namespace as Name, Pid, Room, SocketId};
use tokio::time::Instant;

use super::{
    Membership,
    kept::{Keeper, Numbers, Save, Unsaved},
};
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
    start: AtomicU64,
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
    /// What of it is to be written, where sessions are kept outside.
    unsaved: Option<Box<Unsaved>>,
}

/// What is read of a session that another process began.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) ids: (Pid, SocketId),
    pub(super) namespace: Name,
    pub(super) owner: Option<Arc<str>>,
    pub(super) start: u64,
    pub(super) generation: u64,
    pub(super) membership: Membership,
    pub(super) greeted: bool,
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
        let state = State {
            membership,
            generation: 0,
            holder,
            lost: None,
            over: false,
            greeted: false,
            unsaved: None,
        };
        Self { pid, namespace, id, owner, start: AtomicU64::new(start), state: Mutex::new(state) }
    }

    /// A session of another process, without a socket here yet; what becomes of it is written by `keeper`.
    pub(super) fn read(former: Former, holder: Weak<dyn Holder>, keeper: &Arc<Keeper>) -> Self {
        let Former { ids, namespace, owner, start, generation, membership, greeted } = former;
        let session = Self::new(ids, namespace, owner, start, holder);
        {
            let mut state = lock(&session.state);
            (state.generation, state.membership, state.greeted) = (generation, membership, greeted);
            state.unsaved = Some(Box::new(Unsaved::nothing(keeper)));
        }
        session
    }

    /// From now it is written by `keeper`, all of it first.
    pub(super) fn keep_outside(self: &Arc<Self>, keeper: &Arc<Keeper>) {
        let mut state = lock(&self.state);
        state.unsaved = Some(Box::new(Unsaved::nothing(keeper)));
        self.change(&mut state, Unsaved::all);
    }

    /// The last event before it.
    pub(crate) fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    /// Its client is told only now that it has begun.
    pub(crate) fn begin(self: &Arc<Self>, start: u64, holder: Weak<dyn Holder>) {
        let mut state = lock(&self.state);
        state.holder = holder;
        if self.start.swap(start, Ordering::AcqRel) != start {
            self.change(&mut state, Unsaved::head);
        }
    }

    fn change(self: &Arc<Self>, state: &mut State, what: impl FnOnce(&mut Unsaved)) {
        if let Some(unsaved) = &mut state.unsaved {
            what(unsaved);
            unsaved.queue(self);
        }
    }

    /// Everything of it is to be written again, where it has a socket.
    pub(super) fn save_all(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if !state.over && state.lost.is_none() {
            self.change(&mut state, Unsaved::all);
        }
    }

    /// What is to be written of it now; `None` where nothing is.
    pub(super) fn save(&self, numbers: &dyn Numbers) -> Option<Save> {
        let mut state = lock(&self.state);
        let State { membership, generation, lost, over, greeted, unsaved, .. } = &mut *state;
        let unsaved = unsaved.as_mut()?;
        let standing = (*generation, *over, lost.is_some(), *greeted);
        unsaved.take(self, standing, membership, numbers)
    }

    /// A write has ended. It was of this generation, and had everything up to this version where it was
    /// done; else all of it is to be written again, at the next change or where `again` at once.
    pub(super) fn saved(self: &Arc<Self>, generation: u64, done: Option<u64>, again: bool) {
        let mut state = lock(&self.state);
        let is_current = state.generation == generation;
        let Some(unsaved) = &mut state.unsaved else { return };
        match done {
            Some(version) => unsaved.done(version),
            None => {
                unsaved.all();
                if again || !is_current {
                    unsaved.queue(self);
                }
            }
        }
    }

    /// How far it has changed, and how far that is written; `None` where it need not be.
    pub(super) fn versions(&self) -> Option<(u64, u64)> {
        let state = lock(&self.state);
        let unsaved = state.unsaved.as_ref().filter(|_| !state.over)?;
        Some(unsaved.versions())
    }

    /// Somebody elsewhere has it, of this generation: it is nobody's here any more. Whether it was, and the
    /// socket that had it.
    pub(super) fn overtake(&self, generation: u64) -> Option<Option<Arc<dyn Holder>>> {
        let mut state = lock(&self.state);
        if state.generation >= generation {
            return None;
        }
        state.generation = generation;
        state.over = true;
        state.unsaved = None;
        Some(std::mem::replace(&mut state.holder, Weak::<Nobody>::new()).upgrade())
    }

    /// A client that is on its way in has counted its generation up, outside; false where that is not the
    /// next of this one.
    pub(super) fn claim(&self, generation: u64) -> bool {
        let mut state = lock(&self.state);
        let is_next = !state.over && state.generation + 1 == generation;
        if is_next {
            state.generation = generation;
        }
        is_next
    }

    /// Its generation and whether a socket has it; `None` once it is over.
    pub(super) fn held(&self) -> Option<(u64, bool)> {
        let state = lock(&self.state);
        (!state.over).then_some((state.generation, state.lost.is_none()))
    }

    /// Its generation, and since when no socket has it; `None` once it is over.
    pub(super) fn standing(&self) -> Option<(u64, Option<Instant>)> {
        let state = lock(&self.state);
        (!state.over).then_some((state.generation, state.lost))
    }

    /// A socket takes it up, from one generation to the next: the socket that had it. `None` where another
    /// was faster, or it is over.
    pub(crate) fn take_up(
        self: &Arc<Self>,
        (generation, next): (u64, u64),
        holder: Weak<dyn Holder>,
    ) -> Option<Option<Arc<dyn Holder>>> {
        let mut state = lock(&self.state);
        if state.over || state.generation != generation {
            return None;
        }
        state.generation = next;
        state.lost = None;
        // Somebody may have claimed it elsewhere since it was claimed here, and the word of that may have come
        // before it was known here: a write finds out.
        self.change(&mut state, Unsaved::head);
        let former = std::mem::replace(&mut state.holder, holder);
        Some(former.upgrade())
    }

    /// Whether another socket has taken it up since this generation.
    pub(crate) fn is_taken_from(&self, generation: u64) -> bool {
        lock(&self.state).generation != generation
    }

    /// Its socket has gone, unless another has it by now; true where it waits for its client from now.
    pub(super) fn lose(self: &Arc<Self>, generation: u64, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let lost = !state.over && state.generation == generation && state.lost.is_none();
        if lost {
            state.lost = Some(now);
            self.change(&mut state, Unsaved::head);
        }
        lost
    }

    /// Nobody may take it up any more, unless another socket has it by now.
    pub(super) fn end(self: &Arc<Self>, generation: u64) -> bool {
        let mut state = lock(&self.state);
        let ends = state.generation == generation;
        if ends && !std::mem::replace(&mut state.over, true) {
            self.change(&mut state, Unsaved::head);
        }
        ends
    }

    /// Nobody may take it up any more, whoever has it.
    pub(super) fn end_for_all(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if !std::mem::replace(&mut state.over, true) {
            self.change(&mut state, Unsaved::head);
        }
    }

    /// Whether it was sent what a session gets once.
    pub(crate) fn is_greeted(&self) -> bool {
        lock(&self.state).greeted
    }

    /// It is sent that now; true for the one caller who is to send it.
    pub(crate) fn greet(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        let is_new = !std::mem::replace(&mut state.greeted, true);
        if is_new {
            self.change(&mut state, Unsaved::head);
        }
        is_new
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

    /// Whether it was in any of these rooms, its own among them, at an event.
    pub(super) fn was_in_any(&self, rooms: &[Room], event: u64) -> bool {
        rooms.iter().any(|room| room.as_str() == self.id.as_str())
            || lock(&self.state).membership.was_in_any(rooms, event)
    }

    pub(crate) fn joined(self: &Arc<Self>, room: &Room, at: u64, by_backend: bool) {
        let mut state = lock(&self.state);
        let was = state.membership.is_in(room.as_str());
        state.membership.join(room, at, by_backend);
        if was != state.membership.is_in(room.as_str()) {
            self.change(&mut state, |unsaved| unsaved.room(room.as_str()));
        }
    }

    pub(crate) fn left(self: &Arc<Self>, room: &str, at: u64, gone: u64) {
        let mut state = lock(&self.state);
        state.membership.leave(room, at, gone);
        self.change(&mut state, |unsaved| unsaved.room(room));
    }

    /// Left a room by an order as of event `at`; an entry after it stays.
    pub(super) fn left_before(self: &Arc<Self>, room: &str, at: u64) {
        let mut state = lock(&self.state);
        if state.membership.leave_before(room, at, 0) {
            self.change(&mut state, |unsaved| unsaved.room(room));
        }
    }

    /// A room that it may not have any more: not now, and nothing of what was sent there.
    pub(crate) fn denied(self: &Arc<Self>, room: &str) {
        let mut state = lock(&self.state);
        state.membership.forget(room);
        self.change(&mut state, |unsaved| unsaved.room(room));
    }
}

/// Who has a session that is nobody's.
struct Nobody;

impl Holder for Nobody {
    fn give_up(&self) {}
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}
