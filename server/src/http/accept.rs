//! The accept loop: TCP connections in, requests to a handler.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dashmap::DashMap;
use http::{Request, StatusCode, Version};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Answers, Cut, Response,
    clock::{Phase, TimedStream},
    closing,
};
use crate::{metrics, session::link::ConnectionPermit};

/// What a connection may take, in time and in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// From accept, or a head's first byte, to its end. Default 10 s.
    pub head_timeout: Duration,
    /// Silence between two requests. Default 75 s.
    pub keep_alive: Duration,
    /// A write that the peer does not take. Default 30 s.
    pub write_timeout: Duration,
    /// Request line and headers. Default 32 KiB; more is 431.
    pub head_max: usize,
    /// Headers of a request. Default 100; more is 431.
    pub headers_max: usize,
    /// Bytes of a request's target. Default 8 KiB; more is 414.
    pub uri_max: usize,
    /// Open connections, websockets included. Default 100,000; beyond it, new ones wait in the
    /// kernel's queue.
    pub connections_max: usize,
    /// Open HTTP connections of one address, those that became websockets not counted; 0 = no cap,
    /// the default. One over it is closed at once.
    pub connections_per_address: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            head_max: 32 << 10,
            headers_max: 100,
            uri_max: 8 << 10,
            connections_max: 100_000,
            connections_per_address: 0,
        }
    }
}

/// Accepts connections until `stop`, then lets those that are busy finish their request.
///
/// What is no request by HTTP's own grammar, hyper answers by itself: 400, 414 or 431 with an empty body,
/// on every listener. There is no path yet by which one could say in whose words.
///
/// # Errors
/// The listener cannot be used any more.
pub async fn run(
    listener: TcpListener,
    answers: impl Into<Answers>,
    limits: HttpLimits,
    stop: CancellationToken,
) -> io::Result<()> {
    let answers = answers.into();
    let permits = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let limits = Arc::new(limits);
    let per_address = Arc::new(PerAddress::default());
    let tasks = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit.map_err(io::Error::other)?,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files (EMFILE), or the peer has gone already. A failing accept stays
                    // readable, so without a pause this loop would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let Some(counted) = per_address.count(peer.ip(), limits.connections_per_address) else {
            continue;
        };
        let permit = ConnectionPermit::new(permit);
        let connection =
            connection(stream, peer, answers.clone(), Arc::clone(&limits), permit, stop.clone());
        tasks.spawn(async move {
            metrics::http_connections(1.0);
            connection.await;
            metrics::http_connections(-1.0);
            drop(counted);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    answers: Answers,
    limits: Arc<HttpLimits>,
    permit: ConnectionPermit,
    stop: CancellationToken,
) {
    // Small packets are the rule here; a failure only costs latency.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(Phase::new());
    let timed = TimedStream::new(stream, Arc::clone(&phase), limits.write_timeout);
    let head = Arc::clone(&limits);
    let clock = Arc::clone(&phase);
    let service = service_fn(move |mut request: Request<Incoming>| {
        phase.busy();
        request.extensions_mut().insert(permit.clone());
        let answer = answer(&answers, request, peer.ip(), &head);
        let phase = Arc::clone(&phase);
        async move {
            let answer = answer.await;
            phase.idle();
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder
        // hyper takes the whole of a head that came in one read, so `answer` measures again.
        .max_buf_size(limits.head_max + (4 << 10))
        .max_headers(limits.headers_max)
        .half_close(false)
        .keep_alive(true);
    let connection = builder.serve_connection(timed, service).with_upgrades();
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            result = &mut connection => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            () = clock.overdue(&limits) => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Checks what hyper does not, then asks the handler.
fn answer(
    answers: &Answers,
    request: Request<Incoming>,
    peer: IpAddr,
    limits: &HttpLimits,
) -> impl Future<Output = Result<Response, Cut>> + use<> {
    let refusal = check(&request, limits);
    let refusal =
        refusal.map(|(status, reason)| (answers.refuse)(request.uri().path(), status, reason));
    let handler = Arc::clone(&answers.handler);
    async move {
        match refusal {
            Some(refusal) => {
                metrics::refused(refusal.status());
                Ok(closing(refusal))
            }
            None => {
                let wants_upgrade = request.headers().contains_key(http::header::UPGRADE);
                let response = handler(request, peer).await?;
                let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                // What came behind a refused upgrade must not be taken for another request.
                Ok(if wants_upgrade && !upgrades { closing(response) } else { response })
            }
        }
    }
}

fn check(request: &Request<Incoming>, limits: &HttpLimits) -> Option<(StatusCode, &'static str)> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.uri_max {
        return Some((StatusCode::URI_TOO_LONG, "URI Too Long"));
    }
    // Name, colon, space, value and line end of each, as RFC 9112 writes them.
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    let head: usize = target + request.headers().iter().map(line).sum::<usize>();
    if head > limits.head_max {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some((status, "Request Header Fields Too Large"));
    }
    // RFC 9112, 3.2: exactly one Host in HTTP/1.1.
    let count = |name| request.headers().get_all(name).iter().count();
    let hosts = count(http::header::HOST);
    // Two credentials: whoever stands before us may have looked at the other one.
    let credentials = count(http::header::AUTHORIZATION);
    if request.version() == Version::HTTP_11 && hosts != 1 || credentials > 1 {
        return Some((StatusCode::BAD_REQUEST, "Bad Request"));
    }
    None
}

/// Connections that one address has open.
#[derive(Debug, Default)]
struct PerAddress(DashMap<IpAddr, usize>);

/// Uncounts a connection when it ends.
#[derive(Debug)]
struct Counted(Option<(Arc<PerAddress>, IpAddr)>);

impl PerAddress {
    fn count(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<Counted> {
        if max == 0 {
            return Some(Counted(None));
        }
        let mut count = self.0.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Counted(Some((Arc::clone(self), address))))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((all, address)) = &self.0 {
            all.0.alter(address, |_, count| count.saturating_sub(1));
            all.0.remove_if(address, |_, count| *count == 0);
        }
    }
}
