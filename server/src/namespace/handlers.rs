//! Where an application registers what it does.

use std::{
    future::Future,
    sync::{Arc, PoisonError},
    time::Duration,
};

use crier_protocol::{CloseReason, Room, socket::Args};

use super::{
    SharedBehaviour,
    handler::{self, Ack, Arrival, Behaviour, ConnectError, DisconnectHandler, FromArgs, Refusal},
    socket::Socket,
};

/// Where an application registers what it does in a namespace, or in all namespaces of a pattern.
///
/// A socket keeps what was registered when it connected.
#[derive(Clone, Debug)]
pub struct Handlers(pub(crate) SharedBehaviour);

impl Handlers {
    /// Asks a function about every client that wants to join. It runs before any other code of the
    /// application; the first refusal ends the matter, and the client is told by `connect_error`.
    pub fn use_middleware<F, Fut>(&self, middleware: F)
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        self.change(|b| b.middleware.push(Arc::new(move |s| Box::pin(middleware(s)))));
    }

    /// Calls a handler for every client that has joined, after the client was told so.
    pub fn on_connect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.change(|b| b.on_connect.push(Arc::new(move |s| Box::pin(handler(s)))));
    }

    /// Calls a handler for every socket that has gone, with the reason. It is in no room any more.
    /// [`Socket::is_continued`] tells whether its client is there all the same.
    pub fn on_disconnect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let wrapped: DisconnectHandler = Arc::new(move |s, reason| Box::pin(handler(s, reason)));
        self.change(|b| b.on_disconnect.push(wrapped));
    }

    /// Asks a function which of its rooms a client may have again when it goes on as the socket that it was.
    /// It runs after the middleware; rooms that a backend ordered are not asked for. Without one, all.
    pub fn on_restore<F, Fut>(&self, hook: F)
    where
        F: Fn(Socket, Vec<Room>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Room>> + Send + 'static,
    {
        self.change(|b| b.on_restore = Some(Arc::new(move |s, rooms| Box::pin(hook(s, rooms)))));
    }

    /// Calls a function after every change of the rooms of a socket that is let in: it is in the room now, or
    /// is not any more, by whatever way: its client's, a backend's, a recovery, its end. How it is now
    /// the socket says ([`Socket::is_in`], [`Socket::is_connected`]): of two changes at once the calls may
    /// come in either order.
    ///
    /// Nobody delivers while the function runs, so it must neither wait nor send anything itself.
    pub fn on_room<F>(&self, hook: F)
    where
        F: Fn(&Socket, &Room) + Send + Sync + 'static,
    {
        self.change(|b| b.on_room = Some(Arc::new(hook)));
    }

    /// Says what a client hears first: directly behind the answer to its CONNECT, and where it goes on as
    /// the socket that it was, behind everything that it missed. It is for this connection alone.
    ///
    /// Nobody delivers while the function runs, so it must neither wait nor send anything itself.
    pub fn first_words<F>(&self, say: F)
    where
        F: Fn(&Socket, &Arrival) -> Option<(&'static str, Args)> + Send + Sync + 'static,
    {
        self.change(|b| b.first_words = Some(Arc::new(say)));
    }

    /// Calls a handler for an event. Events of one socket are handled one after the other, in the
    /// order in which the client sent them; a later registration of the same name replaces it.
    pub fn on<T, F, Fut>(&self, event: &str, handler: F)
    where
        T: FromArgs,
        F: Fn(Socket, T, Ack) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let wrapped = handler::event_handler(event, handler);
        self.change(|b| {
            b.events.insert(event.into(), wrapped);
        });
    }

    /// Refuses events whose arguments have more bytes together; without it the transport's limit alone
    /// holds.
    pub fn payload_max(&self, bytes: usize) {
        self.change(|b| b.payload_max = Some(bytes));
    }

    /// Puts the application's own words in place of the default refusals. The function gets the
    /// socket, the event's name, why, and the ack to answer if it is wanted.
    pub fn on_refusal<F>(&self, render: F)
    where
        F: Fn(&Socket, &str, Refusal, Ack) + Send + Sync + 'static,
    {
        self.change(|b| b.refusal = Some(Arc::new(render)));
    }

    /// Asks a function about every event before its handler runs. It gives the ack back where the event
    /// is welcome; where it is not, the function has answered.
    pub fn before_event<F>(&self, guard: F)
    where
        F: Fn(&Socket, &str, Ack) -> Option<Ack> + Send + Sync + 'static,
    {
        self.change(|b| b.guard = Some(Arc::new(guard)));
    }

    /// Drops a handler of an event that takes longer than this. Default: none is dropped.
    pub fn deadline(&self, deadline: Duration) {
        self.change(|b| b.deadline = Some(deadline));
    }

    /// What a client is answered whose acknowledgement a handler has left open: it ended without, it
    /// panicked, it was dropped at its deadline. Default: nothing, as in the reference.
    pub fn answer_open_acks(&self, args: Args) {
        self.change(|b| b.open_acks = Some(args));
    }

    /// Calls a function for every socket before the transport is closed because the server goes down:
    /// what it emits is the last that the client gets.
    pub fn before_shutdown<F>(&self, hook: F)
    where
        F: Fn(&Socket) + Send + Sync + 'static,
    {
        self.change(|b| b.before_shutdown = Some(Arc::new(hook)));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut shared = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut shared));
    }
}
