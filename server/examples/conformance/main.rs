//! The server that the public Engine.IO and Socket.IO suites, the official clients' own tests and ours
//! expect: `conformance --suite NAME --listen ADDR`.
//!
//! It prints `listening on ADDR` when it is ready. Each profile is a file of handlers and nothing
//! else: where a suite passes, the library does.

mod client;
mod engine;
mod mixed;
mod own;
mod socket;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use crier_protocol::socket::ParserChoice;
use crier_server::{EventRate, Io, Limits, Namespace, Options, Socket};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Cli {
    /// Whose expectations.
    #[arg(long)]
    suite: Suite,
    /// Where; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The packet format; `auto` takes what each client speaks.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    parser: Format,
    /// Only `mixed`: the Redis that is shared.
    #[arg(long)]
    redis_url: Option<String>,
    /// Only `mixed`: how the other servers talk.
    #[arg(long, value_enum, default_value_t = mixed::Form::Classic)]
    adapter: mixed::Form,
    /// Only `mixed`: whether other servers of its kind are there, one of which takes events for all.
    #[arg(long)]
    several: bool,
    /// Only `mixed`: what this server calls itself.
    #[arg(long, default_value = "crier")]
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Auto,
    Default,
    Msgpack,
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    /// The official Engine.IO v4 suite.
    Engine,
    /// The official Socket.IO v5 suite.
    Socket,
    /// socket.io-client's own tests.
    Client,
    /// engine.io-client's own tests.
    EngineClient,
    /// Our tests with the official client.
    Own,
    /// One of several servers on a Redis, the others Node's.
    Mixed,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let cli = Cli::parse();
    let parser = match cli.parser {
        Format::Auto => ParserChoice::Auto,
        Format::Default => ParserChoice::Default,
        Format::Msgpack => ParserChoice::Msgpack,
    };
    let io = match cli.suite {
        Suite::Engine => engine::suite(),
        Suite::EngineClient => engine::client_suite(),
        Suite::Socket => socket::server(parser),
        Suite::Client => client::server(parser),
        Suite::Own => own::server(parser),
        Suite::Mixed => mixed::server(&cli).await?,
    };
    let listener = TcpListener::bind(cli.listen).await?;
    #[expect(clippy::print_stdout, reason = "the line that whoever started this waits for")]
    {
        println!("listening on {}", listener.local_addr()?);
    }
    crier_server::serve(listener, io).await
}

/// Options with the suites' timers. Their tests send as fast as they can, so there is no rate.
fn options(ping_interval: u64, ping_timeout: u64) -> Options {
    let limits = Limits {
        ping_interval: Duration::from_millis(ping_interval),
        ping_timeout: Duration::from_millis(ping_timeout),
        ..Limits::default()
    };
    Options { limits: Arc::new(limits), event_rate: EventRate::NONE, ..Options::default() }
}

/// A namespace by a name that stands here.
fn namespace(io: &Io, name: &str) -> Namespace {
    #[expect(clippy::expect_used, reason = "the names are constants of this example")]
    io.of(name).expect("a name with a leading slash")
}

/// The request that opened a socket's session, as the reference shows it.
fn describe(socket: &Socket) -> serde_json::Value {
    let handshake = socket.handshake();
    let headers: serde_json::Map<String, serde_json::Value> =
        handshake.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let query: serde_json::Map<String, serde_json::Value> = handshake
        .query()
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let issued = handshake.issued.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    serde_json::json!({
        "headers": headers,
        "time": httpdate::fmt_http_date(handshake.issued),
        "address": handshake.address.to_string(),
        "xdomain": handshake.cross_domain,
        "secure": false,
        "issued": u64::try_from(issued.as_millis()).unwrap_or_default(),
        "url": handshake.url(),
        "query": query,
        "auth": socket.auth().get::<serde_json::Value>().unwrap_or_default(),
    })
}
