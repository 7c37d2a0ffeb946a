//! What a scope of presence knows, without clock and tasks.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use crier_domain::cluster::Status;
use crier_protocol::SocketId;
use smallvec::SmallVec;
use tokio::{sync::Notify, time::Instant};

use super::{Change, Seen};

/// Persons who are not there and of whom it is known since when. Overflow: whoever left first is
/// forgotten.
const GONE_MAX: usize = 100_000;

pub(super) struct State<P> {
    /// Those who are there.
    here: HashMap<P, Person>,
    /// Ends of graces in the order in which they come, since the grace is the same for all. One of a
    /// person who came back counts no more.
    ends: VecDeque<(Instant, u64, P)>,
    /// Those who are not, with the time when they left and the number of that leaving.
    gone: HashMap<P, (u64, u64)>,
    gone_in_order: VecDeque<(u64, P)>,
    /// What is still to be announced.
    changes: Vec<Change<P>>,
    waiters: Waiters<P>,
    /// Numbers leavings.
    leavings: u64,
}

#[derive(Default)]
struct Person {
    /// One for each join without its leave. An id may be there twice: a session that goes on over a new
    /// connection keeps the id, and its old connection may end after the new one has begun.
    sockets: SmallVec<[SocketId; 1]>,
    /// The number of the leaving, and when it was; while the grace runs.
    leaving: Option<(u64, u64)>,
}

/// Who waits for whom.
pub(super) struct Waiters<P>(HashMap<P, Waiting>);

struct Waiting {
    come: Arc<Notify>,
    count: usize,
}

impl<P: Clone + Eq + Hash> Waiters<P> {
    /// One more waits.
    pub(super) fn add(&mut self, person: &P) -> Arc<Notify> {
        let fresh = || Waiting { come: Arc::new(Notify::new()), count: 0 };
        let waiting = self.0.entry(person.clone()).or_insert_with(fresh);
        waiting.count += 1;
        Arc::clone(&waiting.come)
    }

    /// One less does.
    pub(super) fn remove(&mut self, person: &P) {
        if let Some(waiting) = self.0.get_mut(person) {
            waiting.count = waiting.count.saturating_sub(1);
            if waiting.count == 0 {
                self.0.remove(person);
            }
        }
    }

    /// Whom to tell that a person has come.
    pub(super) fn of(&self, person: &P) -> Option<Arc<Notify>> {
        self.0.get(person).map(|waiting| Arc::clone(&waiting.come))
    }
}

impl<P> Default for Waiters<P> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<P: Clone + Eq + Hash> State<P> {
    pub(super) fn join(&mut self, person: &P, socket: SocketId, now_ms: u64) -> bool {
        let is_new = !self.here.contains_key(person);
        let known = self.here.entry(person.clone()).or_default();
        known.leaving = None;
        known.sockets.push(socket);
        if is_new {
            self.gone.remove(person);
            let status = Status::Online;
            self.changes.push(Change { person: person.clone(), status, last_seen: now_ms });
        }
        is_new
    }

    /// True if the grace begins.
    pub(super) fn leave(
        &mut self,
        person: &P,
        socket: &SocketId,
        until: Instant,
        now_ms: u64,
    ) -> bool {
        let Some(known) = self.here.get_mut(person) else { return false };
        let Some(at) = known.sockets.iter().position(|one| one == socket) else { return false };
        known.sockets.swap_remove(at);
        if !known.sockets.is_empty() {
            return false;
        }
        self.leavings += 1;
        known.leaving = Some((self.leavings, now_ms));
        self.ends.push_back((until, self.leavings, person.clone()));
        true
    }

    pub(super) fn end_graces(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|(until, _, _)| *until <= now) {
            let Some((_, number, person)) = self.ends.pop_front() else { return };
            let leaving = self.here.get(&person).and_then(|known| known.leaving);
            let Some((_, last_seen)) = leaving.filter(|(leaving, _)| *leaving == number) else {
                continue;
            };
            self.here.remove(&person);
            self.remember(person.clone(), last_seen, number);
            self.changes.push(Change { person, status: Status::Offline, last_seen });
        }
    }

    fn remember(&mut self, person: P, last_seen: u64, number: u64) {
        self.gone.insert(person.clone(), (last_seen, number));
        self.gone_in_order.push_back((number, person));
        while self.gone_in_order.len() > GONE_MAX {
            let Some((number, person)) = self.gone_in_order.pop_front() else { return };
            // Where they came back and left again, that later leaving is remembered.
            if self.gone.get(&person).is_some_and(|(_, latest)| *latest == number) {
                self.gone.remove(&person);
            }
        }
    }

    /// When the next grace may end.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.front().map(|(until, _, _)| *until)
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change<P>> {
        std::mem::take(&mut self.changes)
    }

    pub(super) fn is_online(&self, person: &P) -> bool {
        self.here.contains_key(person)
    }

    pub(super) fn seen(&self, person: &P, now_ms: u64) -> Seen {
        match self.here.get(person) {
            Some(known) => {
                let last_seen = known.leaving.map_or(now_ms, |(_, at)| at);
                let sockets = known.sockets.len();
                Seen { status: Status::Online, last_seen: Some(last_seen), sockets }
            }
            None => {
                let last_seen = self.gone.get(person).map(|(at, _)| *at);
                Seen { status: Status::Offline, last_seen, sockets: 0 }
            }
        }
    }

    pub(super) fn sockets(&self, person: &P) -> Vec<SocketId> {
        self.here.get(person).map(|known| known.sockets.to_vec()).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.here.len()
    }

    /// One more waits for a person; `None` if they are there.
    pub(super) fn wait(&mut self, person: &P) -> Option<Arc<Notify>> {
        if self.is_online(person) {
            return None;
        }
        Some(self.waiters.add(person))
    }

    /// One less waits.
    pub(super) fn waited(&mut self, person: &P) {
        self.waiters.remove(person);
    }

    /// Whom to tell that a person has come.
    pub(super) fn stop_waiting(&mut self, person: &P) -> Option<Arc<Notify>> {
        self.waiters.of(person)
    }
}

impl<P> Default for State<P> {
    fn default() -> Self {
        Self {
            here: HashMap::new(),
            ends: VecDeque::new(),
            gone: HashMap::new(),
            gone_in_order: VecDeque::new(),
            changes: Vec::new(),
            waiters: Waiters::default(),
            leavings: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_left_first_are_forgotten_first() {
        let (mut state, now) = (State::default(), Instant::now());
        let socket = SocketId::from_random([1; 15]);
        for person in 0..=GONE_MAX {
            state.join(&person, socket, 1);
            state.leave(&person, &socket, now, 2);
        }
        // Somebody who came back and left again is remembered by that.
        state.end_graces(now);
        assert_eq!(state.seen(&0, 9).last_seen, None);
        assert_eq!(state.seen(&1, 9).last_seen, Some(2));
        state.join(&1, socket, 3);
        state.leave(&1, &socket, now, 4);
        state.end_graces(now);
        assert_eq!(state.seen(&1, 9).last_seen, Some(4));
        assert_eq!((state.gone_in_order.len(), state.len()), (GONE_MAX, 0));
    }
}
