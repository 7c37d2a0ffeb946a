//! A TCP proxy in front of the balancer that cuts connections, as networks do.

use crate::process::{Failure, Outcome};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The proxy; it ends, and all its connections, with its owner.
#[derive(Debug)]
pub struct Cutter {
    /// Its port on the loopback.
    pub port: u16,
    open: Arc<Mutex<Open>>,
    end: CancellationToken,
}

/// The connections, in the order they came.
#[derive(Debug, Default)]
struct Open {
    next: u64,
    tokens: BTreeMap<u64, CancellationToken>,
}

impl Cutter {
    /// Listens in front of a port of the loopback.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(behind: u16) -> Outcome<Self> {
        let failure = |error: std::io::Error| Failure::new(format!("the cutting proxy: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failure)?;
        let listener =
            runtime.block_on(TcpListener::bind(("127.0.0.1", super::ports::free_port()?)));
        let listener = listener.map_err(failure)?;
        let port = listener.local_addr().map_err(failure)?.port();
        let (open, end) = (Arc::<Mutex<Open>>::default(), CancellationToken::new());
        let (theirs, stop) = (Arc::clone(&open), end.clone());
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, SocketAddr::from(([127, 0, 0, 1], behind)), theirs) => (),
                    () = stop.cancelled() => (),
                }
            });
        });
        Ok(Self { port, open, end })
    }

    /// Cuts connections by RST on both sides; `pick` chooses one of so many. How many were cut.
    pub fn cut(&self, count: usize, mut pick: impl FnMut(usize) -> usize) -> usize {
        let mut open = lock(&self.open);
        let mut cut = 0;
        for _ in 0..count {
            let Some(&id) = open.tokens.keys().nth(pick(open.tokens.len().max(1))) else { break };
            if let Some(token) = open.tokens.remove(&id) {
                token.cancel();
                cut += 1;
            }
        }
        cut
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.open).tokens.len()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn lock(open: &Mutex<Open>) -> std::sync::MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, behind: SocketAddr, open: Arc<Mutex<Open>>) {
    let mut pairs = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No files left, most likely: others have to end first.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let token = CancellationToken::new();
        let id = {
            let mut open = lock(&open);
            open.next += 1;
            let id = open.next;
            open.tokens.insert(id, token.clone());
            id
        };
        let open = Arc::clone(&open);
        pairs.spawn(async move {
            pair(client, behind, token).await;
            lock(&open).tokens.remove(&id);
        });
        while pairs.try_join_next().is_some() {}
    }
}

async fn pair(mut client: TcpStream, behind: SocketAddr, cut: CancellationToken) {
    let Ok(mut server) = TcpStream::connect(behind).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let is_cut = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        () = cut.cancelled() => true,
    };
    if is_cut {
        // A linger of zero makes the close a RST: what is under way in either direction is gone.
        for stream in [&client, &server] {
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
