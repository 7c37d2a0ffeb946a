//! One websocket with an Engine.IO session on it.

use crier_protocol::websocket::{Assembler, Event, Opcode, Role, Violation, append_masked_frame};
use crier_protocol::{Limits, Message};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("transport error: {0}")]
    Io(#[from] std::io::Error),
    #[error("transport close")]
    Closed,
    #[error("not upgraded: {0}")]
    NotUpgraded(String),
    #[error("websocket: {0}")]
    Broken(#[from] Violation),
    #[error("unexpected packet {0:?}")]
    Unexpected(String),
    #[error("refused: {0}")]
    Refused(String),
    #[error("ping timeout")]
    Silent,
    #[error("forced close")]
    Ordered,
}

pub(super) struct Connection {
    stream: TcpStream,
    assembler: Assembler,
    masks: u32,
    /// What came behind the answer to the upgrade.
    early: Vec<u8>,
    unsent: Vec<u8>,
    /// Read and not yet handed out.
    packets: Vec<String>,
}

/// Longest head of an answer; more is no answer of a Socket.IO server.
const HEAD_MAX: usize = 16 << 10;

/// A narrow window, so that a client that does not read is noticed early.
const NARROW: u32 = 4 << 10;

/// Segments of an Ethernet: with the loopback's 64 KiB the kernel of the server would keep megabytes for it.
const SEGMENT: u32 = 1_400;

impl Connection {
    /// TCP, the upgrade, the open packet.
    pub(super) async fn open(address: SocketAddr, narrow: bool) -> Result<Self, Lost> {
        let socket = TcpSocket::new_v4()?;
        if narrow {
            socket.set_recv_buffer_size(NARROW)?;
            socket2::SockRef::from(&socket).set_tcp_mss(SEGMENT)?;
        }
        let mut stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let early = upgraded(&mut stream).await?;
        let assembler = Assembler::new(Role::Client, &Limits::default());
        let (unsent, packets) = (Vec::new(), Vec::new());
        let mut connection = Self { stream, assembler, masks: 1, early, unsent, packets };
        loop {
            match connection.receive().await?.first() {
                Some(open) if open.starts_with('0') => return Ok(connection),
                // Half a packet, or the first of them is something else.
                None => {}
                other => return Err(Lost::Unexpected(format!("{other:?}"))),
            }
        }
    }

    /// Sends one Engine.IO packet.
    pub(super) async fn send(&mut self, packet: &str) -> Result<(), Lost> {
        self.queue(packet);
        // A server that takes nothing for long is gone.
        let written = tokio::time::timeout(Duration::from_secs(20), self.flush()).await;
        written.map_err(|_| Lost::Silent)?
    }

    /// The next packets; pings are answered. There may be none.
    ///
    /// Cancel safe: bytes are still in the kernel, or in a buffer of this connection.
    pub(super) async fn receive(&mut self) -> Result<Vec<String>, Lost> {
        if self.packets.is_empty() {
            let mut input = std::mem::take(&mut self.early);
            if input.is_empty() {
                input.reserve(4096);
                if self.stream.read_buf(&mut input).await? == 0 {
                    return Err(Lost::Closed);
                }
            }
            self.parse(&mut input)?;
        }
        self.flush().await?;
        Ok(std::mem::take(&mut self.packets))
    }

    fn queue(&mut self, packet: &str) {
        self.masks = self.masks.wrapping_add(0x9e37_79b9);
        let mask = self.masks.to_be_bytes();
        append_masked_frame(&mut self.unsent, Opcode::Text, packet.as_bytes(), mask);
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        while !self.unsent.is_empty() {
            let written = self.stream.write(&self.unsent).await?;
            self.unsent.drain(..written);
        }
        Ok(())
    }

    fn parse(&mut self, input: &mut [u8]) -> Result<(), Lost> {
        let mut rest = input;
        while let Some(event) = self.assembler.read(&mut rest, std::time::Instant::now())? {
            match event {
                Event::Message(Message::Text(text)) if &*text == "2" => self.queue("3"),
                Event::Message(Message::Text(text)) => self.packets.push(text.to_string()),
                Event::Message(Message::Binary(_)) => {
                    return Err(Lost::Unexpected("binary".to_owned()));
                }
                Event::Ping(_) | Event::Pong => {}
                Event::Close(_) => return Err(Lost::Closed),
            }
        }
        Ok(())
    }
}

/// Reads the head of the answer, and gives back what came behind it.
async fn upgraded(stream: &mut TcpStream) -> Result<Vec<u8>, Lost> {
    let mut read = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Lost::Closed);
        }
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = read.split_off(end + 4);
            let head = String::from_utf8_lossy(&read);
            let status = head.lines().next().unwrap_or_default();
            if status.starts_with("HTTP/1.1 101") {
                return Ok(early);
            }
            return Err(Lost::NotUpgraded(status.to_owned()));
        }
        if read.len() > HEAD_MAX {
            return Err(Lost::NotUpgraded("an endless answer".to_owned()));
        }
    }
}
