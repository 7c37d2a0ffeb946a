//! Bodies on their way: read piece by piece as the other end takes them, never gathered.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    passage::Passage,
    pool::{Pool, Used},
};
use crate::{http::Body, lock};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Between two pieces of an answer.
const PIECE_TIME: Duration = Duration::from_secs(10);

/// How far the body of a POST is.
#[derive(Debug)]
pub(super) struct Progress(Mutex<(Instant, bool)>);

impl Progress {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Instant::now(), false)))
    }

    /// When its last piece was taken.
    pub(super) fn last(&self) -> Instant {
        lock(&self.0).0
    }

    /// Whether there is no more of it.
    pub(super) fn has_ended(&self) -> bool {
        lock(&self.0).1
    }

    fn note(&self, ended: bool) {
        *lock(&self.0) = (Instant::now(), ended);
    }
}

/// The body of a client's POST. The owner has the limits, and says at which byte it is enough.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    progress: Arc<Progress>,
}

impl Upload {
    pub(super) fn new(body: Incoming, progress: Arc<Progress>) -> Self {
        progress.note(body.is_end_stream());
        Self { body, progress }
    }

    pub(super) fn boxed(self) -> Body {
        self.boxed_unsync()
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.progress.note(frame.is_none() || self.body.is_end_stream());
        // Trailers mean nothing to anyone here.
        let data = |frame: Frame<Bytes>| Frame::data(frame.into_data().unwrap_or_default());
        Poll::Ready(frame.map(|frame| frame.map(data).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an owner's answer. Read to its end, its connection is kept for the next request.
#[derive(Debug)]
pub(super) struct Relayed {
    body: Incoming,
    pool: Arc<Pool>,
    used: Option<Used>,
    /// Gives way like the request that it answers.
    _passage: Option<Passage>,
    sleep: Pin<Box<Sleep>>,
}

impl Relayed {
    pub(super) fn new(
        body: Incoming,
        pool: Arc<Pool>,
        used: Used,
        passage: Option<Passage>,
    ) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now() + PIECE_TIME));
        Self { body, pool, used: Some(used), _passage: passage, sleep }
    }

    pub(super) fn boxed(self) -> Body {
        self.boxed_unsync()
    }
}

impl HttpBody for Relayed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.sleep.as_mut().poll(cx));
            return Poll::Ready(Some(Err("another replica stopped in the middle".into())));
        };
        self.sleep.as_mut().reset(Instant::now() + PIECE_TIME);
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // Cut short, the rest of it would come before the next answer.
        if self.body.is_end_stream()
            && let Some(used) = self.used.take()
        {
            self.pool.keep(used);
        }
    }
}
