//! One socket of a session: its admission, the events that wait, the handler at work.

use std::{
    collections::VecDeque,
    future::Future,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};

use crier_protocol::{
    AckId, CloseReason, Namespace as Name,
    socket::{Args, EventName},
};

use futures_util::FutureExt as _;

use crate::metrics;
use crate::namespace::{
    handler::{Ack, ConnectError, Refusal, Running},
    socket::{
        Socket,
        entry::{Admitting, Plan},
    },
};

/// Events over this many bytes are counted (contract, section 9: payloads over 10 KB).
const LARGE: usize = 10_000;

/// One event to be handled.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) name: EventName,
    pub(super) args: Args,
    pub(super) ack: Option<AckId>,
}

/// A socket and what is done for it.
pub(super) struct Slot {
    pub(super) socket: Socket,
    pub(super) phase: Phase,
}

pub(super) enum Phase {
    /// Middleware decides.
    Deciding(Admitting),
    /// The client was let in. Its events are handled one after the other.
    Joined { running: Option<Running>, waiting: VecDeque<Received>, bytes: usize },
}

impl Slot {
    /// A client asks to join: all middleware, in order, decides.
    pub(super) fn new(socket: Socket) -> Self {
        let phase = Phase::Deciding(socket.admit());
        Self { socket, phase }
    }

    pub(super) fn name(&self) -> &Name {
        self.socket.name()
    }

    /// Polls the middleware; the verdict comes once.
    pub(super) fn poll_verdict(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Plan, ConnectError>> {
        match &mut self.phase {
            Phase::Deciding(deciding) => deciding.as_mut().poll(cx),
            Phase::Joined { .. } => Poll::Pending,
        }
    }

    /// The client was let in and told so: its connect handlers run before any of its events.
    pub(super) fn join(&mut self) {
        let handlers = self.socket.behaviour().on_connect.clone();
        let running: Option<Running> = (!handlers.is_empty()).then(|| {
            let socket = self.socket.clone();
            let all: Running = Box::pin(async move {
                for handler in handlers {
                    handler(socket.clone()).await;
                }
            });
            all
        });
        self.phase = Phase::Joined { running, waiting: VecDeque::new(), bytes: 0 };
    }

    /// Whether the client was let in.
    pub(super) fn is_joined(&self) -> bool {
        matches!(self.phase, Phase::Joined { .. })
    }

    /// Takes an event; its turn comes when those before it are done.
    pub(super) fn receive(&mut self, event: Received) {
        if let Phase::Joined { waiting, bytes, .. } = &mut self.phase {
            *bytes += event.args.size();
            waiting.push_back(event);
        }
    }

    /// Whether as much waits as may.
    pub(super) fn is_behind(&self, events_max: usize, bytes_max: usize) -> bool {
        match &self.phase {
            Phase::Deciding(_) => false,
            Phase::Joined { waiting, bytes, .. } => {
                waiting.len() >= events_max || *bytes >= bytes_max
            }
        }
    }

    /// Whether nothing is done for it.
    pub(super) fn is_idle(&self) -> bool {
        match &self.phase {
            Phase::Deciding(_) => true,
            Phase::Joined { running, waiting, .. } => running.is_none() && waiting.is_empty(),
        }
    }

    /// The server goes down: the application's last words.
    pub(super) fn say_goodbye(&self) {
        if let (Phase::Joined { .. }, Some(hook)) =
            (&self.phase, &self.socket.behaviour().before_shutdown)
        {
            hook(&self.socket);
        }
    }

    /// Runs handlers until one has to wait, or none is left.
    pub(super) fn poll_handlers(&mut self, cx: &mut Context<'_>) {
        let Phase::Joined { running, waiting, bytes } = &mut self.phase else {
            return;
        };
        loop {
            // Taken out while it is polled: one that panics must not be polled again at the end.
            if let Some(mut handler) = running.take()
                && handler.as_mut().poll(cx).is_pending()
            {
                *running = Some(handler);
                return;
            }
            if !self.socket.is_connected() {
                // The server has sent the client away: what it sent before that is not wanted.
                waiting.clear();
            }
            match waiting.pop_front() {
                Some(event) => {
                    *bytes = bytes.saturating_sub(event.args.size());
                    *running = start(&self.socket, event);
                }
                None => break,
            }
        }
        *bytes = 0;
        if waiting.capacity() > 0 {
            *waiting = VecDeque::new();
        }
    }

    /// The socket has gone. It is out of its rooms already when this returns; what is left to do takes
    /// at most `timeout` for the events and as much for each handler of the end.
    ///
    /// What a client sent before it left is still handled; of one that the server sent away only the
    /// handler at work is. A client that was never let in leaves no trace, and no handler hears of it.
    pub(super) fn end(self, reason: CloseReason, timeout: Duration) -> Option<Running> {
        let Self { socket, phase } = self;
        socket.leave_all(reason);
        let Phase::Joined { running, mut waiting, .. } = phase else {
            return None;
        };
        if !is_clients_doing(reason) {
            waiting.clear();
        }
        let handlers = socket.disconnect_handlers();
        if running.is_none() && waiting.is_empty() && handlers.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let asked = socket.clone();
            let events = async move {
                if let Some(running) = running {
                    running.await;
                }
                for event in waiting {
                    if let Some(handler) = start(&asked, event) {
                        handler.await;
                    }
                }
            };
            bounded(events, timeout).await;
            for handler in handlers {
                // Called inside, so that a panic before its first await is caught too.
                let socket = socket.clone();
                bounded(async move { handler(socket, reason).await }, timeout).await;
            }
        }))
    }
}

/// Whether the client, or the way to it, ended the socket.
fn is_clients_doing(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::ClientNamespaceDisconnect
            | CloseReason::TransportClose
            | CloseReason::TransportError
            | CloseReason::PingTimeout
    )
}

/// Waits for a handler of the end; neither its panic nor its slowness keeps the next one from running.
async fn bounded(handler: impl Future<Output = ()>, timeout: Duration) {
    match tokio::time::timeout(timeout, AssertUnwindSafe(handler).catch_unwind()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => metrics::panicked(),
        Err(_) => {
            tracing::warn!("a handler of a socket that has gone took too long and was dropped")
        }
    }
}

fn start(socket: &Socket, event: Received) -> Option<Running> {
    let mut ack = Ack::new(socket, event.ack);
    if let Some(guard) = &socket.behaviour().guard {
        ack = guard(socket, &event.name, ack)?;
    }
    let Some(handler) = socket.handler(&event.name) else {
        socket.refuse(&event.name, Refusal::UnknownEvent, ack);
        return None;
    };
    let bytes = event.args.size();
    if bytes > LARGE {
        socket.namespace().note_large(&event.name, bytes);
    }
    match socket.behaviour().payload_max {
        Some(max) if bytes > max => {
            socket.refuse(&event.name, Refusal::PayloadTooLarge { max }, ack);
            None
        }
        _ => Some(handler(socket.clone(), event.args, ack)),
    }
}
