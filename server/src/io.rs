//! The server itself: its namespaces, its sessions, and the way in for requests.

use std::{
    fmt,
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crier_protocol::{
    CloseReason, Limits, Namespace as Name, ReplicaTag, Room, Sid, SocketId, engine::TransportName,
};
use dashmap::DashMap;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crier_domain::redis::ask::{Asker, Mark};

use crate::{
    adapter::{
        Adapter, Answers, BoxFuture, Envelope, Hub, Request, Target,
        local::LocalAdapter,
        node::{NodeAdapter, NodeBridge, WORK_MAX},
        redis::RedisAdapter,
    },
    cluster::Asking,
    driver::Driver,
    error::{AckError, Acks, EmitError},
    http::{
        Response, engine,
        forward::{self, Forwarder},
    },
    metrics,
    namespace::{Handlers, Namespace, SharedBehaviour, broadcast::Broadcast, socket::Socket},
    options::Options,
    recovery::{Entry, Epoch, Log, Recoveries, RecoveryOptions, Sessions, SharedLog, Upcalls},
    session::{EngineHandler, Handshake, SessionHandle, link::Link, table::Table},
};

/// A Socket.IO server. Cheap to clone; the last clone does not end it, [`Io::close`] does.
#[derive(Clone)]
pub struct Io(Arc<IoInner>);

pub(crate) struct IoInner {
    options: Arc<Options>,
    application: Upper,
    adapter: Arc<dyn Adapter>,
    tag: ReplicaTag,
    namespaces: DashMap<Name, Namespace>,
    patterns: RwLock<Vec<(Pattern, SharedBehaviour)>>,
    recoveries: Option<Arc<Recoveries>>,
    /// Where several replicas have one.
    shared_log: Option<Arc<SharedLog>>,
    sessions: Table,
    /// Sessions that have not joined a namespace yet, by address.
    strangers: DashMap<IpAddr, usize>,
    tasks: TaskTracker,
    /// Where there are other replicas.
    forwarder: Option<Arc<Forwarder>>,
    draining: AtomicBool,
    /// Cancelled when the server begins to go down.
    stop: CancellationToken,
    this: Weak<IoInner>,
    /// The way to Node servers, where there is one.
    node: Option<NodeBridge>,
    /// Permits for what is done on behalf of other servers.
    work: Arc<Semaphore>,
}

/// What runs on top of the sessions.
pub(crate) enum Upper {
    SocketIo,
    Engine(Arc<dyn EngineHandler>),
}

type Pattern = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How long a new client waits for a log that cannot be followed now; then it is sent away with a 503
/// (contract, section 9).
const REACH_MAX: Duration = Duration::from_secs(5);

/// Namespaces that patterns may have made at one time. More CONNECTs to new names are refused as
/// unknown: each namespace costs memory, and its name is the client's choice.
const DYNAMIC_NAMESPACES_MAX: usize = 10_000;

impl Io {
    /// A Socket.IO server with the main namespace.
    pub fn new(options: Options) -> Self {
        Self::build(options, Upper::SocketIo)
    }

    /// The way to Node servers, where there is one.
    pub fn node(&self) -> Option<&NodeBridge> {
        self.0.node.as_ref()
    }

    /// A plain Engine.IO server: sessions and messages, without Socket.IO on top.
    pub fn engine(options: Options, handler: impl EngineHandler) -> Self {
        Self::build(options, Upper::Engine(Arc::new(handler)))
    }

    fn build(options: Options, application: Upper) -> Self {
        metrics::describe();
        let tasks = TaskTracker::new();
        let forwarding = options.forwarding.clone();
        let forwarder = forwarding.as_ref().map(|f| Arc::new(Forwarder::new(f, tasks.clone())));
        let tag = forwarding.map_or_else(|| ReplicaTag::from_random(random()), |f| f.tag);
        let asking = (options.asking.clone(), Arc::clone(&options.limits));
        let io = Self(Arc::new_cyclic(|this: &Weak<IoInner>| {
            let (shared_log, recoveries) = logs(&options, this);
            let crier = adapter_of(&asking, tag, this.clone());
            let (adapter, node) = with_node(&options, crier, this);
            IoInner {
                recoveries,
                shared_log,
                options: Arc::new(options),
                application,
                adapter,
                tag,
                namespaces: DashMap::new(),
                patterns: RwLock::default(),
                sessions: Table::default(),
                strangers: DashMap::new(),
                tasks,
                forwarder,
                draining: AtomicBool::new(false),
                stop: CancellationToken::new(),
                this: this.clone(),
                node,
                work: Arc::new(Semaphore::new(WORK_MAX)),
            }
        }));
        // The main namespace is always there, as in the reference.
        io.of_name(Name::MAIN);
        if let Some(bridge) = &io.0.node {
            bridge.start(&io.0);
        }
        io
    }

    /// A namespace by its name, made if it is new. One that a pattern has made by now stays, and keeps the
    /// pattern's handlers.
    ///
    /// # Errors
    /// The name has no leading slash, has a comma, or is longer than the limit.
    pub fn of(&self, name: &str) -> Result<Namespace, BadNamespace> {
        let max = self.0.options.limits.namespace_max;
        let parsed = Name::parse(name.to_owned(), max).ok_or_else(|| BadNamespace(name.into()))?;
        Ok(self.of_name(parsed))
    }

    /// Namespaces whose names fit a pattern, made when a client joins and gone with the last one. A
    /// namespace that was made by name is found first; of several patterns the first that fits.
    pub fn of_pattern(&self, fits: impl Fn(&str) -> bool + Send + Sync + 'static) -> Handlers {
        let behaviour = SharedBehaviour::default();
        let mut patterns = self.0.patterns.write().unwrap_or_else(PoisonError::into_inner);
        patterns.push((Arc::new(fits), Arc::clone(&behaviour)));
        Handlers(behaviour)
    }

    fn of_name(&self, name: Name) -> Namespace {
        let entry = self.0.namespaces.entry(name.clone());
        let entry = entry.or_insert_with(|| self.0.make(name, SharedBehaviour::default(), false));
        entry.value().pin();
        entry.value().clone()
    }

    /// The main namespace.
    pub fn main(&self) -> Namespace {
        self.of_name(Name::MAIN)
    }

    /// Everyone in the main namespace.
    pub fn everyone(&self) -> Broadcast {
        self.of_name(Name::MAIN).everyone()
    }

    /// The namespaces that there are now.
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.0.namespaces.iter().map(|entry| entry.value().clone()).collect()
    }

    /// What it was built with.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Sends an event whose receivers and arguments are known, to a namespace that need not exist.
    ///
    /// # Errors
    /// As for [`Broadcast::emit`].
    pub fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        self.0.adapter.publish(envelope)
    }

    /// Whether a request is for this server, by its path.
    pub fn owns(&self, path: &str) -> bool {
        path.starts_with(&self.0.options.path)
    }

    /// Answers a request for which [`Io::owns`] is true.
    ///
    /// # Errors
    /// The connection is to be cut without an answer.
    pub async fn handle(
        &self,
        request: http::Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response, engine::Cut> {
        engine::handle(&self.0, request, peer).await
    }

    /// Answers a request that another replica passes on: 401 unless it was signed with a secret of this
    /// cluster.
    ///
    /// # Errors
    /// The connection is to be cut without an answer.
    pub(crate) async fn receive(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<Response, engine::Cut> {
        forward::receive(&self.0, request).await
    }

    /// Refuses new sessions from now, ends every other with a recoverable reason, and what passes through to other replicas, in
    /// batches so that the clients do not all come back at once, and waits for their tasks.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the sessions that were not reached yet as they are.
    pub async fn close(&self, pace: Duration) {
        self.0.draining.store(true, Ordering::Release);
        self.0.stop.cancel();
        let passages = self.0.forwarder.as_ref().map(|forwarder| forwarder.passages().ends());
        let passages = passages.into_iter().flatten().map(Leaving::Passage);
        let sessions = self.0.sessions.all().into_iter().map(Leaving::Session);
        let leaving: Vec<Leaving> = sessions.chain(passages).collect();
        // 128 at a time, as centrifuge does; the pauses share out the pace that was asked for.
        const BATCH: usize = 128;
        let batches = leaving.len().div_ceil(BATCH).max(1);
        let pause = pace / u32::try_from(batches).unwrap_or(u32::MAX);
        for (n, batch) in leaving.chunks(BATCH).enumerate() {
            if n > 0 {
                tokio::time::sleep(pause).await;
            }
            batch.iter().for_each(Leaving::go);
        }
        if let Some(forwarder) = &self.0.forwarder {
            // Those that came meanwhile.
            forwarder.passages().close();
            forwarder.close();
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The sockets of this replica in any of the rooms of a namespace; all of it where none is named.
    pub fn sockets(&self, namespace: &Name, rooms: &[Room]) -> Vec<Socket> {
        let namespace = self.0.existing(namespace);
        namespace.map(|namespace| namespace.sockets(rooms)).unwrap_or_default()
    }

    /// How many sockets of this replica are in a namespace.
    pub(crate) fn sockets_len(&self, namespace: &Name) -> usize {
        self.0.existing(namespace).map_or(0, |namespace| namespace.sockets_len())
    }

    /// Lets go of the sessions of an owner: none of them is taken up again.
    pub(crate) fn forget_sessions_of(&self, owner: &str) {
        if let Some(recoveries) = &self.0.recoveries {
            recoveries.forget_owner(owner);
        }
    }

    /// Makes sessions whose clients are away leave rooms: those of an owner, and in any of the rooms `in_any`.
    pub(crate) fn leave_away(
        &self,
        namespace: &Name,
        owner: Option<&str>,
        in_any: &[Room],
        rooms: &[Room],
    ) {
        if let Some(recoveries) = &self.0.recoveries {
            recoveries.leave_away(namespace, owner, in_any, rooms);
        }
    }

    /// Ends sessions whose clients are away, chosen likewise.
    pub(crate) fn end_away(&self, namespace: &Name, owner: Option<&str>, in_any: &[Room]) {
        if let Some(recoveries) = &self.0.recoveries {
            recoveries.end_away(namespace, owner, in_any);
        }
    }

    /// Follows the log that is shared with other replicas, for as long as this is polled. One task does
    /// this, where [`Options::shared`] is set; without, there is nothing to do.
    ///
    /// # Cancel safety
    /// Dropped, nothing comes through any more.
    pub async fn follow(&self) {
        if let Some(log) = &self.0.shared_log {
            log.follow().await;
        }
    }

    /// Writes sessions to where other replicas find them, likewise.
    ///
    /// # Cancel safety
    /// Dropped, nothing is written any more; see [`Io::flush_sessions`].
    pub async fn write_sessions(&self) {
        let keeper = self.0.recoveries.as_ref().and_then(|recoveries| recoveries.keeper());
        if let Some(keeper) = keeper {
            keeper.run().await;
        }
    }

    /// Whether the events of other replicas come through; always so where there are none.
    pub fn is_reached(&self) -> bool {
        self.0.shared_log.as_ref().is_none_or(|log| log.is_healthy())
    }

    /// Waits at most `patience` until every session is written where others find it.
    ///
    /// # Cancel safety
    /// Dropped, what is not written stays so.
    pub async fn flush_sessions(&self, patience: Duration) {
        let keeper = self.0.recoveries.as_ref().and_then(|recoveries| recoveries.keeper());
        if let Some(keeper) = keeper {
            keeper.flush(patience).await;
        }
    }

    /// This replica's sockets, past the adapter.
    pub(crate) fn hub(&self) -> Arc<dyn Hub> {
        Arc::clone(&self.0) as Arc<dyn Hub>
    }

    /// What asks the other replicas; `None` where there are none.
    pub(crate) fn asker(&self) -> Option<&Arc<Asker>> {
        self.0.adapter.asker()
    }

    /// Runs a task that belongs to this server; it has to end when [`Io::stopping`] does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// Ends when the server begins to go down.
    pub(crate) fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.stop.clone().cancelled_owned()
    }

    /// Sets the gauges that are counted rather than kept; called before they are read.
    pub fn measure(&self) {
        metrics::gauges(&self.counted());
    }

    /// How much of everything there is here now.
    pub(crate) fn counted(&self) -> metrics::Gauges {
        let namespaces = self.namespaces();
        let sessions = self.0.sessions.all();
        metrics::Gauges {
            sessions: sessions.len(),
            sockets: namespaces.iter().map(Namespace::sockets_len).sum(),
            rooms: namespaces.iter().map(Namespace::rooms_len).sum(),
            namespaces: namespaces.len(),
            tasks: self.0.tasks.len(),
            log_entries: self.0.recoveries.as_ref().map_or(0, |r| r.log.size().0),
            log_bytes: self.0.recoveries.as_ref().map_or(0, |r| r.log.size().1),
            recoverable: self.0.recoveries.as_ref().map_or(0, |r| r.sessions.len()),
            outbox_bytes: sessions.iter().map(|session| session.mailbox().bytes()).sum(),
        }
    }
}

/// Whatever a client has to move away from.
enum Leaving {
    Session(SessionHandle),
    Passage(CancellationToken),
}

impl Leaving {
    fn go(&self) {
        match self {
            Self::Session(session) => session.close(CloseReason::ServerShuttingDown),
            Self::Passage(end) => end.cancel(),
        }
    }
}

/// The name of a namespace that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("namespace {0:?}: a name starts with a slash and has neither a comma nor too many bytes")]
pub struct BadNamespace(pub Box<str>);

impl IoInner {
    pub(crate) fn options(&self) -> &Arc<Options> {
        &self.options
    }

    pub(crate) fn application(&self) -> &Upper {
        &self.application
    }

    /// What session ids made here name this replica by.
    pub(crate) fn tag(&self) -> ReplicaTag {
        self.tag
    }

    /// The way to other replicas; none where this one is alone.
    pub(crate) fn forwarder(&self) -> Option<&Arc<Forwarder>> {
        self.forwarder.as_ref()
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Runs a task until it ends or the server goes down; then it is dropped where it waits. A panic ends
    /// the task alone, and is counted.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let task = AssertUnwindSafe(task).catch_unwind();
            if let Some(Err(_)) = stop.run_until_cancelled(task).await {
                metrics::panicked();
                tracing::error!("a task on behalf of other servers panicked and is gone");
            }
        });
    }

    /// Is cancelled when the server begins to go down.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// A permit for something that is done on behalf of another server; `None` where too much is.
    pub(crate) fn work(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.work).try_acquire_owned().ok()
    }

    /// The names of the namespaces that there are now.
    pub(crate) fn namespace_names(&self) -> Vec<Name> {
        self.namespaces.iter().map(|entry| entry.key().clone()).collect()
    }

    /// Whether new sessions are refused, because the server is going down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether the application looks at the requests that carry its messages.
    pub(crate) fn wants_post_heads(&self) -> bool {
        matches!(self.application, Upper::Engine(_))
    }

    /// Waits a moment until the events of other replicas come through; whether they do. Always so where
    /// there are none.
    pub(crate) async fn is_reached_in_time(&self) -> bool {
        match &self.shared_log {
            Some(log) => log.is_healthy_within(REACH_MAX).await,
            None => true,
        }
    }

    pub(crate) fn session(&self, sid: &Sid) -> Option<SessionHandle> {
        self.sessions.get(sid)
    }

    pub(crate) fn new_sid(&self) -> Sid {
        Sid::from_random(self.tag, random())
    }

    pub(crate) fn new_socket_id(&self) -> SocketId {
        SocketId::from_random(random())
    }

    /// A namespace that is there.
    pub(crate) fn existing(&self, name: &Name) -> Option<Namespace> {
        self.namespaces.get(name).map(|entry| entry.value().clone())
    }

    /// A namespace that a client wants to join; counted as used until [`Namespace::exit`].
    pub(crate) fn enter(&self, name: &Name) -> Option<Namespace> {
        let name = self.options.aliases.get(name).unwrap_or(name);
        if let Some(entry) = self.namespaces.get(name) {
            // Counted while the entry is held, so that it cannot be forgotten in between.
            entry.value().enter();
            return Some(entry.value().clone());
        }
        let behaviour = {
            let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
            let found = patterns.iter().find(|(fits, _)| fits(name.as_str()));
            found.map(|(_, behaviour)| Arc::clone(behaviour))?
        };
        if self.namespaces.len() >= DYNAMIC_NAMESPACES_MAX {
            return None;
        }
        let entry = self.namespaces.entry(name.clone());
        let entry = entry.or_insert_with(|| self.make(name.clone(), behaviour, true));
        entry.value().enter();
        Some(entry.value().clone())
    }

    /// Ends every session with a reason to come back.
    pub(crate) fn close_transports(&self) {
        for session in self.sessions.all() {
            session.close(CloseReason::ForcedClose);
        }
    }

    pub(crate) fn forget_namespace(&self, name: &Name) {
        self.namespaces.remove_if(name, |_, namespace| namespace.is_unused());
        if let Some(bridge) = &self.node {
            bridge.touched(name, None);
        }
    }

    fn make(&self, name: Name, behaviour: SharedBehaviour, dynamic: bool) -> Namespace {
        let (io, adapter) = (self.this.clone(), Arc::clone(&self.adapter));
        let (options, recoveries) = (Arc::clone(&self.options), self.recoveries.clone());
        let namespace =
            Namespace::new(name.clone(), behaviour, io, adapter, options, recoveries, dynamic);
        if let Some(bridge) = self.node.clone() {
            bridge.touched(&name, None);
            namespace.registry().watch(Box::new(move |room| bridge.touched(&name, Some(room))));
        }
        namespace
    }

    /// Starts a session; its task is tracked, and ends it.
    pub(crate) fn open(
        self: &Arc<Self>,
        sid: Sid,
        handshake: Handshake,
        transport: TransportName,
        base64: bool,
        link: Option<Link>,
    ) {
        let handle = SessionHandle::new(sid, handshake, self.options.outbox, transport);
        self.sessions.insert(handle.clone());
        metrics::opened(transport);
        if self.is_draining() {
            // Let in just before the drain began, and in none of its batches.
            handle.close(CloseReason::ServerShuttingDown);
        }
        let driver = Driver::new(Arc::clone(self), handle, transport, base64, link);
        self.tasks.spawn(driver.run());
    }

    /// Counts a new session of an address; false where it has too many that have joined nothing.
    pub(crate) fn admit(&self, address: IpAddr) -> bool {
        let max = self.options.unauthenticated_per_address;
        if max == 0 {
            return true;
        }
        let mut count = self.strangers.entry(address).or_insert(0);
        let room = *count < max;
        *count += usize::from(room);
        room
    }

    /// A session has joined a namespace for the first time, or has ended without.
    pub(crate) fn known(&self, address: IpAddr) {
        if self.options.unauthenticated_per_address == 0 {
            return;
        }
        self.strangers.alter(&address, |_, count| count.saturating_sub(1));
        self.strangers.remove_if(&address, |_, count| *count == 0);
    }

    /// A socket of the session was let in.
    pub(crate) fn joined(&self, session: &SessionHandle) {
        if session.make_known() {
            self.known(session.handshake().address);
        }
    }

    /// The session has ended.
    pub(crate) fn forget_session(&self, session: &SessionHandle) {
        self.sessions.remove(session.sid());
        self.joined(session);
    }
}

/// What adapters bring goes to the namespace that it is for; one that nobody is in has no receivers.
impl Hub for IoInner {
    fn deliver(&self, envelope: Envelope) -> Result<(), EmitError> {
        match (&self.recoveries, &self.shared_log) {
            // Kept also where nobody is in the namespace now: its clients may come back.
            (Some(recoveries), _) => recoveries.log.publish(envelope),
            (None, Some(log)) => log.publish(envelope),
            (None, None) => {
                let namespace = self.existing(&envelope.namespace);
                namespace.map_or(Ok(()), |namespace| namespace.deliver(envelope))
            }
        }
    }

    fn deliver_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Acks, AckError>> {
        match self.existing(&envelope.namespace) {
            Some(namespace) => {
                Box::pin(async move { namespace.deliver_with_ack(envelope, timeout).await })
            }
            None => Box::pin(std::future::ready(Ok(Acks::default()))),
        }
    }

    fn answer(&self, namespace: &Name, target: &Target, request: &Request) -> Answers {
        let namespace = self.existing(namespace);
        namespace.map(|namespace| namespace.answer(target, request)).unwrap_or_default()
    }

    fn reached(&self, mark: Mark) -> BoxFuture<'static, ()> {
        let log = self.shared_log.clone();
        Box::pin(async move {
            // Of a life of the log that this replica has not heard of, or has left behind, nothing comes.
            let Some(log) = log else { return };
            let Some(id) = log.id_in(&mark.epoch, mark.number) else { return };
            if log.arrival(id).await {
                // It is here, and perhaps still being delivered.
                log.in_order(&mut || {});
            }
        })
    }

    fn flushed(&self, marked: bool) -> BoxFuture<'static, ()> {
        let log = self.shared_log.clone();
        Box::pin(async move {
            if let Some(log) = log {
                log.flushed(marked).await;
            }
        })
    }
}

/// An adapter, with Node servers beside it where there are some; and the part of it that leads to them.
fn with_node(
    options: &Options,
    crier: Arc<dyn Adapter>,
    io: &Weak<IoInner>,
) -> (Arc<dyn Adapter>, Option<NodeBridge>) {
    match &options.node {
        Some(link) => {
            let bridge = NodeBridge::new(link.clone(), io.clone());
            (Arc::new(NodeAdapter::new(crier, bridge.clone())), Some(bridge))
        }
        None => (crier, None),
    }
}

/// The way to sockets: those of all replicas, or those here.
fn adapter_of(
    (asking, limits): &(Option<Asking>, Arc<Limits>),
    tag: ReplicaTag,
    hub: Weak<IoInner>,
) -> Arc<dyn Adapter> {
    let hub: Weak<dyn Hub> = hub;
    match asking {
        Some(asking) => {
            let asker = asking.asker(tag, hub.clone());
            Arc::new(RedisAdapter::new(hub, asker, Arc::clone(limits)))
        }
        None => Arc::new(LocalAdapter::new(hub)),
    }
}

type Logs = (Option<Arc<SharedLog>>, Option<Arc<Recoveries>>);

/// The log that is shared with others, and what is kept for clients that come back, where there is either.
fn logs(options: &Options, io: &Weak<IoInner>) -> Logs {
    let hub = io.clone();
    let deliver = Box::new(move |entry: &Entry| {
        let namespace = hub.upgrade().and_then(|io| io.existing(&entry.namespace));
        if let Some(namespace) = namespace {
            namespace.deliver_in_order(entry);
        }
    });
    let Some(shared) = &options.shared else {
        let recoveries = options.recovery.clone().map(|recovery| {
            Arc::new(Recoveries::new(recovery, Epoch::from_random(random()), deliver))
        });
        return (None, recoveries);
    };
    let keeps = options.recovery.is_some();
    // Nothing is kept where nobody comes back.
    let nothing = || RecoveryOptions { entries_max: 0, ..RecoveryOptions::default() };
    let recovery = options.recovery.clone().unwrap_or_else(nothing);
    let sessions = Arc::new(Sessions::new(recovery.window, recovery.sessions_max));
    let above = Box::new(Upcalls { sessions: Arc::clone(&sessions), io: io.clone() });
    let limits = Arc::clone(&options.limits);
    let log = SharedLog::new(shared, &recovery, limits, keeps, deliver, above);
    let log = Arc::new(log);
    let recoveries =
        keeps.then(|| Arc::new(Recoveries::shared(recovery, Arc::clone(&log), sessions, shared)));
    (Some(log), recoveries)
}

/// Bytes from the system's cryptographic source.
#[expect(clippy::expect_used, reason = "without randomness no id is secret: nothing can go on")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("options", &self.0.options).finish_non_exhaustive()
    }
}
