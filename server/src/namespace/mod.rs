//! Namespaces: what an application registers on them, and who is in them.

pub(crate) mod acks;
pub(crate) mod broadcast;
pub(crate) mod handler;
mod handlers;
pub(crate) mod socket;

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crier_protocol::{
    AckId, CloseReason, Namespace as Name, Pid, Room, SocketId, socket::Outgoing,
};
use serde::Serialize;

use self::{
    acks::{Collector, PendingAck},
    broadcast::Broadcast,
    handler::{Ack, Behaviour, ConnectError, FromArgs},
    socket::Socket,
};
use crate::{
    adapter::{Adapter, Answers, Envelope, Request, Target},
    error::{AckError, Acks, EmitError},
    io::IoInner,
    options::Options,
    recovery::{Entry, Recoveries, in_order},
    room::{registry::Registry, select},
    session::mailbox::{Parcel, Pushed},
};

pub use self::handlers::Handlers;

/// A namespace: a handle, cheap to clone.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: Name,
    behaviour: SharedBehaviour,
    registry: Registry<Socket>,
    /// One counter for all sockets, so that a broadcast can use one id for all (`socket.io` 4.8, `nsp._ids`).
    next_ack: AtomicU64,
    io: Weak<IoInner>,
    adapter: Arc<dyn Adapter>,
    options: Arc<Options>,
    recoveries: Option<Arc<Recoveries>>,
    /// Made by a pattern, and dropped with its last socket.
    dynamic: AtomicBool,
    /// Sockets in it and on their way in.
    users: AtomicUsize,
    /// Events that came in large once.
    large: Mutex<HashSet<Box<str>>>,
}

/// What is registered, shared between a pattern and the namespaces it makes.
pub(crate) type SharedBehaviour = Arc<RwLock<Arc<Behaviour>>>;

impl Namespace {
    pub(crate) fn new(
        name: Name,
        behaviour: SharedBehaviour,
        io: Weak<IoInner>,
        adapter: Arc<dyn Adapter>,
        options: Arc<Options>,
        recoveries: Option<Arc<Recoveries>>,
        dynamic: bool,
    ) -> Self {
        let (registry, next_ack, users) = (Registry::new(), AtomicU64::new(0), AtomicUsize::new(0));
        Self(Arc::new(Inner {
            name,
            behaviour,
            registry,
            next_ack,
            io,
            adapter,
            options,
            recoveries,
            dynamic: AtomicBool::new(dynamic),
            users,
            large: Mutex::default(),
        }))
    }

    /// The name, with its slash.
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// What is registered here; the same as for a pattern.
    pub fn handlers(&self) -> Handlers {
        Handlers(Arc::clone(&self.0.behaviour))
    }

    /// Asks a function about every client that wants to join; see [`Handlers::use_middleware`].
    pub fn use_middleware<F, Fut>(&self, middleware: F)
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        self.handlers().use_middleware(middleware);
    }

    /// Calls a handler for every client that has joined; see [`Handlers::on_connect`].
    pub fn on_connect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers().on_connect(handler);
    }

    /// Calls a handler for every socket that has gone; see [`Handlers::on_disconnect`].
    pub fn on_disconnect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers().on_disconnect(handler);
    }

    /// Calls a handler for an event of any socket; see [`Handlers::on`].
    pub fn on<T, F, Fut>(&self, event: &str, handler: F)
    where
        T: FromArgs,
        F: Fn(Socket, T, Ack) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers().on(event, handler);
    }

    /// Everyone in the namespace.
    pub fn everyone(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// Everyone in a room.
    pub fn to(&self, room: impl Into<Room>) -> Broadcast {
        self.everyone().to(room)
    }

    /// Everyone but those in a room.
    pub fn except(&self, room: impl Into<Room>) -> Broadcast {
        self.everyone().except(room)
    }

    /// Sends an event to everyone in the namespace.
    ///
    /// # Errors
    /// As for [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<(), EmitError> {
        self.everyone().emit(event, value)
    }

    /// A socket of this replica by its id.
    pub fn socket(&self, id: &SocketId) -> Option<Socket> {
        self.0.registry.socket(id)
    }

    /// How many sockets of this replica are in the namespace.
    pub fn sockets_len(&self) -> usize {
        self.0.registry.len()
    }

    /// How many of this replica's sockets are in a room.
    pub fn room_len(&self, room: &str) -> usize {
        self.0.registry.members_len(room)
    }

    /// The rooms of this replica's sockets with their sizes, sockets' own rooms apart.
    pub fn rooms(&self) -> Vec<(Room, usize)> {
        self.0.registry.rooms()
    }

    // For the rest of the crate.

    /// A large event came in: it is counted, and told of once for each event that has a handler.
    pub(crate) fn note_large(&self, event: &str, bytes: usize) {
        crate::metrics::large_event();
        // As many names as there are handlers.
        let is_new = crate::lock(&self.0.large).insert(event.into());
        if is_new {
            tracing::info!(event, bytes, "a large event came in; further ones are only counted");
        }
    }

    /// The sockets in any of the rooms, each once; all of them where none is named.
    pub(crate) fn sockets(&self, rooms: &[Room]) -> Vec<Socket> {
        let selected = select::select(&self.0.registry, rooms, &[], Socket::id);
        selected.as_slice().iter().filter(|socket| socket.is_connected()).cloned().collect()
    }

    pub(crate) fn rooms_len(&self) -> usize {
        self.0.registry.rooms_len()
    }

    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        Arc::clone(&self.0.behaviour.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn registry(&self) -> &Registry<Socket> {
        &self.0.registry
    }

    pub(crate) fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.0.adapter
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn recoveries(&self) -> Option<&Arc<Recoveries>> {
        self.0.recoveries.as_ref()
    }

    pub(crate) fn new_pid(&self) -> Pid {
        Pid::from_random(crate::io::random())
    }

    pub(crate) fn next_ack_id(&self) -> AckId {
        // Wraps after 2^53 events with an ack, which no server lives to see.
        let id = self.0.next_ack.fetch_add(1, Ordering::Relaxed) & AckId::MAX;
        AckId::new(id).unwrap_or_else(|| self.next_ack_id())
    }

    /// One more socket is here, or on its way in.
    pub(crate) fn enter(&self) {
        self.0.users.fetch_add(1, Ordering::AcqRel);
    }

    /// A socket has gone, or was not let in. A namespace that a pattern made ends with the last one.
    pub(crate) fn exit(&self) {
        let last = self.0.users.fetch_sub(1, Ordering::AcqRel) == 1;
        let dynamic = self.0.dynamic.load(Ordering::Acquire);
        if let (true, true, Some(io)) = (last, dynamic, self.0.io.upgrade()) {
            io.forget_namespace(&self.0.name);
        }
    }

    pub(crate) fn is_unused(&self) -> bool {
        self.0.users.load(Ordering::Acquire) == 0 && self.0.dynamic.load(Ordering::Acquire)
    }

    /// The application holds it by its name: it stays, with the handlers of its pattern.
    pub(crate) fn pin(&self) {
        self.0.dynamic.store(false, Ordering::Release);
    }

    /// Hands an event to the sockets of this replica.
    pub(crate) fn deliver(&self, envelope: Envelope) -> Result<(), EmitError> {
        let Envelope { target, event, args, volatile, key, .. } = envelope;
        let packet = Outgoing::event(&self.0.name, &event, args, None)?;
        let parcel = Arc::new(Parcel { volatile, key, ..Parcel::from(packet) });
        let receivers = self.select(&target);
        for socket in receivers.as_slice() {
            // A client that is too slow is closed by its own session; the others are not touched. One
            // that joined a room in its middleware may still be refused, and must get nothing.
            if socket.is_connected() {
                let _: Pushed = socket.push(&parcel);
            }
        }
        crate::metrics::delivered(receivers.as_slice().len());
        Ok(())
    }

    /// Hands an event that has its place in the order of all to the sockets of this replica.
    pub(crate) fn deliver_in_order(&self, entry: &Entry) {
        let receivers = self.select(&entry.target);
        for socket in receivers.as_slice().iter().filter(|socket| socket.is_connected()) {
            let _: Pushed = if entry.logged {
                socket.push_logged(&entry.parcel, entry.id)
            } else {
                socket.push(&entry.parcel)
            };
        }
        crate::metrics::delivered(receivers.as_slice().len());
    }

    /// As [`Namespace::deliver`], and gathers the answers.
    pub(crate) async fn deliver_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> Result<Acks, AckError> {
        let id = self.next_ack_id();
        let Envelope { target, event, args, volatile, key, .. } = envelope;
        let packet =
            Outgoing::event(&self.0.name, &event, args, Some(id)).map_err(EmitError::from)?;
        let parcel = Arc::new(Parcel { volatile, key, ..Parcel::from(packet) });
        let collector = Collector::new();
        let ask = || self.ask(&target, &parcel, id, &collector);
        let receivers = match self.recoveries() {
            // Behind everything that was published before.
            Some(recoveries) => in_order(&*recoveries.log, ask)
                .unwrap_or_else(|| select::Receivers::Owned(Vec::new())),
            None => ask(),
        };
        Ok(collector.wait(receivers.as_slice(), id, timeout).await)
    }

    fn ask(
        &self,
        target: &Target,
        parcel: &Arc<Parcel>,
        id: AckId,
        collector: &Arc<Collector>,
    ) -> select::Receivers<Socket> {
        let receivers = self.select(target);
        for socket in receivers.as_slice() {
            collector.ask();
            // The collector forgets all of them at its end.
            let pending = PendingAck::Many(Arc::clone(collector));
            if !socket.is_connected() || socket.expect_ack(id, pending).is_err() {
                collector.gone();
            } else if socket.push(parcel) != Pushed::Queued && socket.forget_ack(id) {
                // Whoever takes the wait out of the socket says so, once.
                collector.gone();
            }
        }
        receivers
    }

    /// Answers a question about the sockets of this replica.
    pub(crate) fn answer(&self, target: &Target, request: &Request) -> Answers {
        let receivers = self.select(target);
        let receivers = receivers.as_slice();
        let mut sockets = Vec::new();
        match request {
            Request::Fetch => sockets.extend(receivers.iter().map(Socket::info)),
            Request::Join(rooms) => {
                for socket in receivers {
                    for room in rooms {
                        // A socket that has gone, or is in all the rooms it may, stays as it is.
                        let _ = socket.join_by_backend(room.clone());
                    }
                }
            }
            Request::Leave(rooms) => {
                for (socket, room) in
                    receivers.iter().flat_map(|s| rooms.iter().map(move |r| (s, r)))
                {
                    socket.leave(room.as_str());
                }
            }
            Request::Disconnect { close } => {
                for socket in receivers {
                    socket.disconnect(*close);
                }
            }
        }
        Answers { sockets, matched: receivers.len(), ..Answers::default() }
    }

    fn select(&self, target: &Target) -> select::Receivers<Socket> {
        let selected = select::select(&self.0.registry, &target.rooms, &target.except, Socket::id);
        if target.who.is_everyone() {
            return selected;
        }
        let meant = selected.as_slice().iter().filter(|socket| socket.is_meant_by(&target.who));
        select::Receivers::Owned(meant.cloned().collect())
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.0.name).finish()
    }
}
