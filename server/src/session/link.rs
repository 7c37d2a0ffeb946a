//! A websocket: the TCP stream and the frames on it. It holds no buffer while it is idle.
//!
//! Bytes are read into, and packets gathered in, scratch buffers of the thread; only what could not be
//! used at once (an unfinished frame, an unwritten rest) stays with the connection.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use crier_protocol::{
    Limits,
    socket::Parser,
    websocket::{Assembler, Event, Opcode, Role, Violation, append_frame},
};
use smallvec::SmallVec;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use super::mailbox::Mailbox;

/// Read at once; also what is gathered before a write. A burst to one client costs one syscall for as
/// much, and a thread needs two such buffers.
const SCRATCH: usize = 64 << 10;

/// Messages handled before other sessions get their turn.
pub(crate) const EVENTS_PER_TURN: usize = 64;

thread_local! {
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Messages of one turn.
pub(crate) type Events = SmallVec<[Event; 2]>;

/// What a read came to, besides the messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// Nothing more for now; the task is woken when there is.
    Pending,
    /// There may be more: come again.
    More,
    /// The peer closed the stream.
    Eof,
    /// The stream failed.
    Failed,
    /// The peer broke the rules; it is told so by this.
    Violated(Violation),
}

/// Held as long as a TCP connection is open, also as a websocket.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionPermit {
    #[expect(dead_code, reason = "held for its drop")]
    permit: Arc<OwnedSemaphorePermit>,
}

impl ConnectionPermit {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { permit: Arc::new(permit) }
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    assembler: Assembler,
    /// Read but not yet parsed: more than one turn's messages came at once.
    unread: Vec<u8>,
    /// Gathered but not yet written.
    rest: Vec<u8>,
    written: usize,
    /// The answer to the last ping; a second ping before it is written replaces it.
    pong: Option<Bytes>,
    /// What to send as the very last.
    farewell: Option<Vec<u8>>,
    /// Counts the connection as open.
    permit: Option<ConnectionPermit>,
}

impl Link {
    /// Takes over a stream after its 101; `early` is what the peer sent right behind its request.
    pub(crate) fn new(stream: TcpStream, early: &[u8], limits: &Limits) -> Self {
        Self {
            stream,
            assembler: Assembler::new(Role::Server, limits),
            unread: early.to_vec(),
            rest: Vec::new(),
            written: 0,
            pong: None,
            farewell: None,
            permit: None,
        }
    }

    /// Keeps the connection counted for as long as this lives.
    pub(crate) fn with_permit(mut self, permit: Option<ConnectionPermit>) -> Self {
        self.permit = permit;
        self
    }

    /// Reads once and appends at most a turn's messages to `events`.
    pub(crate) fn poll_events(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        events: &mut Events,
    ) -> ReadEnd {
        if !self.unread.is_empty() {
            let mut unread = std::mem::take(&mut self.unread);
            return self.parse(&mut unread, now, events);
        }
        let mut scratch = READ.take().unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice());
        let mut buf = ReadBuf::new(&mut scratch);
        let end = match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Pending => ReadEnd::Pending,
            Poll::Ready(Err(_)) => ReadEnd::Failed,
            Poll::Ready(Ok(())) if buf.filled().is_empty() => ReadEnd::Eof,
            Poll::Ready(Ok(())) => self.parse(buf.filled_mut(), now, events),
        };
        READ.set(Some(scratch));
        end
    }

    fn parse(&mut self, mut input: &mut [u8], now: Instant, events: &mut Events) -> ReadEnd {
        while events.len() < EVENTS_PER_TURN {
            match self.assembler.read(&mut input, now) {
                Ok(Some(Event::Ping(payload))) => self.pong = Some(payload),
                Ok(Some(event)) => events.push(event),
                Ok(None) => return ReadEnd::More,
                Err(violation) => return ReadEnd::Violated(violation),
            }
        }
        self.unread = input.to_vec();
        ReadEnd::More
    }

    /// Writes what there is to write: the rest of the last time, a pong, then the outbox.
    ///
    /// Ready once nothing is left; pending while the peer does not take more.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        outbox: Option<(&Mailbox, Parser, bool)>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_rest(cx))?;
            let mut scratch = WRITE.take();
            scratch.clear();
            if let Some(payload) = self.pong.take() {
                append_frame(&mut scratch, Opcode::Pong, &payload);
            }
            let emptied = match outbox {
                Some((mailbox, parser, base64)) => {
                    mailbox.drain_websocket(&mut scratch, SCRATCH, parser, base64)
                }
                None => true,
            };
            if scratch.is_empty()
                && let Some(farewell) = self.farewell.take()
            {
                scratch.extend_from_slice(&farewell);
            }
            if scratch.is_empty() {
                WRITE.set(scratch);
                return Poll::Ready(Ok(()));
            }
            let result = self.write(cx, &scratch);
            // One large packet must not stay with the thread for good.
            scratch.shrink_to(2 * SCRATCH);
            WRITE.set(scratch);
            result?;
            // Mostly that was all, and there is no need to look again.
            if emptied && self.rest.is_empty() && self.farewell.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Sends something outside the outbox: an answer on a probing websocket.
    pub(crate) fn queue(&mut self, frame: &[u8]) {
        self.rest.extend_from_slice(frame);
    }

    /// Sends a close frame once everything else is out.
    pub(crate) fn say_farewell(&mut self, close_frame: Vec<u8>) {
        self.farewell.get_or_insert(close_frame);
    }

    /// Whether a packet pushed now would be written now.
    pub(crate) fn is_writable(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn assembler(&mut self) -> &mut Assembler {
        &mut self.assembler
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        if self.written > 0 {
            (self.rest, self.written) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once and keeps what was not taken.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let written = match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        self.rest.extend_from_slice(bytes.get(written..).unwrap_or_default());
        Ok(())
    }
}
