//! The deadlines that HTTP needs and hyper does not have.
//!
//! ```text
//!   accepted ──▶ Head ── request parsed ──▶ Busy ── answered ──▶ Idle ── first byte ──▶ Head
//!                10 s                       (the handler's own)   75 s                   10 s
//! ```
//!
//! hyper's `header_read_timeout` would also end idle kept-alive connections, and it has no timeout at
//! all for writing. Between two requests hyper does not ask for bytes again until there are some, so
//! the reading deadlines are kept beside it, in [`Phase::overdue`].

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, Sleep, timeout_at},
};

use super::HttpLimits;

/// Where a connection is between two requests, and since when.
#[derive(Debug)]
pub(super) struct Phase(watch::Sender<(Step, Instant)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Head,
    Busy,
    Idle,
}

impl Phase {
    /// A connection that was accepted now: a silent peer has as long as a slow one.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new((Step::Head, Instant::now())))
    }

    /// The head of a request is complete.
    pub(super) fn busy(&self) {
        self.0.send_replace((Step::Busy, Instant::now()));
    }

    /// The request has its answer.
    pub(super) fn idle(&self) {
        self.0.send_replace((Step::Idle, Instant::now()));
    }

    /// Bytes of an answer went out: the silence begins after the last of them.
    fn wrote(&self) {
        self.0.send_if_modified(|(step, since)| {
            let idle = *step == Step::Idle;
            if idle {
                *since = Instant::now();
            }
            idle
        });
    }

    /// Bytes came in: the first ones after a pause begin a head.
    fn read(&self) {
        self.0.send_if_modified(|(step, since)| {
            let begins = *step == Step::Idle;
            if begins {
                (*step, *since) = (Step::Head, Instant::now());
            }
            begins
        });
    }

    /// Waits until the peer has taken too long for what it is doing.
    pub(super) async fn overdue(&self, limits: &HttpLimits) {
        let mut changes = self.0.subscribe();
        loop {
            let (step, since) = *changes.borrow_and_update();
            let allowed = match step {
                Step::Head => Some(limits.head_timeout),
                Step::Idle => Some(limits.keep_alive),
                Step::Busy => None,
            };
            match allowed {
                // The sender is `self`, so a change is all that can come.
                Some(time) => match timeout_at(since + time, changes.changed()).await {
                    Ok(_) => {}
                    Err(_) => return,
                },
                None => {
                    let _ = changes.changed().await;
                }
            }
        }
    }
}

/// A stream that tells the phase of what it reads, and fails when its peer does not take what is
/// written.
pub(super) struct TimedStream {
    stream: TokioIo<TcpStream>,
    phase: Arc<Phase>,
    write_timeout: Duration,
    write: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, phase: Arc<Phase>, write_timeout: Duration) -> Self {
        Self { stream: TokioIo::new(stream), phase, write_timeout, write: None }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// Bytes are with the kernel. Only then does a silence begin anew: hyper flushes whenever its
    /// connection is polled, so also when a deadline has just passed.
    fn after_bytes(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(bytes)) if bytes > 0) {
            self.phase.wrote();
        }
        self.after_write(cx, result)
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
        let allowed = self.write_timeout;
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
            self.phase.read();
        }
        result
    }
}

impl Write for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.after_bytes(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.after_bytes(cx, result)
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
