//! Replicas in this process, over a redis-server of the test's own.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crier_domain::{
    Clock,
    cluster::Cluster,
    redis::{BusEvent, Redis, RedisBus, RedisOptions, Writer, WriterOptions},
};
use crier_protocol::ReplicaTag;
use crier_server::{
    Ack, EventRate, Forwarding, Full, Io, Options, Outbound, Payload, Shared, Socket,
    auth::Roster,
    cluster::{Asking, FixedReplicas, LocalCluster, Replica, Seal, asking, registry::About},
    presence::Presences,
    tasks::Background,
};
use tests::raw::{WAIT, WebSocket, eventually};
use tokio::{net::TcpListener, runtime::Runtime};

#[path = "../../../domain/tests/it/redis/server.rs"]
#[allow(dead_code, reason = "written for another test program as well")]
mod server;

pub(super) use self::server::Server as RedisServer;

/// The names of the replicas.
pub(super) const NAMES: [&str; 3] = ["aaaa", "bbbb", "cccc"];

/// Three replicas.
pub(super) struct Cluster3 {
    pub(super) all: Vec<One>,
    pub(super) replicas: Arc<FixedReplicas>,
    pub(super) redis: RedisServer,
    // Last, so that the runtime ends after everything that runs on it.
    pub(super) runtime: Runtime,
}

/// One of them.
pub(super) struct One {
    pub(super) io: Io,
    pub(super) address: SocketAddr,
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) bus: RedisBus,
    _background: Background,
}

impl Cluster3 {
    pub(super) fn start() -> Self {
        let (redis, runtime) = (RedisServer::start(&[]), Runtime::new().unwrap());
        let replicas = Arc::new(FixedReplicas::new(NAMES.map(replica)));
        let inside = runtime.enter();
        let all = NAMES.map(|name| {
            let link = link(&redis);
            let way = Arc::new(Way::default());
            let options = Options {
                event_rate: EventRate::NONE,
                shared: Some(Shared {
                    redis: link.clone(),
                    replica: name.to_owned(),
                    out: way.clone(),
                }),
                forwarding: Some(Forwarding {
                    tag: ReplicaTag::parse(name).unwrap(),
                    replicas: replicas.clone(),
                    seal: Arc::new(Seal::new([&b"a secret"[..]])),
                }),
                asking: Some(Asking { redis: link.clone(), replicas: replicas.clone() }),
                ..Options::default()
            };
            One::start(options, &way, &link, &runtime)
        });
        drop(inside);
        for one in &all {
            eventually(WAIT, || match one.io.is_reached() {
                true => Ok(()),
                false => Err("a replica does not follow the log".to_owned()),
            });
        }
        Self { all: all.into(), replicas, redis, runtime }
    }

    /// A client of a replica that is in a room.
    pub(super) fn client(&self, replica: usize, room: &str) -> WebSocket {
        let mut client = WebSocket::connect(self.all[replica].address);
        enter(&mut client, room);
        client
    }
}

/// Has a client enter a room.
pub(super) fn enter(client: &mut WebSocket, room: &str) {
    client.send(format!(r#"420["enter","{room}"]"#));
    client.expect("430[true]");
}

impl One {
    fn start(options: Options, way: &Way, redis: &Redis, runtime: &Runtime) -> Self {
        let io = Io::new(options);
        let following = io.clone();
        runtime.spawn(async move { following.follow().await });
        io.main().on(
            "enter",
            |socket: Socket, Payload(room): Payload<String>, ack: Ack| async move {
                ack.send(&socket.join(room.as_str()).is_ok());
            },
        );
        let grace = Duration::from_secs(1);
        let presence = Presences::new(grace, &Clock::system());
        let own = Arc::new(LocalCluster::new(io.clone(), Roster::default(), presence));
        let background = Background::default();
        let cluster = asking::start(&io, own, &background);
        let writing = WriterOptions {
            keep: Duration::from_secs(60),
            entries_max: 10_000,
            sender: String::new(),
        };
        let (writer, work) =
            Writer::new(redis.clone(), writing, Clock::system(), Arc::clone(&cluster));
        runtime.spawn(work.run(std::future::pending()));
        let bus = RedisBus::new(writer);
        way.0.set(bus.clone()).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(crier_server::serve(listener, io.clone()));
        Self { io, address, cluster, bus, _background: background }
    }
}

/// The way of events to the log.
#[derive(Default)]
struct Way(OnceLock<RedisBus>);

impl Outbound for Way {
    fn send(&self, event: BusEvent) -> Result<(), Full> {
        self.0.get().unwrap().enqueue(&event).map_err(|_| Full)
    }

    fn flushed(&self, marked: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.get().unwrap().flushed(marked))
    }
}

/// A replica of this name, as its lease would say.
pub(super) fn replica(name: &str) -> Replica {
    let about = About {
        advertise: "127.0.0.1:1".to_owned(),
        started: 1,
        version: "1".to_owned(),
        draining: false,
    };
    Replica { tag: ReplicaTag::parse(name).unwrap(), about }
}

/// A link that notices soon when Redis is away.
pub(super) fn link(redis: &RedisServer) -> Redis {
    let timeout = Duration::from_millis(500);
    Redis::new(RedisOptions { timeout, ..redis.options("crier") }).unwrap()
}
