//! A client's place in one namespace, as a handler sees it.

pub(crate) mod entry;
pub(crate) mod rooms;
mod sending;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use crier_protocol::{
    AckId, CloseReason, Namespace as Name, Room, SocketId,
    socket::{Auth, Outgoing},
};
use http::Extensions;
use smallvec::SmallVec;

use self::entry::Held;
use super::{
    Namespace,
    acks::PendingAck,
    handler::{self, Ack, Behaviour, DisconnectHandler, EventHandler, FromArgs, Refusal},
};
use crate::{
    adapter::SocketInfo,
    badge::{Badge, Who},
    lock,
    recovery::Recovery,
    session::{
        Handshake, SessionHandle,
        mailbox::{Command, Parcel},
    },
};

/// A client's place in one namespace. Cheap to clone; it may be kept after the client has gone, and
/// does nothing then.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    /// Of the session that it has taken up.
    former_id: OnceLock<SocketId>,
    namespace: Namespace,
    /// What the client calls the namespace.
    name: Name,
    session: SessionHandle,
    auth: Auth,
    behaviour: Arc<Behaviour>,
    phase: AtomicU8,
    /// Of the badge. Written under the lock of `state`.
    bits: AtomicU64,
    /// The newest event of the log that was put into its outbox. Written under the outbox's lock.
    mark: AtomicU64,
    held: OnceLock<Held>,
    outcome: OnceLock<Recovery>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the badge.
    owner: Option<Arc<str>>,
    rooms: SmallVec<[Room; 2]>,
    /// Those of the rooms that a backend ordered it into.
    ordered: Vec<Room>,
    /// It is in no registry any more, and must not take anybody else out of one.
    has_left: bool,
    /// The rooms that it was in then, until the application is told of it.
    left: SmallVec<[Room; 2]>,
    acks: HashMap<AckId, PendingAck>,
    local: Option<Box<Local>>,
    /// What other servers are shown.
    data: serde_json::Value,
    extensions: Extensions,
}

/// Handlers of this one socket.
#[derive(Default)]
struct Local {
    events: HashMap<Box<str>, EventHandler>,
    on_disconnect: Vec<DisconnectHandler>,
}

/// Where a socket is in its life.
mod phase {
    pub(super) const PENDING: u8 = 0;
    /// Let in, and being told so.
    pub(super) const ENTERING: u8 = 1;
    pub(super) const CONNECTED: u8 = 2;
    pub(super) const GONE: u8 = 3;
    /// Gone too: another connection of its client goes on as this socket.
    pub(super) const CONTINUED: u8 = 4;
}

impl Socket {
    pub(crate) fn new(
        id: SocketId,
        namespace: Namespace,
        name: Name,
        session: SessionHandle,
        auth: Auth,
    ) -> Self {
        let behaviour = namespace.behaviour();
        Self(Arc::new(Inner {
            id,
            former_id: OnceLock::new(),
            namespace,
            name,
            session,
            auth,
            behaviour,
            phase: AtomicU8::new(phase::PENDING),
            bits: AtomicU64::new(0),
            mark: AtomicU64::new(0),
            held: OnceLock::new(),
            outcome: OnceLock::new(),
            state: Mutex::default(),
        }))
    }

    /// The public id; also the name of a room that only this socket is in. Middleware sees one that may
    /// not last: a socket that takes its former session up has the former id from then on.
    pub fn id(&self) -> SocketId {
        self.0.id()
    }

    /// Whether the client goes on as the socket that it was, and if not, why not. Known once it is let
    /// in; connect handlers run when everything that it missed has been sent.
    pub fn recovery(&self) -> Recovery {
        self.0.outcome.get().copied().unwrap_or_default()
    }

    /// Whether another connection goes on as this socket. Disconnect handlers ask it: their client has
    /// not left, though this end of it has.
    pub fn is_continued(&self) -> bool {
        let taken_up = |held: &Held| held.session.is_taken_from(held.generation);
        self.0.held.get().is_some_and(taken_up)
    }

    /// The namespace that it is in.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The request that opened the session.
    pub fn handshake(&self) -> &Handshake {
        self.0.session.handshake()
    }

    /// What the client gave as `auth` for this namespace.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// Whether the client is in the namespace now.
    pub fn is_connected(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == phase::CONNECTED
    }

    /// Keeps a value with the socket, one of each type; gives back the former one.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        lock(&self.0.state).extensions.insert(value)
    }

    /// The value of that type, if one was kept.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.0.state).extensions.get::<T>().cloned()
    }

    /// Keeps what other servers are shown of this socket ([`SocketInfo::data`]); in the reference,
    /// `socket.data`. An empty object until it is set.
    pub fn set_data(&self, data: serde_json::Value) {
        lock(&self.0.state).data = data;
    }

    /// What other servers are shown of this socket.
    pub fn data(&self) -> serde_json::Value {
        match &lock(&self.0.state).data {
            serde_json::Value::Null => serde_json::json!({}),
            data => data.clone(),
        }
    }

    /// Says what the socket is, for the filters of events. It may change at any time; an event that is
    /// being sent meanwhile goes by the one or the other.
    pub fn set_badge(&self, badge: Badge) {
        let Badge { bits, owner } = badge;
        let mut state = lock(&self.0.state);
        state.owner = owner;
        self.0.bits.store(bits, Ordering::Release);
    }

    /// What was said last.
    pub fn badge(&self) -> Badge {
        let state = lock(&self.0.state);
        Badge { bits: self.0.bits.load(Ordering::Acquire), owner: state.owner.clone() }
    }

    /// Nobody goes on as this socket: its client begins anew when it comes back, and is told so.
    pub fn end_session(&self) {
        if let (Some(held), Some(recoveries)) = (self.0.held.get(), self.recoveries()) {
            recoveries.sessions.end(&held.session, held.generation);
        }
    }

    /// Takes the client out of the namespace; it stays away by itself. With `close` its whole
    /// connection ends, and its other namespaces with it.
    pub fn disconnect(&self, close: bool) {
        if !self.begin_leaving() {
            return;
        }
        // The DISCONNECT goes behind everything that was sent before.
        self.end_session();
        self.0.session.push(&Parcel::new(Outgoing::disconnect(&self.0.name)));
        self.0.session.command(Command::Left(self.id()));
        if close {
            self.0.session.disconnect_all();
        }
    }

    /// Ends the transport without a word of Socket.IO: the client takes it for a lost connection and
    /// comes back by itself.
    pub fn close_transport(&self) {
        self.0.session.close(CloseReason::ForcedClose);
    }

    // Handlers of this one socket.

    /// Calls a handler for an event of this socket, in place of the namespace's.
    pub fn on<T, F, Fut>(&self, event: &str, handler: F)
    where
        T: FromArgs,
        F: Fn(Socket, T, Ack) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let wrapped = handler::event_handler(event, handler);
        lock(&self.0.state).local.get_or_insert_default().events.insert(event.into(), wrapped);
    }

    /// Calls a handler when this socket has gone.
    pub fn on_disconnect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let wrapped: DisconnectHandler = Arc::new(move |s, reason| Box::pin(handler(s, reason)));
        lock(&self.0.state).local.get_or_insert_default().on_disconnect.push(wrapped);
    }

    // For the session's owner and the namespace.

    /// Whether both came over one connection.
    pub(crate) fn shares_connection(&self, other: &Self) -> bool {
        self.0.session.sid() == other.0.session.sid()
    }

    /// What other replicas may know of it.
    pub(crate) fn info(&self) -> SocketInfo {
        let handshake = self.handshake();
        SocketInfo {
            id: self.id(),
            rooms: self.rooms(),
            address: handshake.address,
            data: self.data(),
            handshake: handshake.shown(),
        }
    }

    /// Whether a filter lets it pass.
    pub(crate) fn is_meant_by(&self, who: &Who) -> bool {
        who.fits_bits(self.0.bits.load(Ordering::Acquire))
            && (who.owners.is_empty() || who.fits(&self.badge()))
    }

    /// What the client calls the namespace.
    pub(crate) fn name(&self) -> &Name {
        &self.0.name
    }

    pub(crate) fn behaviour(&self) -> &Arc<Behaviour> {
        &self.0.behaviour
    }

    /// The handler of an event: this socket's own, else the namespace's.
    pub(crate) fn handler(&self, event: &str) -> Option<EventHandler> {
        let local = {
            let state = lock(&self.0.state);
            state.local.as_ref().and_then(|local| local.events.get(event).cloned())
        };
        local.or_else(|| self.0.behaviour.events.get(event).cloned())
    }

    /// The handlers to call at the end.
    pub(crate) fn disconnect_handlers(&self) -> Vec<DisconnectHandler> {
        let local = lock(&self.0.state).local.take();
        let own = local.map(|local| local.on_disconnect).unwrap_or_default();
        own.into_iter().chain(self.0.behaviour.on_disconnect.iter().cloned()).collect()
    }

    pub(crate) fn refuse(&self, event: &str, refusal: Refusal, ack: Ack) {
        match &self.0.behaviour.refusal {
            Some(render) => render(self, event, refusal, ack),
            None => handler::default_refusal(self, event, &refusal, ack),
        }
    }

    /// The client is let in; false if the socket has gone in the meantime.
    fn begin_entering(&self) -> bool {
        self.change_phase(phase::PENDING, phase::ENTERING)
    }

    /// It takes part from now on; false likewise.
    fn begin_connected(&self) -> bool {
        self.change_phase(phase::ENTERING, phase::CONNECTED)
    }

    fn change_phase(&self, from: u8, to: u8) -> bool {
        self.0.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// From now it is found by broadcasts to everyone.
    pub(crate) fn register(&self) {
        // Under the lock, so that a socket that goes now is not put back by this.
        let _state = lock(&self.0.state);
        if !self.is_gone() {
            self.0.namespace.registry().insert(self.id(), self.clone());
        }
    }

    /// Marks the socket as gone; true for the one caller who did.
    fn begin_leaving(&self) -> bool {
        // Under the lock, so that a join sees the mark or is seen by `leave_all`.
        let _state = lock(&self.0.state);
        self.0.begin_leaving()
    }

    /// Takes the socket out of everything that knows it. Called once, by the session's owner.
    ///
    /// Its session waits for its client, unless one side said goodbye.
    pub(crate) fn leave_all(&self, reason: CloseReason) {
        let (acks, left) = {
            let mut state = lock(&self.0.state);
            self.0.begin_leaving();
            self.0.leave_registry(&mut state);
            (std::mem::take(&mut state.acks), std::mem::take(&mut state.left))
        };
        self.tell_of_rooms(&left);
        for (_, pending) in acks {
            if let PendingAck::Many(collector) = pending {
                collector.gone();
            }
        }
        if !reason.is_recoverable() {
            self.end_session();
        } else if let (Some(held), Some(recoveries)) = (self.0.held.get(), self.recoveries()) {
            recoveries.lost(&held.session, held.generation);
        }
        self.0.namespace.exit();
    }

    fn is_gone(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) >= phase::GONE
    }
}

impl Inner {
    fn id(&self) -> SocketId {
        *self.former_id.get().unwrap_or(&self.id)
    }

    /// Marks the socket as gone; true for the one caller who did. For the holder of the state's lock.
    fn begin_leaving(&self) -> bool {
        let gone = |phase: u8| (phase < phase::GONE).then_some(phase::GONE);
        self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, gone).is_ok()
    }

    /// Out of its rooms and its namespace, once. Under the lock of its state: a socket that goes on as
    /// this one has the same id, and must not be taken out in its place.
    fn leave_registry(&self, state: &mut State) {
        if std::mem::replace(&mut state.has_left, true) {
            return;
        }
        let (registry, id) = (self.namespace.registry(), self.id());
        state.left = std::mem::take(&mut state.rooms);
        for room in &state.left {
            registry.leave(room, &id);
        }
        registry.remove(&id);
    }
}

/// Whether both are handles of one socket. Ids do not tell: one that was recovered has the old id.
impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.0.id).field("namespace", self.name()).finish()
    }
}
