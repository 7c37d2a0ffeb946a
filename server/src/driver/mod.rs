//! The one task that owns a session: its state machines, its websocket, and the only loop.
//!
//! ```text
//!   mailbox: commands ─┐                       ┌─▶ slots: middleware, handlers
//!   websocket: frames ─┼─▶ engine ─▶ socket.io ┤
//!   deadlines ─────────┘      │                └─▶ (violation) ─▶ close
//!                             ▼
//!   mailbox: outbox ────▶ held GET or websocket, everything that waits in one write
//! ```
//!
//! Each turn takes one input of each kind, drains what the machines say, then writes. Here is the loop;
//! what it does with its websockets, its requests, its sockets and its end are files of their own.

mod close;
mod end;
mod polling;
mod rate;
mod slot;
mod sockets;
mod websocket;

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crier_protocol::{
    CloseReason,
    engine::{Connection, Input, Output, PostAnswer, TransportName},
    socket::{Parser, Session},
};
use futures_util::FutureExt as _;
use http::HeaderMap;
use smallvec::SmallVec;
use tokio::time::Sleep;

use self::{rate::Bucket, sockets::SocketIo};
use crate::{
    io::{IoInner, Upper as Application},
    metrics,
    session::{
        EngineHandler, EngineSocket, PollReply, PostOutcome, PostReply, RefusedPoll, SessionHandle,
        link::Link,
        mailbox::{self, Command, Work},
    },
};

/// Turns before the task yields, where there is always more to do.
const TURNS: usize = 8;

pub(crate) struct Driver {
    io: Arc<IoInner>,
    handle: SessionHandle,
    engine: Connection,
    upper: Upper,
    base64: bool,
    /// The websocket that is the transport.
    link: Option<Link>,
    /// The websocket that wants to be.
    probe: Option<Box<Link>>,
    new_probe: Option<Box<Link>>,
    /// The GET that is held.
    poll: Option<PollReply>,
    /// A GET that was just announced, while another is held.
    new_poll: Option<PollReply>,
    /// The POST whose body is on its way, and its head for a plain Engine.IO server.
    post: Option<PostReply>,
    new_post: Option<PostReply>,
    post_head: Option<HeaderMap>,
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
    was_writable: bool,
    /// Until when handlers may finish before the server that goes down closes the transport.
    winding_down: Option<Instant>,
    /// The server has said goodbye; the client may still have to fetch it.
    closing: bool,
    ended: Option<CloseReason>,
}

/// What is on top of Engine.IO.
enum Upper {
    SocketIo(Box<SocketIo>),
    Plain(Arc<dyn EngineHandler>, EngineSocket),
}

impl Driver {
    pub(crate) fn new(
        io: Arc<IoInner>,
        handle: SessionHandle,
        transport: TransportName,
        base64: bool,
        link: Option<Link>,
    ) -> Self {
        let now = now();
        let options = io.options();
        let engine = Connection::new(transport, &options.limits, now);
        let upper = match io.application() {
            Application::SocketIo => Upper::SocketIo(Box::new(SocketIo {
                session: Session::new(&options.limits, options.parser, now),
                slots: SmallVec::new(),
                endings: Vec::new(),
                bucket: Bucket::new(&options.event_rate, now),
                connects: Bucket::new(&options.event_rate, now),
            })),
            Application::Engine(handler) => {
                Upper::Plain(Arc::clone(handler), EngineSocket(handle.clone()))
            }
        };
        Self {
            io,
            handle,
            engine,
            upper,
            base64,
            link,
            probe: None,
            new_probe: None,
            poll: None,
            new_poll: None,
            post: None,
            new_post: None,
            post_head: None,
            sleep: Box::pin(tokio::time::sleep(Duration::MAX)),
            armed: None,
            was_writable: false,
            winding_down: None,
            closing: false,
            ended: None,
        }
    }

    /// Owns the session to its end. A panic of a handler ends this session and nothing else.
    ///
    /// This future is what an idle session mostly is, so it is kept small: an `async fn` would hold
    /// the driver twice, as its argument and as the variable, and the end, which is several times as
    /// large, gets memory when it comes.
    #[expect(clippy::manual_async_fn, reason = "the driver is captured once")]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let turn = AssertUnwindSafe(async {
                if let Upper::Plain(handler, socket) = &self.upper {
                    handler.on_open(socket);
                }
                poll_fn(|cx| self.poll(cx)).await
            });
            let turn = turn.catch_unwind().await;
            let reason = turn.unwrap_or_else(|_| {
                metrics::panicked();
                CloseReason::HandlerPanic
            });
            Box::pin(self.finish(reason)).await;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        for _ in 0..TURNS {
            let now = now();
            let mut more = self.take_work(now);
            self.poll_held_poll(cx, now);
            // Where the handlers do not keep up, nothing is read and TCP pushes back.
            let behind = self.is_behind();
            if !behind {
                more |= self.read_transport(cx, now);
            }
            more |= self.read_probe(cx, now);
            self.poll_sockets(cx, now);
            if behind && !self.is_behind() {
                // Nobody else says that the peer may be read again.
                self.let_post_proceed();
                more = true;
            }
            self.write(cx, now);
            more |= self.poll_deadline(cx, now);
            if let Some(reason) = self.ended {
                return Poll::Ready(reason);
            }
            if !more && self.handle.mailbox().rest(cx) {
                return Poll::Pending;
            }
        }
        // There is more, but others want their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes one command; true if there may be another.
    fn take_work(&mut self, now: Instant) -> bool {
        let Work { command, overflow, packets } = self.handle.mailbox().look();
        if overflow {
            metrics::slow_consumer();
            self.input(Input::Close(CloseReason::SlowConsumer), now);
            self.end_now(CloseReason::SlowConsumer);
        }
        if packets && self.poll.is_some() {
            self.input(Input::OutboxReady, now);
        }
        let Some(command) = command else { return false };
        match command {
            Command::Poll(reply) => {
                if self.poll.is_none() {
                    self.poll = Some(reply);
                } else {
                    self.new_poll = Some(reply);
                }
                let ready = !self.handle.mailbox().is_empty();
                self.input(Input::PollOpened { ready }, now);
            }
            Command::PostOpened(reply, head) => {
                self.new_post = Some(reply);
                self.input(Input::PostOpened, now);
                self.post_head = head;
                self.let_post_proceed();
            }
            Command::PostBody(body, reply) => {
                self.post = Some(reply);
                self.input(Input::PostBody(body), now);
            }
            Command::PostRefused => self.input(Input::PostRefused, now),
            Command::PostIllegal => self.input(Input::PostIllegal, now),
            Command::PostAborted => self.input(Input::PostAborted, now),
            Command::Upgrade(link) => {
                self.new_probe = Some(link);
                self.input(Input::ProbeOpened, now);
                self.probe = self.new_probe.take().or_else(|| self.probe.take());
            }
            Command::Left(id) => {
                if let Upper::SocketIo(upper) = &mut self.upper {
                    upper.left(
                        |slot| slot.socket.id() == id,
                        CloseReason::ServerNamespaceDisconnect,
                        self.io.options().disconnect_timeout,
                    );
                }
            }
            Command::DisconnectAll => self.disconnect_all(now),
            Command::Close(CloseReason::ServerShuttingDown) => self.wind_down(now),
            Command::Close(reason) => self.close(reason, now),
        }
        true
    }

    /// Whether the handlers have no time for more, or nothing more is wanted of the client.
    fn is_behind(&self) -> bool {
        let options = self.io.options();
        self.winding_down.is_some()
            || match &self.upper {
                Upper::SocketIo(upper) => {
                    upper.is_behind(options.handler_queue, 2 * options.limits.max_payload)
                }
                Upper::Plain(..) => false,
            }
    }

    /// Sleeps until the next deadline; true if one has come and was handled.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let upper = match &self.upper {
            Upper::SocketIo(upper) => upper.session.poll_timeout(),
            Upper::Plain(..) => None,
        };
        let link = self.link.as_mut().and_then(|link| link.assembler().poll_timeout());
        let probe = self.probe.as_mut().and_then(|probe| probe.assembler().poll_timeout());
        let all = [self.engine.poll_timeout(), upper, link, probe, self.winding_down];
        let Some(next) = all.into_iter().flatten().min() else {
            return false;
        };
        // A deadline that moved back is left armed: the timer then fires once too often, which costs
        // less than to set it anew with every pong.
        if self.armed.is_none_or(|armed| next < armed) {
            self.sleep.as_mut().reset(next.into());
            self.armed = Some(next);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.armed = None;
        self.input(Input::Timeout, now);
        if let Upper::SocketIo(upper) = &mut self.upper
            && let Err(violation) = upper.session.handle_timeout(now)
        {
            self.violated(&violation, now);
        }
        if let Some(link) = &mut self.link
            && let Err(violation) = link.assembler().handle_timeout(now)
        {
            metrics::websocket_violation();
            self.farewell(Some(violation.close_code()));
            self.input(Input::TransportFailed, now);
        }
        if let Some(probe) = &mut self.probe
            && probe.assembler().handle_timeout(now).is_err()
        {
            self.probe = None;
            self.input(Input::ProbeClosed, now);
        }
        true
    }

    fn input(&mut self, input: Input, now: Instant) {
        self.engine.handle(input, now);
        while let Some(output) = self.engine.poll_output() {
            self.apply(output, now);
        }
        self.handle.set_transport(self.engine.transport());
    }

    fn apply(&mut self, output: Output, now: Instant) {
        match output {
            Output::Message(message) => self.message(message, now),
            Output::Send(packet) => {
                self.handle.mailbox().push_engine(packet);
                if self.poll.is_some() {
                    self.engine.handle(Input::OutboxReady, now);
                }
            }
            Output::AnswerPoll(answer) => self.answer_poll(answer, now),
            Output::RefusePoll => {
                if let Some(reply) = self.new_poll.take() {
                    let _ = reply.send(Err(RefusedPoll));
                }
            }
            Output::AnswerPost(answer) => self.answer_post(answer),
            Output::RefusePost => {
                if let Some(reply) = self.new_post.take() {
                    let _ = reply.send(PostOutcome::Answer(PostAnswer::Status(400)));
                }
            }
            Output::SendProbe(packet) => {
                if let Some(probe) = self.probe.as_mut().filter(|probe| probe.is_writable()) {
                    let mut out = Vec::new();
                    mailbox::append_websocket(&mut out, &packet, self.base64);
                    probe.queue(&out);
                } else {
                    // It asks again and again and does not read the answers.
                    self.probe = None;
                    self.engine.handle(Input::ProbeClosed, now);
                }
            }
            Output::CloseProbe => {
                let probe = self.probe.take();
                self.part_with(probe);
            }
            Output::RefuseProbe => {
                let probe = self.new_probe.take();
                self.part_with(probe);
            }
            Output::Upgraded => {
                self.link = self.probe.take().map(|probe| *probe);
                metrics::upgraded();
            }
            Output::CloseTransport => self.farewell(None),
            Output::Closed(reason) => self.end_now(reason),
        }
    }

    fn parser(&self) -> Parser {
        match &self.upper {
            Upper::SocketIo(upper) => upper.session.parser().unwrap_or(Parser::Default),
            Upper::Plain(..) => Parser::Default,
        }
    }
}

/// The time, as virtual clocks of tests have it too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_a_session_is_small() {
        fn size<F>(_future_of: fn(Driver) -> F) -> usize {
            size_of::<F>()
        }
        // It is what an idle session mostly is. As an `async fn` with the end inside it was 4,504.
        assert!(size(Driver::run) <= 704, "{}", size(Driver::run));
    }
}
