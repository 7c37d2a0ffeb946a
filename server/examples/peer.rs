//! The application that servers are compared by: `peer --listen ADDR`.
//!
//! The same lines of behaviour are written for every server that is measured:
//!
//! - on connect a socket joins the room that its client gave as `auth.room`;
//! - `echo` acknowledges its payload;
//! - `publish { room, data }` broadcasts `msg` with `data` to the room, the sender included.
//!
//! The limit on events is off: a load generator sends as fast as it can, and the default of 50 events
//! a second would be what is measured. Everything else is as it comes, timers too. It runs on as many
//! threads as it may use cores, so `taskset` decides.

use std::net::SocketAddr;

use clap::Parser;
use crier_server::{Ack, Args, BadNamespace, EventRate, Io, Options, Payload, Socket};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;

#[derive(Parser)]
struct Cli {
    /// Where; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[derive(Deserialize)]
struct Credentials {
    room: String,
}

#[derive(Deserialize)]
struct Publish {
    room: String,
    data: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cli = Cli::parse();
    let io = application()?;
    let listener = TcpListener::bind(cli.listen).await?;
    #[expect(clippy::print_stdout, reason = "the line that whoever started this waits for")]
    {
        println!("listening on {}", listener.local_addr()?);
    }
    crier_server::serve(listener, io).await?;
    Ok(())
}

fn application() -> Result<Io, BadNamespace> {
    let io = Io::new(Options { event_rate: EventRate::NONE, ..Options::default() });
    let main = io.of("/")?;
    main.on_connect(|socket: Socket| async move {
        if let Ok(Credentials { room }) = socket.auth().get() {
            // A socket that has gone already is in no room, and nobody misses it.
            let _ = socket.join(room);
        }
    });
    main.on("echo", |_socket: Socket, args: Args, ack: Ack| async move {
        ack.send_args(args);
    });
    let everywhere = main.clone();
    main.on("publish", move |_socket: Socket, Payload(Publish { room, data }), _ack: Ack| {
        let broadcast = everywhere.to(room);
        async move {
            // What a client sent as JSON can be sent on as JSON.
            let _ = broadcast.emit("msg", &data);
        }
    });
    Ok(io)
}
