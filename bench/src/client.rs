//! One client: a websocket, a session on it, a socket in the main namespace.
//!
//! ```text
//!   TCP ─▶ GET … 101 ─▶ "0{…}" open ─▶ "40{auth}" CONNECT ─▶ "40{sid}" ─▶ events, acks
//!                                                              "2" ping ─▶ "3" pong, by itself
//! ```
//!
//! Idle, it holds no buffer: all clients read into one scratch buffer of the thread, and only an
//! unwritten rest stays with a client.

use std::{cell::Cell, io, mem, time::Duration};

use crier_protocol::{
    Limits, Message,
    websocket::{Assembler, Event, Opcode, Role, Violation, append_masked_frame},
};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::target::Target;

/// A connected client.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    assembler: Assembler,
    unsent: Vec<u8>,
    masks: u32,
}

/// What a read brought, besides events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Pings that were answered.
    pub pings: u64,
}

/// Why a client is not connected, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server did not make it a websocket.
    #[error("no websocket: {0}")]
    NotUpgraded(String),
    /// The server broke the websocket protocol.
    #[error("websocket: {0}")]
    WebSocket(#[from] Violation),
    /// The server said something else than a handshake has.
    #[error("unexpected packet {0:?}")]
    Unexpected(String),
    /// The server did not answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Time for all of a handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Read at once.
const SCRATCH: usize = 64 << 10;

/// Bytes of a handshake's answer; more is no answer of a Socket.IO server.
const HEAD_MAX: usize = 16 << 10;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Client {
    /// Connects and joins the main namespace with `auth`, a value that is an object in JSON.
    ///
    /// # Errors
    ///
    /// Any step failed, or all together took more than 20 s.
    pub async fn connect<A: Serialize>(target: &Target, auth: &A) -> Result<Self, ClientError> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let connected = timeout_at(deadline, Self::handshake(target, auth)).await;
        connected.unwrap_or(Err(ClientError::TimedOut(CONNECT_TIMEOUT)))
    }

    /// Queues a Socket.IO packet of the default parser, such as `2["echo",1]`; [`Client::flush`] and
    /// [`Client::receive`] write it.
    pub fn queue(&mut self, packet: &str) {
        self.append(&format!("4{packet}"));
    }

    /// Writes what is queued, as far as the server takes it now.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let mut written = 0;
        while let Some(rest) = self.unsent.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(some) => written += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if written == self.unsent.len() {
            // An idle client owns no buffer.
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..written);
        }
        Ok(())
    }

    /// Waits until the server sends something, answers its pings, and hands each Socket.IO packet to
    /// `on_packet`: `2["msg",…]` for an event, `31[…]` for an ack.
    ///
    /// # Errors
    ///
    /// The connection is gone, or the server broke the protocol.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: it waits before it reads.
    pub async fn receive(
        &mut self,
        mut on_packet: impl FnMut(&str),
    ) -> Result<Received, ClientError> {
        let interest = if self.unsent.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.stream.ready(interest).await?;
        let mut received = Received::default();
        if ready.is_readable() || ready.is_read_closed() {
            let mut scratch = READ.take();
            scratch.resize(SCRATCH, 0);
            let result = self.read(&mut scratch, &mut received, &mut on_packet);
            READ.set(scratch);
            result?;
        }
        if !self.unsent.is_empty() {
            self.flush()?;
        }
        Ok(received)
    }

    fn read(
        &mut self,
        scratch: &mut [u8],
        received: &mut Received,
        on_packet: &mut impl FnMut(&str),
    ) -> Result<(), ClientError> {
        let read = match self.stream.try_read(scratch) {
            Ok(0) => return Err(ClientError::Closed),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let input = scratch.get_mut(..read).unwrap_or_default();
        self.parse(input, received, on_packet)
    }

    fn parse(
        &mut self,
        mut input: &mut [u8],
        received: &mut Received,
        on_packet: &mut impl FnMut(&str),
    ) -> Result<(), ClientError> {
        let now = std::time::Instant::now();
        while let Some(event) = self.assembler.read(&mut input, now)? {
            match event {
                Event::Message(Message::Text(text)) => {
                    if let Some(packet) = text.strip_prefix('4') {
                        on_packet(packet);
                    } else if &*text == "2" {
                        received.pings += 1;
                        self.append("3");
                    } else {
                        return Err(ClientError::Unexpected(text.to_string()));
                    }
                }
                // Nothing that is measured has attachments.
                Event::Message(Message::Binary(_)) => {
                    return Err(ClientError::Unexpected("binary".to_owned()));
                }
                Event::Ping(payload) => {
                    let mask = self.next_mask();
                    append_masked_frame(&mut self.unsent, Opcode::Pong, &payload, mask);
                }
                Event::Pong => {}
                Event::Close(_) => return Err(ClientError::Closed),
            }
        }
        Ok(())
    }

    fn append(&mut self, message: &str) {
        let mask = self.next_mask();
        append_masked_frame(&mut self.unsent, Opcode::Text, message.as_bytes(), mask);
    }

    /// Different for each frame, so that the server has to unmask. It need not be secret: no page
    /// chooses what is sent here (RFC 6455, 10.3).
    fn next_mask(&mut self) -> [u8; 4] {
        // 2^32 by the golden ratio: consecutive masks differ in all bytes.
        self.masks = self.masks.wrapping_add(0x9e37_79b9);
        self.masks.to_be_bytes()
    }

    async fn handshake<A: Serialize>(target: &Target, auth: &A) -> Result<Self, ClientError> {
        let mut stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(target.request.as_bytes()).await?;
        let mut early = upgraded(&mut stream, &target.accept).await?;
        let mut client = Self {
            stream,
            assembler: Assembler::new(Role::Client, &Limits::default()),
            unsent: Vec::new(),
            masks: 0,
        };
        let auth = serde_json::to_string(auth).map_err(io::Error::other)?;
        client.expect(&mut early, '0').await?;
        client.queue(&format!("0{auth}"));
        client.flush()?;
        client.expect(&mut early, '4').await?;
        Ok(client)
    }

    /// Waits for a handshake's next packet. Nothing can come behind it before it is answered.
    async fn expect(&mut self, early: &mut Vec<u8>, kind: char) -> Result<(), ClientError> {
        loop {
            let mut input = mem::take(early);
            if input.is_empty() {
                input.reserve(1024);
                if self.stream.read_buf(&mut input).await? == 0 {
                    return Err(ClientError::Closed);
                }
            }
            let mut rest = input.as_mut_slice();
            let event = self.assembler.read(&mut rest, std::time::Instant::now())?;
            *early = rest.to_vec();
            match event {
                None => {}
                Some(Event::Message(Message::Text(text))) => {
                    let is_it = text.starts_with(kind) && !text.starts_with("44");
                    return if is_it {
                        Ok(())
                    } else {
                        Err(ClientError::Unexpected(text.to_string()))
                    };
                }
                Some(Event::Close(_)) => return Err(ClientError::Closed),
                Some(other) => return Err(ClientError::Unexpected(format!("{other:?}"))),
            }
        }
    }
}

/// Reads the head of the answer, and gives back what came behind it.
async fn upgraded(stream: &mut TcpStream, accept: &str) -> Result<Vec<u8>, ClientError> {
    let mut read = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(ClientError::Closed);
        }
        let end = read.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let early = read.split_off(end + 4);
            let head = String::from_utf8_lossy(&read);
            let status = head.lines().next().unwrap_or_default();
            // The server may write the header's name in any case; its value is the one that fits.
            if status.starts_with("HTTP/1.1 101") && head.contains(accept) {
                return Ok(early);
            }
            return Err(ClientError::NotUpgraded(status.to_owned()));
        }
        if read.len() > HEAD_MAX {
            return Err(ClientError::NotUpgraded("an endless answer".to_owned()));
        }
    }
}
