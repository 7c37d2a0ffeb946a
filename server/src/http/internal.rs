//! The internal listener: is it alive, is it ready, what does it count; and the requests that other
//! replicas pass on, which are theirs alone.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Method, StatusCode, header, uri::Authority};
use metrics_exporter_prometheus::PrometheusHandle;

use super::{Handler, Response, forward, full, text};
use crate::{config::OriginPolicy, io::Io};

/// Whether new clients are welcome; shared by everyone who has a say.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether they are.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The handler of the internal listener; without an `io` for a process that has no sockets.
pub fn handler(
    io: Option<Io>,
    ready: Readiness,
    prometheus: PrometheusHandle,
    origins: OriginPolicy,
) -> Handler {
    Arc::new(move |request, _peer| {
        // Its Host is the client's; who may ask is known by the signature.
        if let Some(io) = io.clone().filter(|_| is_forwarded(request.uri().path())) {
            return Box::pin(async move { io.receive(request).await });
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let response = if !host.is_some_and(|host| is_expected(host, &origins)) {
            text(StatusCode::MISDIRECTED_REQUEST, "Misdirected Request")
        } else if request.method() == Method::GET {
            answer(request.uri().path(), io.as_ref(), &ready, &prometheus)
        } else {
            text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        };
        Box::pin(std::future::ready(Ok(response)))
    })
}

fn is_forwarded(path: &str) -> bool {
    path.strip_prefix(forward::PATH).is_some_and(|rest| rest.starts_with('/'))
}

fn answer(
    path: &str,
    io: Option<&Io>,
    ready: &Readiness,
    prometheus: &PrometheusHandle,
) -> Response {
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" if ready.get() && io.is_none_or(Io::is_reached) => text(StatusCode::OK, "ok\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        "/metrics" => {
            if let Some(io) = io {
                io.measure();
            }
            full(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", prometheus.render())
        }
        _ => text(StatusCode::NOT_FOUND, "Not Found\n"),
    }
}

/// A page on a name that an attacker points here (DNS rebinding) cannot read this: only our own names
/// are answered, and bare addresses, which nobody can point anywhere.
fn is_expected(host: &str, origins: &OriginPolicy) -> bool {
    let name = host.parse::<Authority>().map(|authority| authority.host().to_owned());
    let is_address = name.is_ok_and(|name| {
        name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
    });
    is_address || origins.is_own_host(host)
}
