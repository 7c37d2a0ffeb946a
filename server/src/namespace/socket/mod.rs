//! A client's place in one namespace, as a handler sees it.

pub(crate) mod entry;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use crier_protocol::{
    AckId, CloseReason, Namespace as Name, Room, SocketId,
    socket::{Args, Auth, Outgoing},
};
use http::Extensions;
use serde::Serialize;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use self::entry::Held;
use super::{
    Namespace,
    acks::PendingAck,
    broadcast::Broadcast,
    handler::{self, Ack, Behaviour, DisconnectHandler, EventHandler, FromArgs, Refusal},
};
use crate::{
    adapter::{Envelope, SocketInfo, Target},
    badge::{Badge, Who},
    error::{AckError, EmitError},
    lock,
    recovery::Recovery,
    session::{
        Handshake, SessionHandle,
        mailbox::{Command, Parcel, Pushed},
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
    pub(super) const CONNECTED: u8 = 1;
    pub(super) const GONE: u8 = 2;
    /// Gone too: another connection of its client goes on as this socket.
    pub(super) const CONTINUED: u8 = 3;
}

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

    // Rooms.

    /// Enters a room; nothing changes if it is in there.
    ///
    /// # Errors
    /// The socket has gone, or is in as many rooms as it may.
    pub fn join(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        self.enter_room(room.into(), false)
    }

    /// Enters a room on a backend's order: when the client comes back, it is in there again without
    /// being asked ([`Handlers::on_restore`](super::Handlers::on_restore)) whether it may.
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
        Ok(())
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) {
        let mut state = lock(&self.0.state);
        if let Some(at) = state.rooms.iter().position(|joined| joined.as_str() == room) {
            let room = state.rooms.swap_remove(at);
            state.ordered.retain(|ordered| *ordered != room);
            self.0.namespace.registry().leave(&room, &self.id());
            if let (Some(held), Some(recoveries)) = (self.0.held.get(), self.recoveries()) {
                let (head, gone) = recoveries.log.ends();
                held.session.left(room.as_str(), head, gone);
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

    /// Nobody goes on as this socket: its client begins anew when it comes back, and is told so.
    pub fn end_session(&self) {
        if let (Some(held), Some(recoveries)) = (self.0.held.get(), self.recoveries()) {
            recoveries.sessions.end(&held.session, held.generation);
        }
    }

    // Sending.

    /// Sends an event with one argument.
    ///
    /// # Errors
    /// The value cannot be written, the name is reserved, or the client is gone or too slow.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<(), EmitError> {
        self.emit_args(event, Args::one(value)?)
    }

    /// Sends an event with any number of arguments.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_args(&self, event: &str, args: Args) -> Result<(), EmitError> {
        if self.recoveries().is_none() || !self.is_connected() {
            return self.emit_direct_args(event, args);
        }
        let rooms = SmallVec::from_elem(Room::from(self.id().as_str()), 1);
        self.0.namespace.adapter().publish(Envelope {
            namespace: self.0.namespace.name().clone(),
            target: Target { rooms, ..Target::default() },
            event: event.into(),
            args,
            volatile: false,
            recoverable: true,
            key: None,
        })
    }

    /// Sends an event with one argument that concerns this connection alone: it is not kept for a client
    /// that comes back. An answer, an error, a greeting.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_direct<T: Serialize + ?Sized>(
        &self,
        event: &str,
        value: &T,
    ) -> Result<(), EmitError> {
        self.emit_direct_args(event, Args::one(value)?)
    }

    /// As [`Socket::emit_direct`], with any number of arguments.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit_direct_args(&self, event: &str, args: Args) -> Result<(), EmitError> {
        let packet = Outgoing::event(&self.0.name, event, args, None)?;
        pushed(self.push_unlogged(packet, false))
    }

    /// Sends an event that is dropped where it cannot be written at once.
    ///
    /// # Errors
    /// As for [`Socket::emit`]; being dropped is no error.
    pub fn emit_volatile(&self, event: &str, args: Args) -> Result<(), EmitError> {
        let packet = Outgoing::event(&self.0.name, event, args, None)?;
        pushed(self.push_unlogged(packet, true))
    }

    /// Sends an event and waits for the client's acknowledgement.
    ///
    /// # Errors
    /// The event was not sent, no answer came in time, or the client left before.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the acknowledgement; the event is sent all the same.
    pub async fn emit_with_ack(
        &self,
        event: &str,
        args: Args,
        timeout: Duration,
    ) -> Result<Args, AckError> {
        let id = self.0.namespace.next_ack_id();
        let packet =
            Outgoing::event(&self.0.name, event, args, Some(id)).map_err(EmitError::from)?;
        let (sender, answer) = oneshot::channel();
        self.expect_ack(id, PendingAck::One(sender))?;
        let _forget = ForgetAck { socket: self, id };
        pushed(self.push(&Parcel::new(packet)))?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout),
        }
    }

    /// Everyone in a room but this socket.
    pub fn to(&self, room: impl Into<Room>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Everyone in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.everyone().except(self.id().as_str())
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

    /// Whether both are handles of one socket. Ids do not tell: one that was recovered has the old id.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

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

    /// Queues a packet, unless the socket has gone.
    pub(crate) fn push(&self, parcel: &Arc<Parcel>) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        self.0.session.push(&parcel.known_as(&self.0.name))
    }

    /// Queues an event of the log, unless the socket has gone.
    pub(crate) fn push_logged(&self, parcel: &Arc<Parcel>, id: u64) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        let parcel = parcel.known_as(&self.0.name);
        self.0.session.mailbox().push_marked(&parcel, &self.0.mark, id)
    }

    /// Queues an event that is in no log. Where there is one, the event says up to where the client has
    /// got everything when it gets this.
    fn push_unlogged(&self, packet: Outgoing, volatile: bool) -> Pushed {
        if self.is_gone() {
            return Pushed::Closed;
        }
        let parcel = |packet| Arc::new(Parcel { volatile, ..Parcel::from(packet) });
        let Some(recoveries) = self.recoveries() else {
            return self.0.session.push(&parcel(packet));
        };
        let log = &recoveries.log;
        self.0.session.mailbox().push_made(|| {
            let last = log.complete().max(self.0.mark.load(Ordering::Acquire));
            parcel(packet.with_last(&log.offset(last)))
        })
    }

    pub(crate) fn refuse(&self, event: &str, refusal: Refusal, ack: Ack) {
        match &self.0.behaviour.refusal {
            Some(render) => render(self, event, refusal, ack),
            None => handler::default_refusal(self, event, &refusal, ack),
        }
    }

    pub(crate) fn send_ack(&self, id: AckId, args: Args) {
        match Outgoing::ack(&self.0.name, id, args) {
            Ok(packet) => {
                self.push(&Parcel::new(packet));
            }
            Err(error) => tracing::error!(%error, "an acknowledgement cannot be written"),
        }
    }

    /// Notes that an acknowledgement is awaited; the caller forgets it at the end of its wait.
    pub(crate) fn expect_ack(&self, id: AckId, pending: PendingAck) -> Result<(), AckError> {
        let max = self.0.namespace.options().limits.pending_acks_max;
        let mut state = lock(&self.0.state);
        if self.is_gone() {
            return Err(AckError::Disconnected);
        }
        if state.acks.len() >= max {
            return Err(AckError::TooMany { max });
        }
        state.acks.insert(id, pending);
        Ok(())
    }

    /// Ends a wait; false if it had ended already.
    pub(crate) fn forget_ack(&self, id: AckId) -> bool {
        let mut state = lock(&self.0.state);
        let found = state.acks.remove(&id).is_some();
        if state.acks.is_empty() {
            state.acks = HashMap::new();
        }
        found
    }

    /// An acknowledgement came in; false where none of that id is awaited.
    pub(crate) fn resolve_ack(&self, id: AckId, args: Args) -> bool {
        let pending = lock(&self.0.state).acks.remove(&id);
        match pending {
            Some(PendingAck::One(sender)) => {
                // The waiter may have given up just now.
                let _ = sender.send(args);
                true
            }
            Some(PendingAck::Many(collector)) => {
                collector.answer(args);
                true
            }
            None => false,
        }
    }

    /// The client is let in; false if the socket has gone in the meantime.
    pub(crate) fn begin_connected(&self) -> bool {
        let (from, to) = (phase::PENDING, phase::CONNECTED);
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
        let acks = {
            let mut state = lock(&self.0.state);
            self.0.begin_leaving();
            self.0.leave_registry(&mut state);
            std::mem::take(&mut state.acks)
        };
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
        for room in std::mem::take(&mut state.rooms) {
            registry.leave(&room, &id);
        }
        registry.remove(&id);
    }
}

fn pushed(pushed: Pushed) -> Result<(), EmitError> {
    match pushed {
        Pushed::Queued | Pushed::Dropped => Ok(()),
        Pushed::Overflow => Err(EmitError::Overflow),
        Pushed::Closed => Err(EmitError::Disconnected),
    }
}

/// Forgets an awaited acknowledgement when dropped, so that nothing is left of a wait that ended.
struct ForgetAck<'a> {
    socket: &'a Socket,
    id: AckId,
}

impl Drop for ForgetAck<'_> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.0.id).field("namespace", self.name()).finish()
    }
}
