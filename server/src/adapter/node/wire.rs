//! Which bytes go on which channel, and what the bytes of a channel mean.

use crier_protocol::{
    Namespace as Name,
    redis_adapter::{
        Bounds, Channels, ClassicChannel, Malformed, Message, Response, SubscriptionMode, Uid,
        classic::{Broadcast, Request},
        sharded::{Body, Envelope},
    },
};

use super::{NodeMode, NodeSettings};

/// A payload on its way.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) channel: String,
    pub(super) payload: Vec<u8>,
    /// By SPUBLISH.
    pub(super) sharded: bool,
}

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    Message { namespace: Name, from: Option<Uid>, message: Box<Message> },
    Response(Response),
}

pub(super) struct Wire {
    mode: NodeMode,
    emitter: bool,
    specific_responses: bool,
    uid: Uid,
    channels: Channels,
    bounds: Bounds,
}

impl Wire {
    pub(super) fn new(settings: &NodeSettings, uid: Uid) -> Self {
        let NodeSettings { mode, emitter, specific_responses, channels, .. } = settings.clone();
        Self { mode, emitter, specific_responses, uid, channels, bounds: Bounds::default() }
    }

    pub(super) fn uid(&self) -> &Uid {
        &self.uid
    }

    pub(super) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// A message to all Node servers; `None` where they cannot be told so.
    pub(super) fn message(&self, namespace: &Name, message: &Message) -> Option<Post> {
        match self.mode {
            NodeMode::Off => None,
            NodeMode::Classic => Some(self.classic(namespace, message)),
            NodeMode::Sharded(mode) => self.sharded(namespace, message, mode),
        }
    }

    fn classic(&self, namespace: &Name, message: &Message) -> Post {
        let uid = Some(self.uid.clone());
        let (channel, payload) = match message {
            Message::Broadcast { event, to, request: None } => {
                let channel = match &to.rooms[..] {
                    [room] => self.channels.room(namespace, room),
                    _ => self.channels.namespace(namespace),
                };
                let (namespace, event, to) = (namespace.clone(), event.clone(), to.clone());
                (channel, Broadcast { uid, namespace, event, to }.encode())
            }
            message => {
                let request = Request { uid, message: message.clone() };
                (self.channels.request(namespace), request.encode(namespace))
            }
        };
        Post { channel, payload, sharded: false }
    }

    fn sharded(&self, namespace: &Name, message: &Message, mode: SubscriptionMode) -> Option<Post> {
        let channel = match message {
            Message::Broadcast { to, request: None, .. } => match &to.rooms[..] {
                [room] if mode.publishes_to(room) => self.channels.room(namespace, room),
                _ => self.channels.namespace(namespace),
            },
            _ => self.channels.namespace(namespace),
        };
        self.envelope(namespace, channel, Body::Message(message.clone()))
    }

    fn envelope(&self, namespace: &Name, channel: String, body: Body) -> Option<Post> {
        let (uid, namespace) = (self.uid.clone(), namespace.clone());
        let payload = Envelope { uid, namespace, body }.encode()?;
        Some(Post { channel, payload, sharded: true })
    }

    /// An answer to a server. What was asked without a name is answered to all, in the classic form.
    pub(super) fn response(
        &self,
        namespace: &Name,
        to: Option<&Uid>,
        response: Response,
        shared: bool,
    ) -> Option<Post> {
        match self.mode {
            NodeMode::Off => None,
            NodeMode::Classic => {
                let own = to.filter(|_| self.specific_responses && !shared);
                let channel = match own {
                    Some(uid) => self.channels.own_response(namespace, uid),
                    None => self.channels.response(namespace),
                };
                Some(Post { channel, payload: response.encode_classic(), sharded: false })
            }
            NodeMode::Sharded(_) => {
                let channel = self.channels.own(namespace, to?);
                self.envelope(namespace, channel, Body::Response(response))
            }
        }
    }

    /// What a payload means; `None` where it is not for us: our own, or of somebody who is not let in.
    pub(super) fn read(
        &self,
        channel: &str,
        payload: &[u8],
        sharded: bool,
    ) -> Result<Option<Incoming>, Malformed> {
        let incoming = match sharded {
            true => self.read_sharded(channel, payload)?,
            false => self.read_classic(channel, payload)?,
        };
        Ok(incoming.filter(|incoming| self.is_welcome(incoming, sharded)))
    }

    fn read_classic(&self, channel: &str, payload: &[u8]) -> Result<Option<Incoming>, Malformed> {
        let bounds = &self.bounds;
        match self.channels.classic(channel) {
            Some(ClassicChannel::Broadcast { rest }) => {
                let Broadcast { uid: from, namespace, event, to } =
                    Broadcast::decode(payload, bounds)?;
                if !Channels::is_of(rest, &namespace) {
                    return Err(Malformed::Field("nsp"));
                }
                let message = Box::new(Message::Broadcast { event, to, request: None });
                Ok(Some(Incoming::Message { namespace, from, message }))
            }
            Some(ClassicChannel::Request { namespace }) => {
                let namespace = Name::parse(namespace.to_owned(), bounds.namespace_max);
                let namespace = namespace.ok_or(Malformed::Field("nsp"))?;
                let Request { uid: from, message } = Request::decode(payload, &namespace, bounds)?;
                let message = Box::new(message);
                Ok(Some(Incoming::Message { namespace, from, message }))
            }
            Some(ClassicChannel::Response) => {
                Ok(Some(Incoming::Response(Response::decode_classic(payload, bounds)?)))
            }
            None => Ok(None),
        }
    }

    fn read_sharded(&self, channel: &str, payload: &[u8]) -> Result<Option<Incoming>, Malformed> {
        let Envelope { uid, namespace, body } = Envelope::decode(payload, &self.bounds)?;
        if !channel.starts_with(&self.channels.namespace(&namespace)) {
            return Err(Malformed::Field("nsp"));
        }
        Ok(match body {
            Body::Message(message) => {
                Some(Incoming::Message { namespace, from: Some(uid), message: Box::new(message) })
            }
            Body::Response(response) if uid != self.uid => Some(Incoming::Response(response)),
            Body::Response(_) | Body::Nothing => None,
        })
    }

    fn is_welcome(&self, incoming: &Incoming, sharded: bool) -> bool {
        let Incoming::Message { from, .. } = incoming else { return true };
        match from {
            Some(uid) if *uid == self.uid => false,
            // Whoever asks for no answer need not say who it is: an emitter.
            None => self.emitter,
            Some(uid) if uid.is_emitter() => self.emitter,
            Some(_) => sharded || self.mode == NodeMode::Classic,
        }
    }
}
