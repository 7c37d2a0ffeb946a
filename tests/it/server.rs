//! A server of one test: the public handler API on a real port.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crier_server::{Ack, Args, EventRate, Io, Options, Socket};
use tests::raw::{WAIT, eventually};
use tokio::{net::TcpListener, runtime::Runtime, sync::Semaphore};

/// A server of one test, with a counter that its handlers share.
pub(crate) struct Server {
    pub(crate) io: Io,
    pub(crate) address: SocketAddr,
    pub(crate) count: Arc<AtomicUsize>,
    // Last, so that the runtime ends after everything that runs on it.
    pub(crate) runtime: Runtime,
}

impl Server {
    pub(crate) fn start(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let io = Io::new(Options { event_rate: EventRate::NONE, ..options });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let served = crier_server::serve(listener, io.clone());
        // Owned by the runtime, which ends with the test.
        runtime.spawn(served);
        let server = Self { io, address, count: Arc::default(), runtime };
        server.io.main().on("echo", |_socket: Socket, args: Args, ack: Ack| async move {
            ack.send_args(args);
        });
        let count = Arc::clone(&server.count);
        server.io.main().on("count", move |_socket: Socket, (): (), ack: Ack| {
            count.fetch_add(1, Ordering::SeqCst);
            ack.send(&true);
            std::future::ready(())
        });
        server
    }

    pub(crate) fn expect_count(&self, expected: usize) {
        eventually(WAIT, || match self.count.load(Ordering::SeqCst) {
            count if count == expected => Ok(()),
            count => Err(format!("{count} of {expected} events were handled")),
        });
    }

    /// A handler of `wait` that waits until the test lets it go on.
    pub(crate) fn with_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        let shared = Arc::clone(&gate);
        self.io.main().on("wait", move |socket: Socket, (): (), ack: Ack| {
            let gate = Arc::clone(&shared);
            async move {
                let _ = socket.emit("waiting", &1);
                let _permit = gate.acquire().await;
                ack.send(&"waited");
            }
        });
        gate
    }
}
