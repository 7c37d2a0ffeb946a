//! Replicas in this process, each with its own listeners and runtime, and the wires between them.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener as StdListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crier_protocol::{Namespace, ReplicaTag};
use crier_server::{
    Ack, Args, EventRate, Forwarding, Io, Options, Socket,
    cluster::{FixedReplicas, Replica, Replicas, Seal, registry::About},
    config::OriginPolicy,
    http::{
        HttpLimits, accept,
        internal::{self, Readiness},
    },
};
use metrics_exporter_prometheus::PrometheusBuilder;
use tests::raw::{WAIT, WebSocket, Wire, eventually};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

pub(super) const SECRET: &[u8] = b"the secret of the cluster of these tests";

/// One of them. Dropped, it is gone as a killed process is: its connections are reset or closed.
pub(super) struct One {
    pub(super) io: Io,
    pub(super) sockets: SocketAddr,
    pub(super) internal: SocketAddr,
    pub(super) tag: ReplicaTag,
    pub(super) replicas: Arc<FixedReplicas>,
    // Last, so that the runtime ends after everything that runs on it.
    pub(super) runtime: Runtime,
}

/// Two that know each other.
pub(super) fn two() -> (One, One) {
    two_with(Options::default)
}

pub(super) fn two_with(options: impl Fn() -> Options) -> (One, One) {
    let (one, two) = (One::start(1, SECRET, options()), One::start(2, SECRET, options()));
    let all = [one.entry(one.internal), two.entry(two.internal)];
    one.replicas.set(all.clone());
    two.replicas.set(all);
    (one, two)
}

impl One {
    /// A replica that knows no other yet.
    pub(super) fn start(n: u8, secret: &[u8], options: Options) -> Self {
        let tag = ReplicaTag::from_random([0, 0, n]);
        let replicas = Arc::new(FixedReplicas::new([]));
        let known = Arc::clone(&replicas) as Arc<dyn Replicas>;
        let forwarding = Forwarding { tag, replicas: known, seal: Arc::new(Seal::new([secret])) };
        Self { replicas, ..Self::run(n, options, |_, _| Some(forwarding)) }
    }

    /// A replica among those that it finds, at the address of its internal listener.
    pub(super) fn run(
        n: u8,
        options: Options,
        others: impl FnOnce(&Runtime, SocketAddr) -> Option<Forwarding>,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (outer, inner) = (bind(), bind());
        let (sockets, internal) = (outer.local_addr().unwrap(), inner.local_addr().unwrap());
        let forwarding = others(&runtime, internal);
        let tag = forwarding.as_ref().map_or(ReplicaTag::from_random([0; 3]), |f| f.tag);
        let io = Io::new(Options { event_rate: EventRate::NONE, forwarding, ..options });
        io.main().on("echo", |_socket: Socket, args: Args, ack: Ack| async move {
            ack.send_args(args);
        });
        io.main().on("name", move |_socket: Socket, (): (), ack: Ack| {
            ack.send(&n);
            std::future::ready(())
        });
        let prometheus = PrometheusBuilder::new().build_recorder().handle();
        let origins = OriginPolicy::new(None, Vec::new(), true);
        let handler =
            internal::handler(Some(io.clone()), Readiness::default(), prometheus, origins);
        // Owned by the runtime, which ends with the test.
        runtime.spawn(crier_server::serve(outer, io.clone()));
        let (limits, never) = (HttpLimits::default(), CancellationToken::new());
        runtime.spawn(accept::run(inner, handler, limits, never));
        Self { io, sockets, internal, tag, replicas: Arc::new(FixedReplicas::new([])), runtime }
    }

    /// How others find it, at an address that leads to it.
    pub(super) fn entry(&self, address: SocketAddr) -> Replica {
        let (advertise, version) = (address.to_string(), String::new());
        let about = About { advertise, started: 0, version, draining: false };
        Replica { tag: self.tag, about }
    }

    /// Lets another one reach this one through a wire, and no other way.
    pub(super) fn known_through(&self, wire: SocketAddr, other: &Self) {
        other.replicas.set([self.entry(wire), other.entry(other.internal)]);
    }

    /// Waits until it has as many sockets.
    pub(super) fn expect_sockets(&self, expected: usize) {
        eventually(WAIT, || match self.io.sockets(&Namespace::MAIN, &[]).len() {
            n if n == expected => Ok(()),
            n => Err(format!("{n} sockets, not {expected}")),
        });
    }
}

/// A websocket for a session at a replica, as far as the 101.
pub(super) fn upgrade_at(replica: SocketAddr, sid: &str) -> WebSocket {
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    WebSocket::upgrade(Wire::connect(replica), &target, "")
}

/// The same to its end: the session is on the websocket.
pub(super) fn upgraded_at(replica: SocketAddr, sid: &str) -> WebSocket {
    let mut ws = upgrade_at(replica, sid);
    ws.send("2probe");
    ws.expect("3probe");
    ws.send("5");
    ws
}

/// A TCP proxy in threads of its own: to one address, or to several in turn, connection by connection.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    /// What was sent to the other side first on each connection.
    pub(super) sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Proxy {
    pub(super) fn to(targets: &[SocketAddr]) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Self { address, connections: Arc::default(), sent: Arc::default() };
        let (connections, sent) = (Arc::clone(&proxy.connections), Arc::clone(&proxy.sent));
        let targets = targets.to_vec();
        // They end with their connections, and the first one with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let n = connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(targets[n % targets.len()]) else { continue };
                let client = client.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let sent = Arc::clone(&sent);
                thread::spawn(move || copy(from, to, Some(&sent)));
                thread::spawn(move || copy(server, client, None));
            }
        });
        proxy
    }
}

impl Proxy {
    /// Waits until so many requests of a kind have gone through.
    pub(super) fn expect_requests(&self, kind: &str, expected: usize) {
        eventually(WAIT, || {
            let sent = self.sent.lock().unwrap().concat();
            let sent = String::from_utf8_lossy(&sent);
            match sent.matches(&format!("{kind} /forward/")).count() {
                n if n == expected => Ok(()),
                n => Err(format!("{n} of {expected} requests")),
            }
        });
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, record: Option<&Mutex<Vec<Vec<u8>>>>) {
    let mut buffer = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if let Some(record) = record {
            record.lock().unwrap().push(buffer[..n].to_vec());
        }
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
