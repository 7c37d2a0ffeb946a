//! Who is there: from a person's first socket to the last, and a grace longer.
//!
//! ```text
//!            first socket                    last socket leaves
//!   Offline ──────────────▶ Online (sockets) ──────────────────▶ Online (leaving, until + grace)
//!      ▲      (announced)      ▲                                    │          │
//!      │                       └── a socket comes back: nothing ────┘          │
//!      └──────────────────────────── the grace is over (announced) ────────────┘
//! ```
//!
//! Each change is announced once, however many tabs there are, by one task for all persons. Used for
//! the users of `/` and, apart from them, for the persons of vendor-chat.

mod state;

use std::{
    fmt,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_domain::{Clock, UserId, cluster::Status};
use crier_protocol::SocketId;
use tokio::{sync::Notify, time::Instant};

use self::state::State;
use crate::lock;

/// The scopes of presence, each of its own.
#[derive(Clone, Debug)]
pub struct Presences {
    /// Users with sockets on `/`.
    pub main: Presence<UserId>,
    /// Persons of vendor-chat with sockets on `/presence`, as `CUSTOMER:5` and `VENDOR:5`.
    pub vendor_chat: Presence<String>,
}

impl Presences {
    /// Nobody is there yet.
    pub fn new(grace: Duration, clock: &Clock) -> Self {
        Self {
            main: Presence::new(grace, clock.clone()),
            vendor_chat: Presence::new(grace, clock.clone()),
        }
    }
}

/// One scope of presence. Cheap to clone. Persons that are there are as many as have sockets; of those
/// that are not, the last 100,000 are remembered.
pub struct Presence<P>(Arc<Inner<P>>);

struct Inner<P> {
    grace: Duration,
    clock: Clock,
    state: Mutex<State<P>>,
    /// There is a change to announce, or an earlier end of a grace.
    changed: Notify,
}

/// Somebody has come or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<P> {
    /// Who.
    pub person: P,
    /// Which of both.
    pub status: Status,
    /// When a socket of theirs was last there, in milliseconds since 1970: now, for who has come.
    pub last_seen: u64,
}

/// What is known of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether they are there, the grace included.
    pub status: Status,
    /// When a socket of theirs was last there, in milliseconds since 1970; `None` = not remembered.
    pub last_seen: Option<u64>,
    /// Their sockets now.
    pub sockets: usize,
}

impl<P: Clone + Eq + Hash + Send + 'static> Presence<P> {
    /// Nobody is there. `grace`: how long somebody without sockets still is.
    pub fn new(grace: Duration, clock: Clock) -> Self {
        let (state, changed) = (Mutex::new(State::default()), Notify::new());
        Self(Arc::new(Inner { grace, clock, state, changed }))
    }

    /// A socket of a person is there, until one [`Presence::leave`] for each join. Whether the person has
    /// come with it.
    pub fn join(&self, person: &P, socket: SocketId) -> bool {
        let (is_change, waiting) = {
            let mut state = lock(&self.0.state);
            (state.join(person, socket, self.0.clock.unix_ms()), state.stop_waiting(person))
        };
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
        if is_change {
            self.0.changed.notify_one();
        }
        is_change
    }

    /// A socket of a person has gone. With the last one the grace begins.
    pub fn leave(&self, person: &P, socket: &SocketId) {
        let until = Instant::now() + self.0.grace;
        let began = lock(&self.0.state).leave(person, socket, until, self.0.clock.unix_ms());
        if began {
            self.0.changed.notify_one();
        }
    }

    /// Whether a person is there, the grace included.
    pub fn is_online(&self, person: &P) -> bool {
        lock(&self.0.state).is_online(person)
    }

    /// Waits until a person is there; whether they were in time.
    ///
    /// # Cancel safety
    /// Dropped, nothing is left of the wait.
    pub async fn wait_online(&self, person: &P, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            let Some(waiting) = lock(&self.0.state).wait(person) else { return true };
            let _stop = StopWaiting { presence: self, person };
            let come = waiting.notified();
            // Between the look above and this line they may have come, and told nobody.
            let mut come = std::pin::pin!(come);
            come.as_mut().enable();
            if self.is_online(person) {
                return true;
            }
            if tokio::time::timeout_at(deadline, come).await.is_err() {
                return self.is_online(person);
            }
        }
    }

    /// What is known of a person.
    pub fn seen(&self, person: &P) -> Seen {
        lock(&self.0.state).seen(person, self.0.clock.unix_ms())
    }

    /// The sockets of a person; none while the grace runs.
    pub fn sockets(&self, person: &P) -> Vec<SocketId> {
        lock(&self.0.state).sockets(person)
    }

    /// How many persons are there.
    pub fn len(&self) -> usize {
        lock(&self.0.state).len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends graces when their time has come and announces every change, one after the other. To be
    /// run once, as a background task; without it nobody ever goes offline.
    pub async fn run<F, Fut>(self, mut announce: F)
    where
        F: FnMut(Change<P>) -> Fut,
        Fut: Future<Output = ()>,
    {
        loop {
            let (changes, next) = {
                let mut state = lock(&self.0.state);
                state.end_graces(Instant::now());
                (state.take_changes(), state.next_end())
            };
            for change in changes {
                announce(change).await;
            }
            let changed = self.0.changed.notified();
            match next {
                // Too late or changed: both are a reason to look again.
                Some(next) => drop(tokio::time::timeout_at(next, changed).await),
                None => changed.await,
            }
        }
    }
}

/// Takes a wait out of the state where nobody waits any more.
struct StopWaiting<'a, P: Clone + Eq + Hash + Send + 'static> {
    presence: &'a Presence<P>,
    person: &'a P,
}

impl<P: Clone + Eq + Hash + Send + 'static> Drop for StopWaiting<'_, P> {
    fn drop(&mut self) {
        lock(&self.presence.0.state).waited(self.person);
    }
}

impl<P> Clone for Presence<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for Presence<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("grace", &self.0.grace).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
