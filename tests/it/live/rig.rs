//! The apps in this process, and clients that say what they hear.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crier_domain::{
    App, AuthMode, Catalogue, Clock, Cluster, DEVELOPMENT_SECRET, Identity, Keys, Membership,
    Outlet, Policy, Role, RoomName, RoomRule, UserId, Verifier, VerifierOptions,
    cluster::{Action, Order},
    mint,
    room::MembershipFuture,
    service::{
        Deps, Services,
        limits::{PerMinute, UserLimits},
    },
    store::{MemoryStore, Store},
};
use crier_protocol::Namespace;
use crier_server::{
    EventRate, Io, Options, RecoveryOptions,
    apps::{self, Audience, AudienceMode, Context},
    auth::{Expiry, Gate, Roster},
    bus::{DurableBus, LocalBus},
    cluster::LocalCluster,
    presence::Presences,
    tasks::Background,
};
use serde_json::{Value, json};
use tests::raw::{Received, WAIT, WebSocket};
use tokio::{net::TcpListener, runtime::Runtime};

/// What a test may want otherwise.
pub(super) struct Setup {
    pub(super) mode: AuthMode,
    pub(super) apps: Vec<App>,
    pub(super) rules: Vec<RoomRule>,
    pub(super) any_user_is_granted: bool,
    pub(super) audience: AudienceMode,
    pub(super) grace: Duration,
    pub(super) rate: EventRate,
    pub(super) recovery: Option<RecoveryOptions>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            mode: AuthMode::Optional,
            apps: App::ALL.to_vec(),
            rules: Vec::new(),
            any_user_is_granted: false,
            audience: AudienceMode::Everyone,
            grace: Duration::from_millis(300),
            rate: EventRate::NONE,
            recovery: None,
        }
    }
}

/// A running server. Besides `/` there is `/also`, an app's namespace without events.
pub(super) struct Live {
    pub(super) io: Io,
    pub(super) context: Context,
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) address: SocketAddr,
    meanwhile: Meanwhile,
    // Last, so that the runtime ends after everything that runs on it.
    pub(super) runtime: Runtime,
}

impl Live {
    pub(super) fn start(setup: Setup) -> Self {
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let (event_rate, recovery) = (setup.rate, setup.recovery);
        let io = Io::new(Options { event_rate, recovery, ..Options::default() });
        let local = Arc::new(LocalBus::new(io.clone()));
        let clock = Clock::system();
        let (roster, presence) = (Roster::default(), Presences::new(setup.grace, &clock));
        let outlet = Arc::clone(&local) as Arc<dyn Outlet>;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(outlet, clock.clone()));
        let bus = DurableBus::new(local, Arc::clone(&store), clock.clone());
        let cluster: Arc<dyn Cluster> =
            Arc::new(LocalCluster::new(io.clone(), roster.clone(), presence.clone()));
        let services = Arc::new(Services::new(Deps {
            store,
            clock: clock.clone(),
            cluster: Arc::clone(&cluster),
            limits: Arc::new(UserLimits::new(&PerMinute::default())),
        }));
        let verifier = Arc::new(Verifier::new(Keys::development(), VerifierOptions::default()));
        let apps = setup.apps.iter().copied().collect();
        let meanwhile = Meanwhile::default();
        let membership = Slow { services: Arc::clone(&services), meanwhile: meanwhile.clone() };
        let membership = Arc::new(membership) as Arc<dyn Membership>;
        let context = Context {
            payload_max: 64 << 10,
            gate: Gate::new(verifier, Arc::clone(&services), setup.mode, true, apps),
            policy: Policy::new(setup.rules, setup.any_user_is_granted, membership),
            catalogue: Arc::new(Catalogue::new(setup.apps.iter().copied())),
            bus: Arc::new(bus),
            services,
            roster,
            expiry: Expiry::new(clock.clone()),
            presence,
            presence_audience: Audience::new(setup.audience),
            clock,
            background: Background::default(),
        };
        apps::install(&io, context.clone());
        apps::protect(&io.of("/also").unwrap(), &Arc::new(context.clone()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        // Owned by the runtime, which ends with the test.
        runtime.spawn(crier_server::serve(listener, io.clone()));
        drop(_inside);
        Self { io, context, cluster, address, meanwhile, runtime }
    }

    /// A user on `/`, greeted.
    pub(super) fn user(&self, user: &str) -> Client {
        self.with_role(user, Role::User)
    }

    pub(super) fn with_role(&self, user: &str, role: Role) -> Client {
        self.client(&json!({ "token": token(user, role, 3_600) }))
    }

    /// The client of a session, on a new connection: what it missed is to be read, then `connected`.
    pub(super) fn back(&self, (pid, offset): (Value, Value), auth: &Value) -> Client {
        let mut auth = auth.clone();
        auth["pid"] = pid;
        auth["offset"] = offset;
        let mut client = Client::new(self);
        client.join("/", &auth).unwrap();
        client
    }

    /// Lets something happen once, right after the store was asked who may be in this room or chat and
    /// before the one who asked hears of it.
    pub(super) fn meanwhile(
        &self,
        asked: &str,
        happens: impl Future<Output = ()> + Send + 'static,
    ) {
        *self.meanwhile.0.lock().unwrap() = Some((asked.to_owned(), Box::pin(happens)));
    }

    /// A client on `/` that has heard `connected`, and nothing before it.
    pub(super) fn client(&self, auth: &Value) -> Client {
        let mut client = Client::new(self);
        client.join("/", auth).unwrap();
        let (name, connected) = client.next_event();
        assert_eq!(name, "connected", "{connected}");
        client.connected = connected;
        client
    }

    /// What a client is told that is not let in.
    pub(super) fn refusal(&self, namespace: &str, auth: &Value) -> Value {
        Client::new(self).join(namespace, auth).unwrap_err()
    }

    /// Makes the sockets of a user on `/` do something, as a backend does.
    pub(super) fn order(&self, user: &str, action: Action) {
        let user = UserId::parse(user);
        let order = Order { namespace: Namespace::MAIN, rooms: Vec::new(), user, action };
        let reached = self.runtime.block_on(self.cluster.order(order));
        assert_ne!(reached.matched, 0);
    }

    /// Whether a room of `/` has a member.
    pub(super) fn has_room(&self, name: &str) -> bool {
        self.io.main().rooms().iter().any(|(room, _)| room.as_str() == name)
    }
}

type Happening = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens after which question.
#[derive(Clone, Default)]
struct Meanwhile(Arc<Mutex<Option<(String, Happening)>>>);

/// The services, with a pause behind their answers about rooms.
struct Slow {
    services: Arc<Services>,
    meanwhile: Meanwhile,
}

impl Slow {
    async fn pause(&self, asked: &str) {
        let happens = self.meanwhile.0.lock().unwrap().take_if(|(room, _)| room == asked);
        if let Some((_, happens)) = happens {
            happens.await;
        }
    }
}

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slow").finish_non_exhaustive()
    }
}

impl Membership for Slow {
    fn owner_of_order<'a>(&'a self, order_id: &'a str) -> MembershipFuture<'a, Option<UserId>> {
        self.services.owner_of_order(order_id)
    }

    fn is_participant<'a>(
        &'a self,
        chat_id: &'a str,
        who: &'a Identity,
    ) -> MembershipFuture<'a, bool> {
        Box::pin(async move {
            let answer = self.services.is_participant(chat_id, who).await;
            self.pause(chat_id).await;
            answer
        })
    }

    fn is_granted<'a>(
        &'a self,
        room: &'a RoomName,
        user: &'a UserId,
    ) -> MembershipFuture<'a, bool> {
        Box::pin(async move {
            let answer = self.services.is_granted(room, user).await;
            self.pause(room.as_str()).await;
            answer
        })
    }
}

/// A token of the development key.
pub(super) fn token(user: &str, role: Role, seconds: u64) -> String {
    mint(DEVELOPMENT_SECRET.as_bytes(), user, role, None, Duration::from_secs(seconds))
}

/// One connection.
pub(super) struct Client {
    ws: WebSocket,
    heard: VecDeque<Heard>,
    acks: u32,
    /// What it shows that wants its session on `/` back: its secret, and the last event.
    pid: Value,
    offset: Value,
    /// The payload of `connected`.
    pub(super) connected: Value,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// On which namespace, its name, its first argument.
    Event(String, String, Value),
    Ack(u32, Value),
    /// A Socket.IO disconnect from a namespace.
    Disconnect(String),
    /// The end of the connection.
    End,
}

impl Client {
    pub(super) fn new(live: &Live) -> Self {
        let ws = WebSocket::open(live.address);
        let (pid, offset) = (Value::Null, Value::Null);
        Self { ws, heard: VecDeque::new(), acks: 0, pid, offset, connected: Value::Null }
    }

    /// Joins a namespace; `Err` is what CONNECT_ERROR says.
    pub(super) fn join(&mut self, namespace: &str, auth: &Value) -> Result<(), Value> {
        self.ws.send(format!("40{}{auth}", prefix(namespace)));
        let (welcome, refused) =
            (format!("40{}{{", prefix(namespace)), format!("44{}", prefix(namespace)));
        loop {
            let answer = self.ws.text();
            if answer.starts_with(&welcome) {
                if namespace == "/" {
                    let session = answer.get(2..).unwrap_or_default();
                    self.pid = serde_json::from_str::<Value>(session).unwrap()["pid"].clone();
                }
                return Ok(());
            }
            if let Some(error) = answer.strip_prefix(&refused) {
                return Err(serde_json::from_str(error).unwrap());
            }
            self.heard.push_back(parse(&answer));
        }
    }

    pub(super) fn emit(&mut self, event: &str, payload: &Value) {
        self.emit_on("/", event, payload);
    }

    pub(super) fn emit_on(&mut self, namespace: &str, event: &str, payload: &Value) {
        self.ws.send(format!("42{}{}", prefix(namespace), json!([event, payload])));
    }

    /// Emits, and hands back what the ack says.
    pub(super) fn call(&mut self, event: &str, payload: &Value) -> Value {
        let id = self.ask("/", event, payload);
        self.ack(id)
    }

    /// Emits with an ack that is awaited later.
    pub(super) fn ask(&mut self, namespace: &str, event: &str, payload: &Value) -> u32 {
        self.acks += 1;
        let id = self.acks;
        self.ws.send(format!("42{}{id}{}", prefix(namespace), json!([event, payload])));
        id
    }

    pub(super) fn ack(&mut self, id: u32) -> Value {
        self.wait_for(
            |heard| matches!(heard, Heard::Ack(got, _) if *got == id),
            |heard| {
                let Heard::Ack(_, answer) = heard else { unreachable!() };
                answer
            },
        )
    }

    /// The next event of this name on `/`, whatever comes before it.
    pub(super) fn event(&mut self, name: &str) -> Value {
        self.event_on("/", name)
    }

    pub(super) fn event_on(&mut self, namespace: &str, name: &str) -> Value {
        self.wait_for(
            |heard| matches!(heard, Heard::Event(ns, event, _) if ns == namespace && event == name),
            |heard| {
                let Heard::Event(_, _, payload) = heard else { unreachable!() };
                payload
            },
        )
    }

    /// The next event, which must be the next thing at all.
    pub(super) fn next_event(&mut self) -> (String, Value) {
        match self.next() {
            Heard::Event(_, name, payload) => (name, payload),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn next(&mut self) -> Heard {
        match self.heard.pop_front() {
            Some(heard) => heard,
            None => self.read(),
        }
    }

    /// Everything that was not asked for, up to the answer to a question that is asked now.
    pub(super) fn events(&mut self) -> Vec<(String, Value)> {
        let id = self.ask("/", "heartbeat", &json!({ "timestamp": 1 }));
        self.ack(id);
        let mut events = Vec::new();
        self.heard.retain(|heard| match heard {
            Heard::Event(_, name, payload) => {
                if name != "heartbeat_ack" {
                    events.push((name.clone(), payload.clone()));
                }
                false
            }
            _ => true,
        });
        events
    }

    /// How often events of these names came, up to now.
    pub(super) fn count(&mut self, names: &[&str]) -> usize {
        self.events().iter().filter(|(name, _)| names.contains(&name.as_str())).count()
    }

    /// What it shows that wants its session back.
    pub(super) fn session(&self) -> (Value, Value) {
        (self.pid.clone(), self.offset.clone())
    }

    pub(super) fn reset(self) {
        self.ws.reset();
    }

    fn wait_for<T>(&mut self, is: impl Fn(&Heard) -> bool, then: impl Fn(Heard) -> T) -> T {
        if let Some(at) = self.heard.iter().position(&is) {
            return then(self.heard.remove(at).unwrap());
        }
        let began = Instant::now();
        loop {
            let heard = self.read();
            if is(&heard) {
                return then(heard);
            }
            assert!(heard != Heard::End && began.elapsed() < WAIT, "{:?}", self.heard);
            self.heard.push_back(heard);
        }
    }

    fn read(&mut self) -> Heard {
        match self.ws.receive(WAIT) {
            Some(Received::Text(text)) => {
                let args = text.strip_prefix("42[").map(|args| format!("[{args}"));
                let args = args.map(|args| serde_json::from_str::<Vec<Value>>(&args).unwrap());
                // Behind the arguments of every event of `/`, where there is recovery.
                let offset = args.unwrap_or_default().pop().filter(|_| !self.pid.is_null());
                self.offset = offset.unwrap_or_else(|| self.offset.take());
                parse(&text)
            }
            Some(Received::Close(_) | Received::End) => Heard::End,
            other => panic!("{other:?}, after {:?}", self.heard),
        }
    }
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

fn parse(text: &str) -> Heard {
    let kind = text.get(..2).unwrap_or(text);
    let mut rest = text.get(2..).unwrap_or_default();
    let mut namespace = "/".to_owned();
    if rest.starts_with('/') {
        let (name, after) = rest.split_once(',').unwrap_or((rest, ""));
        namespace = name.to_owned();
        rest = after;
    }
    let json = rest.find('[').map_or("null", |at| rest.get(at..).unwrap_or_default());
    let id = rest.split('[').next().unwrap_or_default();
    let mut args: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    args.resize(2, Value::Null);
    match kind {
        "42" => Heard::Event(namespace, args[0].as_str().unwrap().to_owned(), args[1].clone()),
        "43" => Heard::Ack(id.parse().unwrap(), args[0].clone()),
        "41" => Heard::Disconnect(namespace),
        "1" => Heard::End,
        _ => panic!("{text}"),
    }
}
