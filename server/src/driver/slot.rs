//! One socket of a session: its admission, the events that wait, the handler at work.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use crier_protocol::{
    AckId, CloseReason, Namespace as Name,
    socket::{Args, EventName},
};

use crate::namespace::{
    handler::{Ack, ConnectError, Deciding, Refusal, Running},
    socket::Socket,
};

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
    Deciding(Deciding),
    /// The client was let in. Its events are handled one after the other.
    Joined { running: Option<Running>, waiting: VecDeque<Received> },
}

impl Slot {
    /// A client asks to join: all middleware, in order, decides.
    pub(super) fn new(socket: Socket) -> Self {
        let middleware = socket.behaviour().middleware.clone();
        let asked = socket.clone();
        let deciding: Deciding = Box::pin(async move {
            for function in middleware {
                function(asked.clone()).await?;
            }
            Ok(())
        });
        Self { socket, phase: Phase::Deciding(deciding) }
    }

    pub(super) fn name(&self) -> &Name {
        self.socket.name()
    }

    /// Polls the middleware; the verdict comes once.
    pub(super) fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
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
        self.phase = Phase::Joined { running, waiting: VecDeque::new() };
    }

    /// Takes an event; its turn comes when those before it are done.
    pub(super) fn receive(&mut self, event: Received) {
        if let Phase::Joined { waiting, .. } = &mut self.phase {
            waiting.push_back(event);
        }
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        match &self.phase {
            Phase::Deciding(_) => 0,
            Phase::Joined { waiting, .. } => waiting.len(),
        }
    }

    /// Runs handlers until one has to wait, or none is left.
    pub(super) fn poll_handlers(&mut self, cx: &mut Context<'_>) {
        let Phase::Joined { running, waiting } = &mut self.phase else {
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
            match waiting.pop_front() {
                Some(event) => *running = start(&self.socket, event),
                None => break,
            }
        }
        if waiting.capacity() > 0 {
            *waiting = VecDeque::new();
        }
    }

    /// The socket has gone: what the client sent before is still handled, then the end is told.
    ///
    /// It is out of its rooms already when this returns. A client that was never let in leaves no
    /// trace, and no handler hears of it.
    pub(super) fn end(self, reason: CloseReason) -> Option<Running> {
        let Self { socket, phase } = self;
        socket.leave_all();
        let Phase::Joined { running, waiting } = phase else {
            return None;
        };
        let handlers = socket.disconnect_handlers();
        if running.is_none() && waiting.is_empty() && handlers.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            if let Some(running) = running {
                running.await;
            }
            for event in waiting {
                if let Some(handler) = start(&socket, event) {
                    handler.await;
                }
            }
            for handler in handlers {
                handler(socket.clone(), reason).await;
            }
        }))
    }
}

fn start(socket: &Socket, event: Received) -> Option<Running> {
    let ack = Ack::new(socket, event.ack);
    match socket.handler(&event.name) {
        Some(handler) => Some(handler(socket.clone(), event.args, ack)),
        None => {
            socket.refuse(&event.name, Refusal::UnknownEvent, ack);
            None
        }
    }
}
