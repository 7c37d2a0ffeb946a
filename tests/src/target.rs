//! The server under attack: the public handler API with an application that rows can drive.
//!
//! `reference.cjs` beside the rows is the same application on the reference server.

mod application;
mod settings;

use std::io::Read as _;
use std::net::IpAddr;

use crier_server::http::{self, Response, accept};
use crier_server::{Io, Origins};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use settings::{BadSetting, Settings};

/// Serves until standard input ends: with the test process, however that ends. `SIGTERM` drains.
///
/// # Errors
/// The addresses cannot be had, or there is a metrics recorder already.
pub async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    std::thread::spawn(|| {
        let mut nothing = Vec::new();
        // Whether it ended well does not matter.
        let _ = std::io::stdin().read_to_end(&mut nothing);
        std::process::exit(0);
    });
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let mut options = settings.options;
    options.origins = std::sync::Arc::new(LoopbackPages);
    let io = Io::new(options);
    application::install(&io)?;

    let public = TcpListener::bind("127.0.0.1:0").await?;
    let internal = TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("{} {}", public.local_addr()?, internal.local_addr()?));

    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let drained = io.clone();
    let limits = settings.http;
    let never = CancellationToken::new();
    tokio::select! {
        ended = accept::run(public, sockets(io.clone()), limits, never.clone()) => ended?,
        ended = accept::run(internal, scrape(io, metrics), accept::HttpLimits::default(), never) => ended?,
        // Draining, it goes on answering: that is what a load balancer still sees.
        () = async {
            terminate.recv().await;
            drained.close(std::time::Duration::from_millis(100)).await;
            std::future::pending::<()>().await;
        } => {}
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line that the test process reads")]
fn say(line: &str) {
    println!("{line}");
}

fn sockets(io: Io) -> http::Handler {
    std::sync::Arc::new(move |request, peer: IpAddr| {
        let io = io.clone();
        Box::pin(async move {
            if io.owns(request.uri().path()) {
                io.handle(request, peer).await
            } else {
                Ok(http::text(::http::StatusCode::NOT_FOUND, "Not Found"))
            }
        })
    })
}

fn scrape(io: Io, metrics: PrometheusHandle) -> http::Handler {
    std::sync::Arc::new(move |_, _| {
        io.measure();
        let text = metrics.render();
        Box::pin(async move {
            let ok = ::http::StatusCode::OK;
            Ok::<Response, _>(http::full(ok, "text/plain; version=0.0.4", text))
        })
    })
}

/// Pages of this machine only, on any port: the rule of a server that listens on loopback.
#[derive(Debug)]
struct LoopbackPages;

impl Origins for LoopbackPages {
    fn allows(&self, origin: Option<&str>, _host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Some(authority) =
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
        else {
            return false;
        };
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
            authority.strip_prefix(host).is_some_and(|rest| match rest.strip_prefix(':') {
                Some(port) => port.parse::<u16>().is_ok(),
                None => rest.is_empty(),
            })
        })
    }
}
