//! Engine.IO sessions: one task owns each, everybody else holds a [`SessionHandle`].

pub(crate) mod handshake;
pub(crate) mod link;
pub(crate) mod mailbox;
pub(crate) mod table;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crier_protocol::{
    CloseReason, Message, Sid,
    engine::{self, PostAnswer, TransportName},
};
use tokio::sync::oneshot;

pub use self::handshake::Handshake;
use self::mailbox::{Command, Mailbox, OutboxLimits, Parcel, Pushed};

/// Where the answer to a GET goes. Dropped without one, the GET's connection is cut.
pub(crate) type PollReply = oneshot::Sender<PollResponse>;

/// The answer to a GET: a body, or a 400 without one.
pub(crate) type PollResponse = Result<Vec<u8>, RefusedPoll>;

/// The GET is not legal now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefusedPoll;

/// Where the answer to a POST goes.
pub(crate) type PostReply = oneshot::Sender<PostOutcome>;

/// What becomes of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostOutcome {
    /// Its body is welcome.
    Proceed,
    /// It is over.
    Answer(PostAnswer),
}

/// A session, as everybody but its owner sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SessionHandle(Arc<Shared>);

struct Shared {
    sid: Sid,
    handshake: Handshake,
    mailbox: Mailbox,
    websocket: AtomicBool,
    known: AtomicBool,
}

impl SessionHandle {
    pub(crate) fn new(
        sid: Sid,
        handshake: Handshake,
        limits: OutboxLimits,
        transport: TransportName,
    ) -> Self {
        let websocket = AtomicBool::new(transport == TransportName::WebSocket);
        let known = AtomicBool::new(false);
        Self(Arc::new(Shared { sid, handshake, mailbox: Mailbox::new(limits), websocket, known }))
    }

    pub(crate) fn sid(&self) -> &Sid {
        &self.0.sid
    }

    pub(crate) fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.0.mailbox
    }

    /// What carries the session now.
    pub(crate) fn transport(&self) -> TransportName {
        if self.0.websocket.load(Ordering::Acquire) {
            TransportName::WebSocket
        } else {
            TransportName::Polling
        }
    }

    /// Notes that a socket was let in, or that the session has ended; true for the first of these.
    pub(crate) fn make_known(&self) -> bool {
        !self.0.known.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn set_transport(&self, transport: TransportName) {
        self.0.websocket.store(transport == TransportName::WebSocket, Ordering::Release);
    }

    pub(crate) fn push(&self, parcel: &Arc<Parcel>) -> Pushed {
        self.0.mailbox.push(parcel)
    }

    /// Asks the owner; a session that is gone or does not keep up does not do it, and that is all.
    pub(crate) fn command(&self, command: Command) {
        let _ = self.0.mailbox.command(command);
    }

    /// Disconnects every socket and then the transport.
    pub(crate) fn disconnect_all(&self) {
        self.command(Command::DisconnectAll);
    }

    /// Ends the transport, not the client's stay: it comes back.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.command(Command::Close(reason));
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle")
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}

/// A session of a plain Engine.IO server, as its handler sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineSocket(pub(crate) SessionHandle);

impl EngineSocket {
    /// Sends a message; a client that is too slow is closed, one that has gone gets nothing.
    pub fn send(&self, message: Message) {
        self.0.mailbox().push_engine(engine::Packet::Message(message));
    }

    /// Ends the session.
    pub fn close(&self) {
        self.0.close(CloseReason::ForcedClose);
    }
}

/// The application of a plain Engine.IO server, without Socket.IO on top.
pub trait EngineHandler: Send + Sync + 'static {
    /// A session has begun.
    fn on_open(&self, socket: &EngineSocket);
    /// A message came in; over polling with the head of the request that carried it.
    fn on_message(&self, socket: &EngineSocket, message: Message, post: Option<&http::HeaderMap>);
}
