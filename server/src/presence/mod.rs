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
//!
//! Of several replicas, Redis keeps this picture for all ([`crier_domain::redis::presence`]); then each
//! knows by itself only who has sockets here.

mod here;
mod shared;
mod state;

use std::{
    fmt,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_domain::{
    Clock, Publish, UserId,
    cluster::{Scope, Status},
    redis::{Redis, presence::PresenceTable},
    time::unix_ms,
};
use crier_protocol::SocketId;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Notify, time::Instant};

pub use self::shared::Told;
use self::{shared::Shared, state::State};
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

    /// Presence over all replicas. `replica`: what this one is called among them; `lease`: how long one
    /// that is not heard of is taken for alive (15 s, so that with the grace a dead one's users are gone
    /// within 30).
    pub fn shared(redis: &Redis, replica: &str, lease: Duration, grace: Duration) -> Self {
        let table = |scope| PresenceTable::new(redis.clone(), scope, lease, grace);
        Self {
            main: Presence::shared(table(Scope::Main), replica),
            vendor_chat: Presence::shared(table(Scope::VendorChat), replica),
        }
    }

    /// Says that this replica goes down in order, after its sockets have gone and its tasks were stopped:
    /// the graces of its persons begin now, not with the end of its lease.
    pub async fn goodbye(&self) {
        tokio::join!(self.main.goodbye(), self.vendor_chat.goodbye());
    }
}

/// One scope of presence. Cheap to clone. Persons that are there are as many as have sockets; of those
/// that are not, the last 100,000 are remembered.
pub struct Presence<P>(Kind<P>);

enum Kind<P> {
    /// This process is all there is.
    Alone(Arc<Alone<P>>),
    /// One replica of several.
    Shared(Arc<Shared<P>>),
}

struct Alone<P> {
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

impl<P: Clone + Eq + Hash + Send + ToString + 'static> Presence<P> {
    /// Nobody is there. `grace`: how long somebody without sockets still is.
    pub fn new(grace: Duration, clock: Clock) -> Self {
        let (state, changed) = (Mutex::new(State::default()), Notify::new());
        Self(Kind::Alone(Arc::new(Alone { grace, clock, state, changed })))
    }

    /// A scope that several replicas share.
    pub fn shared(table: PresenceTable, replica: &str) -> Self {
        Self(Kind::Shared(Arc::new(Shared::new(table, replica.to_owned()))))
    }

    /// Whether several replicas share it.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Shared(_))
    }

    /// A socket of a person is there, until one [`Presence::leave`] for each join. Whether the person has
    /// come with it, as far as is known here.
    pub fn join(&self, person: &P, socket: SocketId) -> bool {
        let (is_change, waiting, changed) = match &self.0 {
            Kind::Alone(alone) => {
                let mut state = lock(&alone.state);
                let is_change = state.join(person, socket, alone.clock.unix_ms());
                (is_change, state.stop_waiting(person), is_change.then_some(&alone.changed))
            }
            Kind::Shared(shared) => {
                let (is_new, waiting) = lock(&shared.here).join(person, socket);
                (is_new, waiting, Some(&shared.changed))
            }
        };
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
        if let Some(changed) = changed {
            changed.notify_one();
        }
        is_change
    }

    /// A socket of a person has gone. With the last one the grace begins.
    pub fn leave(&self, person: &P, socket: &SocketId) {
        match &self.0 {
            Kind::Alone(alone) => {
                let until = Instant::now() + alone.grace;
                if lock(&alone.state).leave(person, socket, until, alone.clock.unix_ms()) {
                    alone.changed.notify_one();
                }
            }
            Kind::Shared(shared) => {
                if lock(&shared.here).leave(person, socket) {
                    shared.changed.notify_one();
                }
            }
        }
    }

    /// The rooms that somebody who is here shares with others, as those who tell of the person are to
    /// know them. Of no use where there is one replica.
    pub fn share(&self, person: &P, rooms: Vec<String>) {
        if let Kind::Shared(shared) = &self.0
            && lock(&shared.here).share(person, rooms)
        {
            shared.changed.notify_one();
        }
    }

    /// Whether a person is there, by what is known here: the grace included where there is one replica,
    /// with a socket here where there are several.
    pub fn is_online(&self, person: &P) -> bool {
        match &self.0 {
            Kind::Alone(alone) => lock(&alone.state).is_online(person),
            Kind::Shared(shared) => lock(&shared.here).is_here(person),
        }
    }

    /// Waits until a person is there, on any replica; whether they were in time.
    ///
    /// # Cancel safety
    /// Dropped, nothing is left of the wait.
    pub async fn wait_online(&self, person: &P, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut looks = 0;
        loop {
            let Some(waiting) = self.wait(person) else { return true };
            let _stop = StopWaiting { presence: self, person };
            let come = waiting.notified();
            // Between the look above and this line they may have come, and told nobody.
            let mut come = std::pin::pin!(come);
            come.as_mut().enable();
            if self.is_online(person) {
                return true;
            }
            // Nobody tells of those who come on another replica, so it is looked again and again.
            let until = match &self.0 {
                Kind::Alone(_) => deadline,
                Kind::Shared(shared) => {
                    let there = tokio::time::timeout_at(deadline, shared.is_there(person));
                    if there.await.unwrap_or_default() {
                        return true;
                    }
                    (Instant::now() + Shared::<P>::pause(looks)).min(deadline)
                }
            };
            looks += 1;
            if tokio::time::timeout_at(until, come).await.is_err() && until == deadline {
                return self.is_online(person);
            }
        }
    }

    fn wait(&self, person: &P) -> Option<Arc<Notify>> {
        match &self.0 {
            Kind::Alone(alone) => lock(&alone.state).wait(person),
            Kind::Shared(shared) => lock(&shared.here).wait(person),
        }
    }

    /// What is known of a person here; where there are several replicas that is no more than whether
    /// they have sockets here.
    pub fn seen(&self, person: &P) -> Seen {
        match &self.0 {
            Kind::Alone(alone) => lock(&alone.state).seen(person, alone.clock.unix_ms()),
            Kind::Shared(shared) => {
                let sockets = lock(&shared.here).sockets(person).len();
                match sockets {
                    0 => Seen { status: Status::Offline, last_seen: None, sockets },
                    _ => Seen { status: Status::Online, last_seen: Some(unix_ms()), sockets },
                }
            }
        }
    }

    /// The sockets of a person on this replica; none while the grace runs.
    pub fn sockets(&self, person: &P) -> Vec<SocketId> {
        match &self.0 {
            Kind::Alone(alone) => lock(&alone.state).sockets(person),
            Kind::Shared(shared) => lock(&shared.here).sockets(person),
        }
    }

    /// How many persons are there, on all replicas as far as was heard.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Alone(alone) => lock(&alone.state).len(),
            Kind::Shared(shared) => shared.len(),
        }
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that this replica goes down in order.
    pub async fn goodbye(&self) {
        if let Kind::Shared(shared) = &self.0 {
            shared.goodbye().await;
        }
    }

    /// Ends graces when their time has come and announces every change, one after the other. To be
    /// run once, as a background task; without it nobody ever goes offline. For one replica:
    /// where there are several, it returns at once.
    pub async fn run<F, Fut>(self, mut announce: F)
    where
        F: FnMut(Change<P>) -> Fut,
        Fut: Future<Output = ()>,
    {
        let Kind::Alone(alone) = self.0 else { return };
        loop {
            let (changes, next) = {
                let mut state = lock(&alone.state);
                state.end_graces(Instant::now());
                (state.take_changes(), state.next_end())
            };
            for change in changes {
                announce(change).await;
            }
            let changed = alone.changed.notified();
            match next {
                // Too late or changed: both are a reason to look again.
                Some(next) => drop(tokio::time::timeout_at(next, changed).await),
                None => changed.await,
            }
        }
    }
}

impl<P> Presence<P>
where
    P: Clone + Eq + Hash + Send + ToString + Serialize + DeserializeOwned + 'static,
{
    /// The same for one replica of several: reports who is here, and where a change is this one's to
    /// tell of, publishes what `events` makes of it. Each change is published once, over all replicas,
    /// whichever of them dies. Where there is one replica, it returns at once.
    pub async fn run_shared(self, events: impl FnMut(&Told<P>) -> Vec<Publish>) {
        if let Kind::Shared(shared) = self.0 {
            shared.run(events).await;
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
        match &self.presence.0 {
            Kind::Alone(alone) => lock(&alone.state).waited(self.person),
            Kind::Shared(shared) => lock(&shared.here).waited(self.person),
        }
    }
}

impl<P> Clone for Presence<P> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::Alone(alone) => Kind::Alone(Arc::clone(alone)),
            Kind::Shared(shared) => Kind::Shared(Arc::clone(shared)),
        })
    }
}

impl<P> fmt::Debug for Presence<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Presence");
        match &self.0 {
            Kind::Alone(alone) => shown.field("grace", &alone.grace),
            Kind::Shared(shared) => shown.field("table", &shared.table),
        };
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
