//! Connections to other replicas, kept for the next request.

use std::{io, sync::Arc, time::Duration};

use dashmap::DashMap;
use http::Request;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::http::Body;

/// To connect, and to take up a kept connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections kept for one replica; beyond, they are closed after their request.
const IDLE_MAX: usize = 64;

/// How long a connection is kept. The other end keeps it for [`KEPT_BY_OWNER`] at least, so that no
/// request meets its end.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// How long the internal listener keeps a silent connection at least.
pub(crate) const KEPT_BY_OWNER: Duration = Duration::from_secs(75);

/// Bytes of an answer's head, as of hyper's own reading.
const HEAD_MAX: usize = 64 << 10;

/// Kept connections, by the address that they lead to.
#[derive(Debug)]
pub(super) struct Pool {
    idle: DashMap<Arc<str>, Vec<(SendRequest<Body>, Instant)>>,
    tasks: TaskTracker,
    /// From then on nothing is kept.
    closed: CancellationToken,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody took the request.
    Unreachable(io::Error),
    /// The connection ended after the request had begun to go out.
    Unanswered(hyper::Error),
}

/// A connection that may be used again once its answer is read to the end.
#[derive(Debug)]
pub(super) struct Used {
    address: Arc<str>,
    connection: SendRequest<Body>,
}

impl Pool {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { idle: DashMap::new(), tasks, closed: CancellationToken::new() }
    }

    /// Sends a request on a kept connection or on a new one.
    pub(super) async fn send(
        &self,
        address: &Arc<str>,
        mut request: Request<Body>,
    ) -> Result<(http::Response<Incoming>, Used), Failure> {
        loop {
            let (mut connection, is_new) = match self.kept(address).await {
                Some(kept) => (kept, false),
                None => (self.connect(address).await.map_err(Failure::Unreachable)?, true),
            };
            match connection.try_send_request(request).await {
                Ok(response) => {
                    return Ok((response, Used { address: Arc::clone(address), connection }));
                }
                Err(mut error) => match error.take_message() {
                    // It had ended before anything was written: no one has seen the request.
                    Some(unsent) if !is_new => request = unsent,
                    Some(_) => {
                        return Err(Failure::Unreachable(io::Error::other(error.into_error())));
                    }
                    None => return Err(Failure::Unanswered(error.into_error())),
                },
            }
        }
    }

    /// A kept connection that still is one.
    async fn kept(&self, address: &Arc<str>) -> Option<SendRequest<Body>> {
        loop {
            // In a statement of its own: the map is not held over the wait.
            let last = self.idle.get_mut(address)?.pop();
            let (mut connection, since) = last?;
            if since.elapsed() > IDLE_TIME {
                // It is the youngest.
                self.idle.remove(address);
                return None;
            }
            if matches!(timeout(CONNECT_TIMEOUT, connection.ready()).await, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, address: &Arc<str>) -> io::Result<SendRequest<Body>> {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&**address));
        let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_MAX);
        let shaken = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        // It ends with the last of `sender`, or with the peer.
        self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to another replica ended");
            }
        });
        Ok(sender)
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, used: Used) {
        if self.closed.is_cancelled() || used.connection.is_closed() {
            return;
        }
        let mut kept = self.idle.entry(used.address).or_default();
        kept.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE_TIME);
        if kept.len() < IDLE_MAX {
            kept.push((used.connection, Instant::now()));
        }
    }

    /// Lets go of what leads to replicas that are not there any more.
    pub(super) fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.idle.retain(|address, _| is_there(address));
    }

    /// Lets go of all, and keeps nothing from now on.
    pub(super) fn close(&self) {
        self.closed.cancel();
        self.idle.clear();
    }
}
