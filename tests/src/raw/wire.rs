//! One TCP connection whose bytes and end are in the test's hands.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::{Response, WAIT};

/// A TCP connection to the server under attack.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// Bytes that were read and not yet asked for.
    pub(super) buffer: Vec<u8>,
}

impl Wire {
    /// Connects from `127.0.0.2`: the address that a per-address limit punishes, not the canary's.
    pub fn connect(server: SocketAddr) -> Self {
        Self::connect_from(server, 2)
    }

    /// Connects from the loopback address `127.0.x.y`, where `x.y` is `host`.
    pub fn connect_from(server: SocketAddr, host: u16) -> Self {
        Self::try_connect(server, host, None).expect("the server accepts connections")
    }

    /// Connects with a receive buffer of `bytes`, so that a peer that does not read is soon felt.
    pub fn connect_with_window(server: SocketAddr, bytes: usize) -> Self {
        Self::try_connect(server, 2, Some(bytes)).expect("the server accepts connections")
    }

    /// Connects, or says why not: a server under attack may refuse.
    ///
    /// # Errors
    /// Whatever connecting answers.
    pub fn try_connect(
        server: SocketAddr,
        host: u16,
        window: Option<usize>,
    ) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(bytes) = window {
            socket.set_recv_buffer_size(bytes)?;
        }
        // One (address, address, port) must not be a TIME_WAIT of an earlier row.
        socket.set_reuse_address(true)?;
        let [x, y] = host.to_be_bytes();
        socket.bind(&SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, x, y)), 0).into())?;
        socket.connect_timeout(&server.into(), WAIT)?;
        socket.set_tcp_nodelay(true)?;
        let stream = TcpStream::from(socket);
        stream.set_write_timeout(Some(WAIT))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes the bytes");
    }

    /// Sends `bytes`, and says whether the server still took them: it may close in between.
    ///
    /// # Errors
    /// The connection's end, or a write that the server does not take for [`WAIT`].
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends `bytes` piece by piece until the server answers or ends: an answer that comes before
    /// the end of the request is read before a reset can take it away.
    pub fn send_until_answered(&mut self, bytes: impl AsRef<[u8]>) {
        for piece in bytes.as_ref().chunks(32_768) {
            let answered = !self.buffer.is_empty();
            if answered || self.try_send(piece).is_err() {
                return;
            }
            if bytes.as_ref().len() > 32_768 {
                self.fill(Duration::from_millis(1));
            }
        }
    }

    /// Sends `piece` every `pause` until the server has had enough, for at most `limit`, and says
    /// how long that took.
    ///
    /// # Errors
    /// How many pieces were sent when the time was up.
    pub fn drip(
        &mut self,
        piece: &[u8],
        pause: Duration,
        limit: Duration,
    ) -> Result<Duration, usize> {
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < limit {
            if self.try_send(piece).is_err() {
                return Ok(start.elapsed());
            }
            sent += 1;
            // The pause is the attack; it ends early when an answer comes, or the end.
            match self.fill(pause) {
                Fill::Timeout => {}
                Fill::Bytes | Fill::End => return Ok(start.elapsed()),
            }
        }
        Err(sent)
    }

    /// Ends the connection with a reset: no FIN, unread bytes lost.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// Ends the sending half only.
    pub fn finish(&self) {
        // The server may have gone first.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Reads one HTTP response.
    pub fn response(&mut self) -> Response {
        Response::read(self, WAIT)
    }

    /// Reads one HTTP response, waiting up to `limit` for each piece of it.
    pub fn response_within(&mut self, limit: Duration) -> Response {
        Response::read(self, limit)
    }

    /// Waits for the end of the connection (FIN or RST) and hands back what came before it.
    pub fn expect_end(&mut self, limit: Duration) -> Vec<u8> {
        let end = Instant::now() + limit;
        loop {
            match self.fill(end.saturating_duration_since(Instant::now())) {
                Fill::Bytes => {}
                Fill::End => return std::mem::take(&mut self.buffer),
                Fill::Timeout => panic!(
                    "still open after {limit:?}; last bytes {:?}",
                    String::from_utf8_lossy(&self.buffer)
                ),
            }
        }
    }

    /// Whether the connection has ended by now, as far as one look tells.
    pub fn has_ended(&mut self) -> bool {
        loop {
            match self.fill(Duration::from_millis(1)) {
                Fill::Bytes => {}
                Fill::End => return true,
                Fill::Timeout => return false,
            }
        }
    }

    /// Asserts that nothing comes for `during`: no byte, no end.
    pub fn expect_silence(&mut self, during: Duration) {
        assert!(self.buffer.is_empty(), "unread: {:?}", self.buffer);
        match self.fill(during) {
            Fill::Timeout => {}
            Fill::End => panic!("ended"),
            Fill::Bytes => panic!("got {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    /// Reads what has come, waiting up to `limit` for the first byte.
    pub(super) fn fill(&mut self, limit: Duration) -> Fill {
        self.stream
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
            .expect("SO_RCVTIMEO");
        let mut piece = [0; 16_384];
        loop {
            return match self.stream.read(&mut piece) {
                Ok(0) => Fill::End,
                Ok(n) => {
                    self.buffer.extend_from_slice(&piece[..n]);
                    Fill::Bytes
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Fill::Timeout,
                    _ => Fill::End,
                },
            };
        }
    }
}

/// What waiting for bytes came to.
pub(super) enum Fill {
    Bytes,
    Timeout,
    End,
}
