//! How a client is let in: as a new socket, or as the one that it was.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak, atomic::Ordering},
};

use crier_domain::event::system::NotRecovered;
use crier_protocol::{CloseReason, Room, socket::Outgoing};

use super::{Inner, Socket, phase};
use crate::{
    lock, metrics,
    namespace::handler::{Arrival, ConnectError},
    recovery::{
        Claim, Entry, Holder, Missed, NoClaim, Prepared, Recoveries, Recovery, Session, in_order,
    },
    session::mailbox::Parcel,
};

/// What middleware, and what is left of a former session, made of a CONNECT.
pub(crate) enum Plan {
    /// A new socket, and its session where that was written already.
    Fresh(Recovery, Prepared),
    /// The session that the client asked for, and the rooms that it may still have.
    Recover(Claim, Vec<Room>),
}

/// A client on its way in.
pub(crate) type Admitting = Pin<Box<dyn Future<Output = Result<Plan, ConnectError>> + Send>>;

/// The session of a socket, and which of its sockets this is.
pub(super) struct Held {
    pub(super) session: Arc<Session>,
    pub(super) generation: u64,
}

impl Socket {
    /// Asks all middleware, in order, and only then whether a former session may be taken up: a client
    /// that is refused gets nothing of what it missed.
    pub(crate) fn admit(&self) -> Admitting {
        let socket = self.clone();
        Box::pin(async move {
            for middleware in &socket.0.behaviour.middleware {
                middleware(socket.clone()).await?;
            }
            let Some(recoveries) = socket.recoveries() else {
                return Ok(Plan::Fresh(Recovery::Fresh, Prepared::default()));
            };
            let owner = socket.badge().owner;
            let namespace = socket.0.namespace.name();
            let claimed = recoveries.claim(&socket.0.auth, namespace, owner.as_deref()).await;
            let begins = match claimed {
                Ok(Some(claim)) => Ok(claim),
                Ok(None) => Err(Recovery::Fresh),
                Err(NoClaim::Never(reason)) => Err(Recovery::NotRecovered(reason)),
                // It tries again by itself, here or elsewhere; told no, it would lose what it is owed.
                Err(NoClaim::NotNow) => {
                    socket.close_transport();
                    return std::future::pending().await;
                }
            };
            let claim = match begins {
                Ok(claim) => claim,
                Err(outcome) => {
                    let ids = (socket.0.namespace.new_pid(), socket.id());
                    let rooms = lock(&socket.0.state).rooms.clone();
                    let prepared = recoveries.prepare(ids, namespace, owner, &rooms).await;
                    return Ok(Plan::Fresh(outcome, prepared));
                }
            };
            let membership = claim.session.membership();
            let (mut kept, mut own) = (Vec::new(), Vec::new());
            for (room, by_backend) in membership.open() {
                let rooms = if by_backend { &mut kept } else { &mut own };
                rooms.push(room.clone());
            }
            kept.extend(match &socket.0.behaviour.on_restore {
                Some(hook) => hook(socket.clone(), own).await,
                None => own,
            });
            Ok(Plan::Recover(claim, kept))
        })
    }

    /// The client is let in and told so; false where the socket has gone in the meantime.
    pub(crate) fn enter(&self, plan: Plan) -> bool {
        let Some(recoveries) = self.recoveries() else {
            // Not connected before it is told so: it may be in rooms already.
            if !self.begin_entering() {
                return false;
            }
            self.0.session.push(&Parcel::new(Outgoing::connect(&self.0.name, &self.id(), None)));
            self.say_first_words(Arrival { id: self.id(), recovery: Recovery::Fresh });
            // Whoever has sent it away just now has told the session's owner so.
            self.begin_connected();
            self.register();
            self.tell_of_all_rooms();
            return true;
        };
        // Nobody delivers meanwhile: what is replayed ends where what is live begins.
        let enter = || {
            let enters = self.begin_entering() && self.begin_connected();
            enters && self.enter_now(recoveries, plan)
        };
        in_order(&*recoveries.log, enter).unwrap_or_default()
    }

    fn enter_now(&self, recoveries: &Recoveries, plan: Plan) -> bool {
        let (outcome, prepared) = match plan {
            Plan::Fresh(outcome, prepared) => (outcome, prepared),
            Plan::Recover(claim, rooms) => match self.take_up(recoveries, claim, rooms) {
                Ok(()) => (Recovery::Recovered, Prepared::default()),
                Err(reason) => (Recovery::NotRecovered(reason), Prepared::default()),
            },
        };
        if outcome != Recovery::Recovered {
            self.begin_session(recoveries, prepared, outcome);
        }
        metrics::entered(outcome);
        // Set once: a socket enters once.
        let _ = self.0.outcome.set(outcome);
        self.tell_of_all_rooms();
        if self.is_gone() {
            // Disconnected by somebody else just now, who did not see the session yet.
            self.end_session();
        }
        true
    }

    /// A session of its own, from the last event that everybody has got.
    fn begin_session(&self, recoveries: &Recoveries, prepared: Prepared, outcome: Recovery) {
        let start = recoveries.log.complete();
        let session = prepared.take().unwrap_or_else(|| {
            let ids = (self.0.namespace.new_pid(), self.id());
            let owner = self.badge().owner;
            let namespace = self.0.namespace.name().clone();
            let session = Arc::new(Session::new(ids, namespace, owner, start, self.as_holder()));
            recoveries.keep(&session);
            session
        });
        session.begin(start, self.as_holder());
        recoveries.sessions.insert(&session);
        let pid = session.pid;
        let packet = Outgoing::connect(&self.0.name, &self.id(), Some(&pid));
        self.0.session.push(&Parcel::new(packet));
        self.say_first_words(Arrival { id: self.id(), recovery: outcome });
        let state = lock(&self.0.state);
        for room in &state.rooms {
            session.joined(room, start, false);
        }
        // Set once, as it enters once.
        let _ = self.0.held.set(Held { session, generation: 0 });
        self.0.namespace.registry().insert(self.id(), self.clone());
        drop(state);
    }

    /// Goes on where the session's former socket was: with its id, its rooms, what it missed, then live.
    fn take_up(
        &self,
        recoveries: &Recoveries,
        claim: Claim,
        rooms: Vec<Room>,
    ) -> Result<(), NotRecovered> {
        let Claim { session, generations, pending, after } = claim;
        if !recoveries.apply_orders(&session) {
            return Err(NotRecovered::Unknown);
        }
        let up_to = recoveries.log.complete();
        let missed = self.missed(recoveries, &session, &rooms, (after, up_to))?;
        let Some(former) = session.take_up(generations, self.as_holder()) else {
            // Another connection was faster.
            return Err(NotRecovered::Unknown);
        };
        let (_, generation) = generations;
        pending.done();
        if let Some(former) = former {
            former.give_up();
        }
        // What the former socket did until a moment ago counts too.
        let now = session.membership();
        let mut kept: Vec<(Room, bool)> = Vec::new();
        for (room, by_backend) in now.open() {
            if by_backend || rooms.contains(room) {
                kept.push((room.clone(), by_backend));
            } else {
                session.denied(room.as_str());
            }
        }
        let pid = session.pid;
        let id = session.id;
        self.0.session.push(&Parcel::new(Outgoing::connect(&self.0.name, &id, Some(&pid))));
        let parcels = missed.iter().map(|entry| entry.parcel.known_as(&self.0.name));
        self.0.session.mailbox().push_replay(parcels);
        self.0.mark.store(up_to, Ordering::Release);
        self.say_first_words(Arrival { id, recovery: Recovery::Recovered });
        // Only now can anybody find it.
        self.move_to(session, generation, kept, up_to);
        let registry = self.0.namespace.registry();
        registry.insert(id, self.clone());
        metrics::replayed(missed.len());
        Ok(())
    }

    /// What was missed, by what is known before the former socket gives up; nothing of rooms that it may
    /// not have any more.
    fn missed(
        &self,
        recoveries: &Recoveries,
        session: &Session,
        rooms: &[Room],
        range: (u64, u64),
    ) -> Result<Missed, NotRecovered> {
        let mut membership = session.membership();
        let denied = |(room, by_backend): &(&Room, bool)| !by_backend && !rooms.contains(room);
        let denied: Vec<Room> =
            membership.open().filter(denied).map(|(room, _)| room.clone()).collect();
        for room in &denied {
            membership.forget(room.as_str());
        }
        let is_meant = |entry: &Entry| self.is_meant_by(&entry.target.who);
        let (namespace, own) = (self.0.namespace.name(), session.id.as_str());
        recoveries.log.missed(namespace, own, &membership, range, &recoveries.options, &is_meant)
    }

    /// Takes the id and the rooms of a session, besides the rooms that it is in already.
    fn move_to(&self, session: Arc<Session>, generation: u64, kept: Vec<(Room, bool)>, at: u64) {
        let registry = self.0.namespace.registry();
        let max = self.0.namespace.options().rooms_max;
        let fresh = self.id();
        let mut state = lock(&self.0.state);
        // Set once, as it enters once.
        let _ = self.0.former_id.set(session.id);
        let joined = std::mem::take(&mut state.rooms);
        for room in &joined {
            registry.leave(room, &fresh);
        }
        let joined = joined.into_iter().map(|room| (room, false));
        for (room, by_backend) in kept.into_iter().chain(joined) {
            if state.rooms.contains(&room) {
                continue;
            }
            if state.rooms.len() >= max {
                session.denied(room.as_str());
                continue;
            }
            session.joined(&room, at, false);
            registry.join(&room, session.id, self.clone());
            if by_backend {
                state.ordered.push(room.clone());
            }
            state.rooms.push(room);
        }
        let _ = self.0.held.set(Held { session, generation });
    }

    /// Before anybody can find it, so that nothing comes before them.
    fn say_first_words(&self, arrival: Arrival) {
        let words = self.0.behaviour.first_words.as_ref().and_then(|say| say(self, &arrival));
        if let Some((event, args)) = words
            && let Err(error) = self.emit_direct_args(event, args)
        {
            // Its outbox is new: it has gone, or the application's words are none.
            tracing::debug!(%error, event, "the first words to a client are not sent");
        }
    }

    fn as_holder(&self) -> Weak<dyn Holder> {
        let inner: Weak<Inner> = Arc::downgrade(&self.0);
        inner
    }

    pub(super) fn recoveries(&self) -> Option<&Arc<Recoveries>> {
        self.0.namespace.recoveries()
    }
}

impl Holder for Inner {
    fn give_up(&self) {
        let mut state = lock(&self.state);
        let taken = self.phase.compare_exchange(
            phase::CONNECTED,
            phase::CONTINUED,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        self.leave_registry(&mut state);
        drop(state);
        if taken.is_ok() {
            self.session.close(CloseReason::ForcedClose);
        }
    }
}
