//! The sessions of this process, by their secrets.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_protocol::{Namespace as Name, Pid, Room};
use tokio::time::Instant;

use super::Session;
use crate::lock;

/// Every session that has a socket, or whose client may come back.
#[derive(Debug)]
pub(crate) struct Sessions {
    window: Duration,
    waiting_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_pid: HashMap<Pid, Arc<Session>>,
    /// Without a socket, in the order in which they lost it.
    waiting: VecDeque<(Instant, Arc<Session>)>,
}

impl Sessions {
    pub(crate) fn new(window: Duration, waiting_max: usize) -> Self {
        Self { window, waiting_max, inner: Mutex::default() }
    }

    pub(crate) fn insert(&self, session: &Arc<Session>) {
        lock(&self.inner).by_pid.insert(session.pid, Arc::clone(session));
    }

    /// Takes one that was read; false where a later generation is here already.
    pub(super) fn insert_read(&self, session: &Arc<Session>) -> bool {
        let generation = |session: &Session| session.standing().map(|(generation, _)| generation);
        let mut inner = lock(&self.inner);
        let here = inner.by_pid.get(&session.pid).and_then(|session| generation(session));
        let is_newer = here < generation(session);
        if is_newer {
            inner.by_pid.insert(session.pid, Arc::clone(session));
        }
        is_newer
    }

    pub(super) fn find(&self, pid: &Pid) -> Option<Arc<Session>> {
        lock(&self.inner).by_pid.get(pid).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).by_pid.len()
    }

    /// Ends every session of an owner, with a socket or without, for who comes back.
    pub(crate) fn forget_owner(&self, owner: &str) {
        self.forget_owner_before(owner, u64::MAX);
    }

    /// Those of them that began before an event.
    pub(super) fn forget_owner_before(&self, owner: &str, at: u64) {
        lock(&self.inner).by_pid.retain(|_, session| {
            let is_theirs = session.owner.as_deref() == Some(owner) && session.start() < at;
            if is_theirs {
                // Somebody may have found it already, and be about to take it up.
                session.end_for_all();
            }
            !is_theirs
        });
    }

    /// Ends every session: whoever is connected has missed something for good.
    pub(super) fn forget_all(&self) {
        let all = std::mem::take(&mut lock(&self.inner).by_pid);
        for session in all.into_values() {
            session.end_for_all();
        }
    }

    /// Every session with a socket is to be written again.
    pub(super) fn save_all(&self) {
        let all: Vec<_> = lock(&self.inner).by_pid.values().cloned().collect();
        for session in all {
            session.save_all();
        }
    }

    /// Those that have a socket, with their generations.
    pub(super) fn held(&self) -> Vec<(Pid, u64)> {
        let inner = lock(&self.inner);
        let held = inner.by_pid.values().filter_map(|session| match session.held() {
            Some((generation, true)) => Some((session.pid, generation)),
            _ => None,
        });
        held.collect()
    }

    /// A session has a socket elsewhere, of this generation: the one here gives up. To be called while nobody
    /// is let in ([`Log::in_order`](super::Log::in_order)).
    pub(super) fn overtaken(&self, pid: &Pid, generation: u64) {
        let former = {
            let mut inner = lock(&self.inner);
            let former = inner.by_pid.get(pid).and_then(|session| session.overtake(generation));
            if former.is_some() {
                inner.by_pid.remove(pid);
            }
            former.flatten()
        };
        // Out of the lock: it is one of a socket's.
        if let Some(former) = former {
            former.give_up();
        }
    }

    /// A session of this generation is over.
    pub(super) fn end_of(&self, pid: &Pid, generation: u64) {
        if let Some(session) = self.find(pid) {
            self.end(&session, generation);
        }
    }

    /// Sessions of a namespace whose clients are away: those of an owner where one is named, and in any of
    /// the rooms where some are.
    pub(crate) fn away(
        &self,
        namespace: &Name,
        owner: Option<&str>,
        rooms: &[Room],
    ) -> Vec<Arc<Session>> {
        let is_meant = |session: &&Arc<Session>| {
            session.namespace == *namespace
                && owner.is_none_or(|owner| session.owner.as_deref() == Some(owner))
                && matches!(session.standing(), Some((_, Some(_))))
                && (rooms.is_empty() || session.is_in_any(rooms))
        };
        lock(&self.inner).by_pid.values().filter(is_meant).cloned().collect()
    }

    /// Ends a session whose client is away, unless it has come back by now.
    pub(crate) fn end_away(&self, session: &Arc<Session>) {
        if let Some((generation, Some(_))) = session.standing() {
            self.end(session, generation);
        }
    }

    /// Its socket of this generation has gone.
    pub(super) fn lost(&self, session: &Arc<Session>, generation: u64, now: Instant) {
        let mut inner = lock(&self.inner);
        if session.lose(generation, now) {
            inner.waiting.push_back((now, Arc::clone(session)));
        }
        inner.prune(self.window, self.waiting_max, now);
    }

    /// One side has said goodbye: its socket of this generation was the last.
    pub(crate) fn end(&self, session: &Arc<Session>, generation: u64) {
        if session.end(generation) {
            lock(&self.inner).by_pid.remove(&session.pid);
        }
    }
}

impl Inner {
    /// A session is kept for a second window, in which its client is told that it is too late.
    fn prune(&mut self, window: Duration, waiting_max: usize, now: Instant) {
        while let Some((since, _)) = self.waiting.front() {
            let too_old = now.saturating_duration_since(*since) > 2 * window;
            if !too_old && self.waiting.len() <= waiting_max {
                break;
            }
            if let Some((since, session)) = self.waiting.pop_front()
                && session.is_lost_since(since)
            {
                self.by_pid.remove(&session.pid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use crier_protocol::{Namespace, SocketId};

    use super::{super::Holder, *};

    struct Nobody;

    impl Holder for Nobody {
        fn give_up(&self) {}
    }

    fn nobody() -> Weak<dyn Holder> {
        Weak::<Nobody>::new()
    }

    fn session(sessions: &Sessions, n: u8) -> Arc<Session> {
        let ids = (Pid::from_random([n; 16]), SocketId::from_random([n; 15]));
        let session = Arc::new(Session::new(ids, Namespace::MAIN, None, 0, nobody()));
        sessions.insert(&session);
        session
    }

    #[tokio::test(start_paused = true)]
    async fn the_sessions_of_one_owner_are_forgotten() {
        let sessions = Sessions::new(WINDOW, 10);
        for (n, owner) in [(1, Some("ann")), (2, Some("ben")), (3, None), (4, Some("ann"))] {
            let ids = (Pid::from_random([n; 16]), SocketId::from_random([n; 15]));
            let owner = owner.map(Into::into);
            sessions.insert(&Arc::new(Session::new(ids, Namespace::MAIN, owner, 0, nobody())));
        }
        sessions.forget_owner("ann");
        let kept = [1, 2, 3, 4].map(|n| sessions.find(&Pid::from_random([n; 16])).is_some());
        assert_eq!(kept, [false, true, true, false]);
    }

    #[test]
    fn a_session_that_was_found_before_it_was_forgotten_is_not_taken_up() {
        let sessions = Sessions::new(WINDOW, 10);
        let ids = (Pid::from_random([1; 16]), SocketId::from_random([1; 15]));
        sessions.insert(&Arc::new(Session::new(
            ids,
            Namespace::MAIN,
            Some("ann".into()),
            0,
            nobody(),
        )));
        let found = sessions.find(&ids.0).unwrap();
        let (generation, _) = found.standing().unwrap();
        sessions.forget_owner("ann");
        assert!(
            found.standing().is_none()
                && found.take_up((generation, generation + 1), nobody()).is_none()
        );
    }

    const WINDOW: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn a_session_without_a_socket_is_kept_for_two_windows() {
        let sessions = Sessions::new(WINDOW, 10);
        let (lost, connected) = (session(&sessions, 1), session(&sessions, 2));
        sessions.lost(&lost, 0, Instant::now());
        tokio::time::advance(2 * WINDOW).await;
        sessions.lost(&session(&sessions, 3), 0, Instant::now());
        assert!(sessions.find(&lost.pid).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        sessions.lost(&session(&sessions, 4), 0, Instant::now());
        assert!(sessions.find(&lost.pid).is_none());
        assert!(sessions.find(&connected.pid).is_some());
    }

    #[test]
    fn as_many_wait_as_may_and_the_first_goes_first() {
        let sessions = Sessions::new(WINDOW, 2);
        let all: Vec<_> = (1..=4).map(|n| session(&sessions, n)).collect();
        for session in &all {
            sessions.lost(session, 0, Instant::now());
        }
        let kept: Vec<_> = all.iter().map(|s| sessions.find(&s.pid).is_some()).collect();
        assert_eq!(kept, [false, false, true, true]);
    }

    #[test]
    fn one_of_two_takes_a_session_up() {
        let sessions = Sessions::new(WINDOW, 2);
        let session = session(&sessions, 1);
        sessions.lost(&session, 0, Instant::now());
        let (generation, _) = session.standing().unwrap();
        let new = generation + 1;
        assert!(session.take_up((generation, new), nobody()).unwrap().is_none());
        assert!(session.take_up((generation, new), nobody()).is_none());
        // What the former socket still does is nothing to it.
        sessions.lost(&session, generation, Instant::now());
        sessions.end(&session, generation);
        assert_eq!(session.standing(), Some((new, None)));
        assert!(sessions.find(&session.pid).is_some());
        sessions.end(&session, new);
        assert!(session.standing().is_none() && sessions.find(&session.pid).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_came_back_is_not_forgotten_for_its_first_loss() {
        let sessions = Sessions::new(WINDOW, 1);
        let session_1 = session(&sessions, 1);
        sessions.lost(&session_1, 0, Instant::now());
        session_1.take_up((0, 1), nobody()).unwrap();
        for n in 2..5 {
            sessions.lost(&session(&sessions, n), 0, Instant::now());
        }
        assert!(sessions.find(&session_1.pid).is_some());
    }
}
