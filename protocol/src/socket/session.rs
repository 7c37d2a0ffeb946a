//! The Socket.IO state of one connection.

use std::{sync::Arc, time::Instant};

use smallvec::SmallVec;

use super::{
    Args, Auth, DecodeError, EventName, Packet, Parser, ParserChoice,
    decoder::{Decoded, Decoder},
};
use crate::{AckId, CloseReason, Limits, Message, Namespace};

/// Which namespaces a connection has joined, and which packets it may send now.
///
/// ```text
///              CONNECT                 accepted
///   (absent) ──────────▶  pending  ──────────────▶  joined ── EVENT, ACK ──▶ Incoming
///       ▲                    │                         │
///       │      refused       │                         │  DISCONNECT, left
///       └────────────────────┴─────────────────────────┘
/// ```
///
/// Each namespace goes through this by itself. Anything else is a [`Violation`], after which the
/// caller ends the connection. Time and messages are handed in:
///
/// ```text
///   handle(message, now) → None (attachments to come) | Incoming | Violation
///   poll_timeout()       → when to call handle_timeout(now)
/// ```
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    decoder: Decoder,
    places: SmallVec<[Place; 1]>,
    connect_deadline: Option<Instant>,
    unknown: u32,
}

/// A namespace of the connection.
#[derive(Debug)]
struct Place {
    namespace: Namespace,
    joined: bool,
}

/// What a client wants. It has been checked as far as the protocol goes.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// To join; answer with [`Session::accepted`] or [`Session::refused`].
    Connect {
        /// Where.
        namespace: Namespace,
        /// Credentials.
        auth: Auth,
    },
    /// An event to be handled.
    Event {
        /// Where; joined.
        namespace: Namespace,
        /// Set if an ack is awaited.
        id: Option<AckId>,
        /// Its name; not a reserved one.
        name: EventName,
        /// Its arguments.
        args: Args,
    },
    /// The answer to an event of the server.
    Ack {
        /// Where; joined.
        namespace: Namespace,
        /// Which event.
        id: AckId,
        /// The answer.
        args: Args,
    },
    /// It has left.
    Disconnect {
        /// Where.
        namespace: Namespace,
    },
    /// Legal and without effect; it counts against a rate all the same.
    Ignored(Ignored),
}

/// Why a packet has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// An event whose name is a number: no handler can have that name.
    NumericEvent,
    /// An ack without an id, or without a payload.
    EmptyAck,
    /// An event whose attachments came after the server had left its namespace.
    NamespaceLeft,
}

/// Why a CONNECT is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// There is no such namespace.
    UnknownNamespace,
    /// A check before the connection said no; the client may try again on the same connection.
    ByMiddleware,
}

/// A client broke the protocol; the connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A packet that cannot be read.
    #[error(transparent)]
    Decode(DecodeError),
    /// Text on a msgpack connection.
    #[error("text from a msgpack client")]
    UnexpectedText,
    /// Binary data that no packet announced, or a first packet in msgpack that is no CONNECT.
    #[error("unexpected binary message")]
    UnexpectedBinary,
    /// Text while attachments are awaited.
    #[error("text while attachments are awaited")]
    AttachmentExpected,
    /// The attachments of one packet are too large together.
    #[error("attachments of more than {max} bytes")]
    AttachmentsTooLarge {
        /// The limit.
        max: usize,
    },
    /// The attachments of a packet took too long.
    #[error("attachments did not come in time")]
    AttachmentsTimeout,
    /// Nothing joined in time.
    #[error("no namespace joined in time")]
    ConnectTimeout,
    /// A packet for a namespace that the client has not joined, or not yet.
    #[error("not in namespace {namespace:?}")]
    NotJoined {
        /// Which.
        namespace: Namespace,
    },
    /// A second CONNECT for a namespace, joined or pending.
    #[error("connected twice to {namespace:?}")]
    AlreadyConnected {
        /// Which.
        namespace: Namespace,
    },
    /// Too many namespaces on one connection.
    #[error("more than {max} namespaces")]
    TooManyNamespaces {
        /// The limit.
        max: usize,
    },
    /// Too many CONNECTs to namespaces that do not exist.
    #[error("{max} unknown namespaces")]
    TooManyUnknownNamespaces {
        /// The limit.
        max: usize,
    },
}

impl Violation {
    /// How the session ends, as seen over a websocket. Over polling the reference says "forced
    /// server close" for every illegal state; which transport it is, only the caller knows.
    pub fn close_reason(&self) -> CloseReason {
        match self {
            Self::ConnectTimeout => CloseReason::ForcedServerClose,
            _ => CloseReason::ForcedClose,
        }
    }
}

impl Session {
    /// A connection that opened at `now` and has until `Limits::connect_timeout` to join something.
    pub fn new(limits: &Arc<Limits>, parser: ParserChoice, now: Instant) -> Self {
        Self {
            limits: Arc::clone(limits),
            decoder: Decoder::new(parser),
            places: SmallVec::new(),
            connect_deadline: now.checked_add(limits.connect_timeout),
            unknown: 0,
        }
    }

    /// Takes a message from the client. `None`: its attachments are still to come.
    ///
    /// # Errors
    ///
    /// The client broke the protocol or came too late. Nothing is held for it any more; the
    /// connection is to be ended.
    pub fn handle(
        &mut self,
        message: Message,
        now: Instant,
    ) -> Result<Option<Incoming>, Violation> {
        let result = self.try_handle(message, now);
        if result.is_err() {
            self.decoder.clear();
        }
        result
    }

    /// When to call [`Session::handle_timeout`]; ask again after every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [self.connect_deadline, self.decoder.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Looks at the deadlines.
    ///
    /// # Errors
    ///
    /// One has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.connect_deadline) {
            return Err(Violation::ConnectTimeout);
        }
        if passed(self.decoder.deadline()) {
            self.decoder.clear();
            return Err(Violation::AttachmentsTimeout);
        }
        Ok(())
    }

    /// The server lets a pending CONNECT in. The connect deadline is over for good.
    pub fn accepted(&mut self, namespace: &Namespace) {
        if let Some(place) = self.place(namespace) {
            place.joined = true;
            self.connect_deadline = None;
        }
    }

    /// The server refuses a pending CONNECT; nothing of it is kept but a count.
    ///
    /// # Errors
    ///
    /// The client keeps asking for namespaces that do not exist.
    pub fn refused(&mut self, namespace: &Namespace, why: Refused) -> Result<(), Violation> {
        self.remove(namespace);
        if why == Refused::UnknownNamespace {
            self.unknown = self.unknown.saturating_add(1);
            let max = self.limits.unknown_namespaces_max;
            if usize::try_from(self.unknown).map_or(true, |unknown| unknown >= max) {
                return Err(Violation::TooManyUnknownNamespaces { max });
            }
        }
        Ok(())
    }

    /// The server has sent the client away from a namespace.
    pub fn left(&mut self, namespace: &Namespace) {
        self.remove(namespace);
    }

    /// The parser of the connection, once known.
    pub fn parser(&self) -> Option<Parser> {
        self.decoder.parser()
    }

    /// The joined namespaces, in the order in which they were asked for.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        let joined = self.places.iter().filter(|place| place.joined);
        joined.map(|place| &place.namespace)
    }

    /// Bytes of attachments held for a packet that is not complete.
    pub fn held(&self) -> usize {
        self.decoder.held()
    }

    fn try_handle(
        &mut self,
        message: Message,
        now: Instant,
    ) -> Result<Option<Incoming>, Violation> {
        self.handle_timeout(now)?;
        match self.decoder.handle(message, &self.limits)? {
            Decoded::Packet(Packet::Connect { namespace, auth }, _) => {
                self.connect(namespace, auth.unwrap_or_default()).map(Some)
            }
            Decoded::Packet(packet, attachments) => {
                let namespace = packet.namespace();
                if !self.is_joined(namespace) {
                    let namespace = namespace.clone();
                    return Err(Violation::NotJoined { namespace });
                }
                if attachments > 0 {
                    let deadline = now.checked_add(self.limits.message_timeout).unwrap_or(now);
                    self.decoder.hold(packet, attachments, deadline);
                    return Ok(None);
                }
                Ok(Some(self.joined_packet(packet)))
            }
            Decoded::Complete(packet) => Ok(Some(self.joined_packet(packet))),
            Decoded::Awaiting => Ok(None),
            Decoded::Dropped => Ok(Some(Incoming::Ignored(Ignored::NamespaceLeft))),
        }
    }

    fn connect(&mut self, namespace: Namespace, auth: Auth) -> Result<Incoming, Violation> {
        if self.place(&namespace).is_some() {
            return Err(Violation::AlreadyConnected { namespace });
        }
        let max = self.limits.namespaces_max;
        if self.places.len() >= max {
            return Err(Violation::TooManyNamespaces { max });
        }
        let namespace = unshared(namespace, self.limits.namespace_max);
        self.places.push(Place { namespace: namespace.clone(), joined: false });
        Ok(Incoming::Connect { namespace, auth })
    }

    /// What a packet for a joined namespace means.
    fn joined_packet(&mut self, packet: Packet) -> Incoming {
        match packet {
            Packet::Event { name, .. } if name.is_numeric() => {
                Incoming::Ignored(Ignored::NumericEvent)
            }
            Packet::Event { namespace, id, name, args } => {
                Incoming::Event { namespace, id, name, args }
            }
            Packet::Ack { namespace, id: Some(id), args: Some(args) } => {
                Incoming::Ack { namespace, id, args }
            }
            Packet::Ack { .. } => Incoming::Ignored(Ignored::EmptyAck),
            Packet::Disconnect { namespace } => {
                self.remove(&namespace);
                Incoming::Disconnect { namespace }
            }
            Packet::Connect { namespace, auth } => {
                Incoming::Connect { namespace, auth: auth.unwrap_or_default() }
            }
        }
    }

    fn is_joined(&self, namespace: &Namespace) -> bool {
        self.namespaces().any(|joined| joined == namespace)
    }

    fn place(&mut self, namespace: &Namespace) -> Option<&mut Place> {
        let mut places = self.places.iter_mut();
        places.find(|place| place.namespace == *namespace)
    }

    fn remove(&mut self, namespace: &Namespace) {
        self.places.retain(|place| place.namespace != *namespace);
        self.decoder.drop_namespace(namespace);
    }
}

/// A name with memory of its own: what is kept for a connection's life must not pin the message,
/// up to a megabyte of credentials, that it was cut out of.
fn unshared(namespace: Namespace, max: usize) -> Namespace {
    if namespace.is_main() {
        return Namespace::MAIN;
    }
    Namespace::parse(namespace.as_str().to_owned(), max).unwrap_or(namespace)
}
