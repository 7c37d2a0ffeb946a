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
//! Each turn takes one input of each kind, drains what the machines say, then writes.

mod end;
mod rate;
mod slot;

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crier_protocol::{
    CloseReason, Message,
    engine::{self, Connection, Input, Output, PollAnswer, PostAnswer, TransportName},
    socket::{Incoming, Outgoing, Parser, Refused, Session, Violation},
    websocket::{CloseFrame, Event, append_close},
};
use futures_util::FutureExt as _;
use http::HeaderMap;
use smallvec::SmallVec;
use tokio::time::Sleep;

use self::{
    rate::{Bucket, Verdict},
    slot::{Phase, Received, Slot},
};
use crate::{
    io::{IoInner, Upper as Application},
    metrics,
    namespace::{
        handler::{Ack, Refusal, Running},
        socket::Socket,
    },
    session::{
        EngineHandler, EngineSocket, PollReply, PostOutcome, PostReply, RefusedPoll, SessionHandle,
        link::{Events, Link, ReadEnd},
        mailbox::{self, Command, Parcel, Work},
    },
};

/// Turns before the task yields, where there is always more to do.
const TURNS: usize = 8;

/// How long handlers at work may take while the server goes down.
const WIND_DOWN: Duration = Duration::from_secs(2);

/// Sockets of one session that have gone and whose handlers still run; more are not let come to be.
const ENDINGS_MAX: usize = 64;

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

struct SocketIo {
    session: Session,
    slots: SmallVec<[Slot; 1]>,
    /// What is still done for sockets that have gone.
    endings: Vec<Running>,
    bucket: Bucket,
    /// CONNECTs apart from events, so that joining costs a client none of these.
    connects: Bucket,
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

    // What comes in.

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

    /// Lets the body of an announced POST come, once the handlers have time for what is in it: until
    /// then it waits with the client.
    fn let_post_proceed(&mut self) {
        if !self.is_behind()
            && let Some(reply) = self.new_post.take()
        {
            // The request may have gone; its guard says so.
            let _ = reply.send(PostOutcome::Proceed);
        }
    }

    /// A GET whose client went away is the end of the session, as in the reference.
    fn poll_held_poll(&mut self, cx: &mut Context<'_>, now: Instant) {
        let gone = self.poll.as_mut().is_some_and(|reply| reply.poll_closed(cx).is_ready());
        if gone {
            self.poll = None;
            self.input(Input::PollAborted, now);
        }
    }

    /// Reads the websocket that is the transport; true if there may be more.
    fn read_transport(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        // The second read mostly only says that there is nothing more, which without it would take a
        // whole turn to find out.
        self.read_link(cx, now) && (self.is_behind() || self.read_link(cx, now))
    }

    /// Reads once; true if there may be more.
    fn read_link(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let Some(link) = &mut self.link else {
            return false;
        };
        let mut events = Events::new();
        let end = link.poll_events(cx, now, &mut events);
        for event in events {
            match event {
                Event::Message(message) => self.input(Input::Frame(message), now),
                Event::Close(close) => self.peer_closes(&close, now),
                Event::Ping(_) | Event::Pong => {}
            }
            if self.ended.is_some() {
                return false;
            }
        }
        match end {
            ReadEnd::More => return true,
            ReadEnd::Pending => {}
            ReadEnd::Eof | ReadEnd::Failed => {
                self.link = None;
                self.input(Input::TransportClosed, now);
            }
            ReadEnd::Violated(violation) => {
                metrics::websocket_violation();
                self.farewell(Some(violation.close_code()));
                self.input(Input::TransportFailed, now);
            }
        }
        false
    }

    /// The peer says goodbye; it gets its own words back.
    fn peer_closes(&mut self, close: &CloseFrame, now: Instant) {
        self.farewell(close.code);
        self.input(Input::TransportClosed, now);
    }

    fn farewell(&mut self, code: Option<crier_protocol::websocket::CloseCode>) {
        let mut out = Vec::new();
        append_close(&mut out, code, "");
        if let Some(link) = &mut self.link {
            link.say_farewell(out);
        }
    }

    fn read_probe(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(probe) = &mut self.probe else {
            return false;
        };
        let mut events = Events::new();
        let end = probe.poll_events(cx, now, &mut events);
        for event in events {
            match event {
                // After its `5` the rest of what the websocket brought is the session's.
                Event::Message(message) if self.probe.is_some() => {
                    self.input(Input::ProbeMessage(message), now);
                }
                Event::Message(message) => self.input(Input::Frame(message), now),
                Event::Close(_) if self.probe.is_some() => {
                    self.probe = None;
                    self.input(Input::ProbeClosed, now);
                }
                Event::Close(close) => self.peer_closes(&close, now),
                Event::Ping(_) | Event::Pong => {}
            }
        }
        match end {
            ReadEnd::More => return true,
            ReadEnd::Pending => {}
            ReadEnd::Eof | ReadEnd::Failed | ReadEnd::Violated(_) => {
                if self.probe.take().is_some() {
                    self.input(Input::ProbeClosed, now);
                } else if self.link.take().is_some() {
                    self.input(Input::TransportClosed, now);
                }
            }
        }
        false
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

    // What the machines say.

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

    fn end_now(&mut self, reason: CloseReason) {
        self.ended.get_or_insert(reason);
    }

    /// Closes a websocket that is not, or not yet, the transport; it is not waited for.
    fn part_with(&self, link: Option<Box<Link>>) {
        if let Some(mut link) = link {
            let mut out = Vec::new();
            append_close(&mut out, None, "");
            link.say_farewell(out);
            self.io.tasks().spawn(end::part(*link, None));
        }
    }

    fn answer_poll(&mut self, answer: PollAnswer, now: Instant) {
        let Some(reply) = self.poll.take() else {
            return;
        };
        let max = self.io.options().limits.max_payload;
        let mut body = self.handle.mailbox().drain_polling(max, self.parser());
        if let PollAnswer::Body(packets) = answer {
            if !body.is_empty() {
                body.push(engine::SEPARATOR);
            }
            body.extend_from_slice(packets.as_bytes());
        }
        if reply.send(Ok(body)).is_err() {
            // The client went away just now, and with it what it was to get: the session ends as for
            // any GET that is given up, so that the client does not go on with a hole.
            self.engine.handle(Input::Close(CloseReason::TransportError), now);
        }
    }

    fn answer_post(&mut self, answer: PostAnswer) {
        if let Some(reply) = self.post.take() {
            let _ = reply.send(PostOutcome::Answer(answer));
        }
        self.post_head = None;
    }

    fn parser(&self) -> Parser {
        match &self.upper {
            Upper::SocketIo(upper) => upper.session.parser().unwrap_or(Parser::Default),
            Upper::Plain(..) => Parser::Default,
        }
    }

    fn message(&mut self, message: Message, now: Instant) {
        if self.closing {
            // What comes after a goodbye, or a fault, is not looked at.
            return;
        }
        let upper = match &mut self.upper {
            Upper::SocketIo(upper) => upper,
            Upper::Plain(handler, socket) => {
                return handler.on_message(socket, message, self.post_head.as_ref());
            }
        };
        metrics::packet_in();
        match upper.session.handle(message, now) {
            Ok(Some(incoming)) => self.incoming(incoming, now),
            Ok(None) => {}
            Err(violation) => self.violated(&violation, now),
        }
    }

    /// A client broke Socket.IO: its sockets go now, its transport as after a server's goodbye.
    fn violated(&mut self, violation: &Violation, now: Instant) {
        metrics::packet_violation();
        tracing::debug!(%violation, "closing a session");
        self.close(violation.close_reason(), now);
        if matches!(violation, Violation::ConnectTimeout) {
            // It never said a word, so there is nobody to say goodbye to.
            self.end_now(violation.close_reason());
        }
    }

    fn incoming(&mut self, incoming: Incoming, now: Instant) {
        let Upper::SocketIo(upper) = &mut self.upper else {
            return;
        };
        match incoming {
            Incoming::Connect { namespace, auth } => {
                // Middleware is dear: whoever joins and leaves in a loop is held to the same rate.
                let refused = match upper.connects.take(&self.io.options().event_rate, now) {
                    Verdict::Expelled => return self.disconnect_all(now),
                    Verdict::Later(_) => ("Rate limit exceeded", Refused::ByMiddleware),
                    Verdict::Welcome => match self.io.enter(&namespace) {
                        Some(live) => {
                            let id = self.io.new_socket_id();
                            let socket = Socket::new(id, live, self.handle.clone(), auth);
                            upper.slots.push(Slot::new(socket));
                            return;
                        }
                        None => ("Invalid namespace", Refused::UnknownNamespace),
                    },
                };
                let (message, why) = refused;
                let packet = Outgoing::connect_error(&namespace, message, None);
                self.handle.push(&Parcel::new(packet));
                if let Err(violation) = upper.session.refused(&namespace, why) {
                    self.violated(&violation, now);
                }
            }
            Incoming::Event { namespace, id, name, args } => {
                let Some(slot) = upper.slots.iter_mut().find(|slot| *slot.name() == namespace)
                else {
                    return;
                };
                match upper.bucket.take(&self.io.options().event_rate, now) {
                    Verdict::Welcome => slot.receive(Received { name, args, ack: id }),
                    Verdict::Later(after) => {
                        let ack = Ack::new(&slot.socket, id);
                        slot.socket.refuse(&name, Refusal::RateLimited(after), ack);
                    }
                    Verdict::Expelled => {
                        let socket = slot.socket.clone();
                        socket.refuse(&name, Refusal::Expelled, Ack::new(&socket, None));
                        self.disconnect_all(now);
                    }
                }
            }
            Incoming::Ack { namespace, id, args } => {
                let slot = upper.slots.iter().find(|slot| *slot.name() == namespace);
                if !slot.is_some_and(|slot| slot.socket.resolve_ack(id, args)) {
                    metrics::unknown_ack();
                }
            }
            Incoming::Disconnect { namespace } => {
                let gone = |slot: &Slot| *slot.name() == namespace;
                let timeout = self.io.options().disconnect_timeout;
                upper.remove(gone, CloseReason::ClientNamespaceDisconnect, timeout);
            }
            Incoming::Ignored(_) => {
                if upper.bucket.take(&self.io.options().event_rate, now) == Verdict::Expelled {
                    self.disconnect_all(now);
                }
            }
        }
    }

    /// Lets clients in, and gives the handlers their turn.
    fn poll_sockets(&mut self, cx: &mut Context<'_>, now: Instant) {
        let Upper::SocketIo(upper) = &mut self.upper else {
            return;
        };
        let timeout = self.io.options().disconnect_timeout;
        let mut violation = None;
        let mut at = 0;
        while let Some(slot) = upper.slots.get_mut(at) {
            match slot.poll_verdict(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) if slot.socket.begin_connected() => {
                    upper.session.accepted(slot.name());
                    let packet = Outgoing::connect(slot.name(), &slot.socket.id(), None);
                    self.handle.push(&Parcel::new(packet));
                    slot.socket.register();
                    slot.join();
                    self.io.joined(&self.handle);
                }
                Poll::Ready(Ok(())) => {
                    // Its own middleware disconnected it: it was told so, and nothing is begun.
                    upper.session.left(slot.name());
                    let slot = upper.slots.swap_remove(at);
                    slot.end(CloseReason::ServerNamespaceDisconnect, timeout);
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    let packet =
                        Outgoing::connect_error(slot.name(), &error.message, error.data.as_ref());
                    self.handle.push(&Parcel::new(packet));
                    let refused = upper.session.refused(slot.name(), Refused::ByMiddleware);
                    violation = refused.err().or(violation);
                    let slot = upper.slots.swap_remove(at);
                    slot.end(CloseReason::ServerNamespaceDisconnect, timeout);
                    continue;
                }
            }
            slot.poll_handlers(cx);
            at += 1;
        }
        upper.endings.retain_mut(|ending| ending.as_mut().poll(cx).is_pending());
        if upper.endings.is_empty() && upper.endings.capacity() > 0 {
            upper.endings = Vec::new();
        }
        let idle = upper.slots.iter().all(Slot::is_idle);
        if let Some(violation) = violation {
            self.violated(&violation, now);
        }
        if self.winding_down.is_some_and(|until| idle || until <= now) {
            self.winding_down = None;
            self.close(CloseReason::ServerShuttingDown, now);
        }
    }

    // The end.

    fn disconnect_all(&mut self, now: Instant) {
        if let Upper::SocketIo(upper) = &mut self.upper {
            for slot in &upper.slots {
                if let Phase::Joined { .. } = slot.phase {
                    self.handle.push(&Parcel::new(Outgoing::disconnect(slot.name())));
                }
            }
            let timeout = self.io.options().disconnect_timeout;
            upper.remove(|_| true, CloseReason::ServerNamespaceDisconnect, timeout);
        }
        self.close(CloseReason::ForcedClose, now);
    }

    /// The server goes down: nothing more is read, handlers at work finish and their
    /// acknowledgements get out, then the transport is closed so that the client comes back.
    fn wind_down(&mut self, now: Instant) {
        if self.winding_down.is_some() || self.closing {
            return;
        }
        if let Upper::SocketIo(upper) = &self.upper {
            for slot in &upper.slots {
                slot.say_goodbye();
            }
        }
        self.winding_down = Some(now + WIND_DOWN);
    }

    /// Ends the transport after everything that waits has been sent.
    fn close(&mut self, reason: CloseReason, now: Instant) {
        self.closing = true;
        if self.poll.is_some() && !self.handle.mailbox().is_empty() {
            self.input(Input::OutboxReady, now);
        }
        // The sockets go now, also where the client has still to fetch the last packets.
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.remove(|_| true, reason, self.io.options().disconnect_timeout);
        }
        self.input(Input::Close(reason), now);
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Instant) {
        let parser = self.parser();
        if self.poll.is_some() && !self.handle.mailbox().is_empty() {
            self.input(Input::OutboxReady, now);
        }
        if let Some(probe) = &mut self.probe {
            // A probe that cannot be written to is found out by its read.
            let _ = probe.poll_flush(cx, None);
        }
        let writable = match &mut self.link {
            Some(link) => {
                let outbox = Some((self.handle.mailbox(), parser, self.base64));
                if let Poll::Ready(Err(_)) = link.poll_flush(cx, outbox) {
                    self.link = None;
                    self.input(Input::TransportClosed, now);
                }
                self.link.as_ref().is_some_and(Link::is_writable)
            }
            None => self.poll.is_some(),
        };
        if writable != self.was_writable {
            self.was_writable = writable;
            self.handle.mailbox().set_writable(writable);
        }
    }

    /// Takes the session out of everything that knows it, lets its handlers finish, and parts with
    /// the websocket.
    async fn finish(mut self, reason: CloseReason) {
        // Requests of the session that are under way are over: their connections are cut.
        (self.poll, self.new_poll, self.post, self.new_post) = (None, None, None, None);
        self.probe = None;
        self.io.forget_session(&self.handle);
        metrics::closed(reason);
        let mut endings = Vec::new();
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.remove(|_| true, reason, self.io.options().disconnect_timeout);
            endings = std::mem::take(&mut upper.endings);
        }
        let link = self.link.take();
        let outbox = (self.handle.mailbox(), self.parser(), self.base64);
        let goodbye = async {
            if let Some(link) = link {
                // Whoever is too slow gets no more of what it did not take.
                let rest = (reason != CloseReason::SlowConsumer).then_some(outbox);
                end::part(link, rest).await;
            }
            self.handle.mailbox().close();
        };
        // Each of them has its own deadline.
        tokio::join!(goodbye, futures_util::future::join_all(endings));
    }
}

impl SocketIo {
    /// Sockets that the server disconnected: the protocol machine is told.
    fn left(&mut self, which: impl Fn(&Slot) -> bool, reason: CloseReason, timeout: Duration) {
        if let Some(slot) = self.slots.iter().find(|slot| which(slot)) {
            self.session.left(slot.name());
        }
        self.remove(which, reason, timeout);
    }

    fn remove(&mut self, which: impl Fn(&Slot) -> bool, reason: CloseReason, timeout: Duration) {
        let mut at = 0;
        while let Some(slot) = self.slots.get(at) {
            if which(slot) {
                let slot = self.slots.swap_remove(at);
                self.endings.extend(slot.end(reason, timeout));
            } else {
                at += 1;
            }
        }
    }

    /// Whether as much waits for handlers as may.
    fn is_behind(&self, events_max: usize, bytes_max: usize) -> bool {
        self.endings.len() >= ENDINGS_MAX
            || self.slots.iter().any(|slot| slot.is_behind(events_max, bytes_max))
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
