//! A TCP stream with the deadlines that HTTP needs and hyper does not have.
//!
//! ```text
//!   accepted ──▶ Head ── request parsed ──▶ Busy ── answered ──▶ Idle ── first byte ──▶ Head
//!                10 s                       (the handler's own)   75 s                   10 s
//! ```
//!
//! hyper's `header_read_timeout` would also end idle kept-alive connections, and it has no timeout at
//! all for writing.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep},
};

use super::HttpLimits;

/// Where a connection is between two requests; shared with the service.
#[derive(Debug, Default)]
pub(super) struct Phase(AtomicU8);

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

impl Phase {
    /// The head of a request is complete.
    pub(super) fn busy(&self) {
        self.0.store(BUSY, Ordering::Release);
    }

    /// The request has its answer.
    pub(super) fn idle(&self) {
        self.0.store(IDLE, Ordering::Release);
    }
}

/// A stream that fails when its peer is too slow.
pub(super) struct TimedStream {
    stream: TokioIo<TcpStream>,
    phase: Arc<Phase>,
    limits: Arc<HttpLimits>,
    read: Option<Pin<Box<Sleep>>>,
    /// The phase that the read deadline was set for.
    read_phase: u8,
    write: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, phase: Arc<Phase>, limits: Arc<HttpLimits>) -> Self {
        // From the moment of accept: a silent peer has as long as a slow one.
        let read = Some(Box::pin(tokio::time::sleep(limits.head_timeout)));
        let stream = TokioIo::new(stream);
        Self {
            stream,
            phase,
            limits,
            read,
            read_phase: HEAD,
            write: None,
        }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// Whether the peer has been silent for too long.
    fn poll_read_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.phase.0.load(Ordering::Acquire);
        let allowed = match phase {
            HEAD => self.limits.head_timeout,
            IDLE => self.limits.keep_alive,
            _ => {
                (self.read, self.read_phase) = (None, phase);
                return Poll::Pending;
            }
        };
        if self.read_phase != phase || self.read.is_none() {
            (self.read, self.read_phase) = (Some(after(allowed)), phase);
        }
        self.read
            .as_mut()
            .map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }

    /// A write came through, or has to wait; waiting for too long fails.
    fn after_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write = None;
            return result;
        }
        let allowed = self.limits.write_timeout;
        let sleep = self.write.get_or_insert_with(|| after(allowed));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn after(time: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep_until(Instant::now() + time))
}

impl Read for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() {
            // The first byte of a next request: its head has its own time from here.
            let phase = &self.phase.0;
            let _ = phase.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire);
            return result;
        }
        match self.poll_read_deadline(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Write for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.after_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.after_write(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.after_write(cx, result)
    }
}
