//! A chat in thirty lines: rooms, acknowledgements, broadcasts.
//!
//! `cargo run -p crier-server --example chat`, then connect with `socket.io-client` to port 3000 and
//! `emit("join", "lobby", console.log)`, `emit("say", { room: "lobby", text: "hi" }, console.log)`.

use crier_server::{Ack, Io, Options, Payload, Socket};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize, Serialize)]
struct Say {
    room: String,
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Io::new(Options::default());
    let chat = io.main();
    chat.on("join", |socket: Socket, Payload(room): Payload<String>, ack: Ack| async move {
        match socket.join(room.as_str()) {
            Ok(()) => ack.send(&format!("you are in {room}")),
            Err(error) => ack.send(&error.to_string()),
        }
    });
    chat.on("say", |socket: Socket, Payload(say): Payload<Say>, ack: Ack| async move {
        if socket.is_in(&say.room) {
            let sent = socket.to(say.room.as_str()).emit("said", &say);
            ack.send(&sent.is_ok());
        } else {
            ack.send("join the room first");
        }
    });
    crier_server::serve(TcpListener::bind("127.0.0.1:3000").await?, io).await?;
    Ok(())
}
