//! Messages to packets: which parser, and attachments that are still to come.

use std::time::Instant;

use bytes::Bytes;

use super::{DecodeError, Packet, msgpack, session::Violation, text};
use crate::{Limits, Message, Namespace};

/// How the packets of a connection are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parser {
    /// `socket.io-parser`: text with JSON, binary data as attachments.
    Default,
    /// `socket.io-msgpack-parser`: one binary message a packet.
    Msgpack,
}

/// Which parser a connection may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParserChoice {
    /// The first message decides: text is the default parser, binary is msgpack and must be a
    /// CONNECT.
    #[default]
    Auto,
    /// Only the default parser.
    Default,
    /// Only msgpack.
    Msgpack,
}

/// What came of a message.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A packet; so many attachments follow. If that is legal, give it to [`Decoder::hold`].
    Packet(Packet, usize),
    /// A packet whose last attachment has come.
    Complete(Packet),
    /// An attachment; more to come.
    Awaiting,
    /// The last attachment of a packet for a namespace that has been left.
    Dropped,
}

/// The decoding state of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    parser: Option<Parser>,
    partial: Option<Box<Partial>>,
}

/// A packet that awaits attachments.
#[derive(Debug)]
struct Partial {
    /// `None` once its namespace has been left: the rest is received and dropped, so that the
    /// other namespaces of the connection live on.
    packet: Option<Packet>,
    received: Vec<Bytes>,
    awaited: usize,
    bytes: usize,
    deadline: Instant,
}

impl Decoder {
    pub(super) fn new(choice: ParserChoice) -> Self {
        let parser = match choice {
            ParserChoice::Auto => None,
            ParserChoice::Default => Some(Parser::Default),
            ParserChoice::Msgpack => Some(Parser::Msgpack),
        };
        Self { parser, partial: None }
    }

    pub(super) fn parser(&self) -> Option<Parser> {
        self.parser
    }

    /// When the attachments must be complete.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.partial.as_ref().map(|partial| partial.deadline)
    }

    pub(super) fn handle(
        &mut self,
        message: Message,
        limits: &Limits,
    ) -> Result<Decoded, Violation> {
        match (self.parser, message) {
            (None | Some(Parser::Default), Message::Text(text)) => {
                if self.partial.is_some() {
                    return Err(Violation::AttachmentExpected);
                }
                let (packet, attachments) = text::decode(&text, limits)?;
                self.parser = Some(Parser::Default);
                Ok(Decoded::Packet(packet, attachments))
            }
            (Some(Parser::Default), Message::Binary(bytes)) => self.attach(bytes, limits),
            (None, Message::Binary(bytes)) => match msgpack::decode(&bytes, limits)? {
                packet @ Packet::Connect { .. } => {
                    self.parser = Some(Parser::Msgpack);
                    Ok(Decoded::Packet(packet, 0))
                }
                Packet::Disconnect { .. } | Packet::Event { .. } | Packet::Ack { .. } => {
                    Err(Violation::UnexpectedBinary)
                }
            },
            (Some(Parser::Msgpack), Message::Binary(bytes)) => {
                Ok(Decoded::Packet(msgpack::decode(&bytes, limits)?, 0))
            }
            (Some(Parser::Msgpack), Message::Text(_)) => Err(Violation::UnexpectedText),
        }
    }

    /// Keeps a packet until its attachments are there.
    pub(super) fn hold(&mut self, packet: Packet, attachments: usize, deadline: Instant) {
        self.partial = Some(Box::new(Partial {
            packet: Some(packet),
            received: Vec::with_capacity(attachments),
            awaited: attachments,
            bytes: 0,
            deadline,
        }));
    }

    /// Forgets what came for a namespace. Only the count of what is still on its way is kept.
    pub(super) fn drop_namespace(&mut self, namespace: &Namespace) {
        if let Some(partial) = &mut self.partial
            && partial.packet.as_ref().map(Packet::namespace) == Some(namespace)
        {
            partial.packet = None;
            partial.received = Vec::new();
        }
    }

    /// Forgets everything: the connection is over.
    pub(super) fn clear(&mut self) {
        self.partial = None;
    }

    /// Bytes of attachments held.
    pub(super) fn held(&self) -> usize {
        let received = self.partial.iter().flat_map(|partial| &partial.received);
        received.map(Bytes::len).sum()
    }

    fn attach(&mut self, bytes: Bytes, limits: &Limits) -> Result<Decoded, Violation> {
        let partial = self.partial.as_mut().ok_or(Violation::UnexpectedBinary)?;
        partial.bytes = partial.bytes.saturating_add(bytes.len());
        if partial.bytes > limits.attachments_bytes_max {
            let max = limits.attachments_bytes_max;
            return Err(Violation::AttachmentsTooLarge { max });
        }
        partial.awaited = partial.awaited.saturating_sub(1);
        if partial.packet.is_some() {
            partial.received.push(bytes);
        }
        if partial.awaited > 0 {
            return Ok(Decoded::Awaiting);
        }
        let partial = self.partial.take().ok_or(Violation::UnexpectedBinary)?;
        let Some(mut packet) = partial.packet else {
            return Ok(Decoded::Dropped);
        };
        if let Some(args) = packet.args_mut() {
            args.attach(partial.received);
        }
        Ok(Decoded::Complete(packet))
    }
}

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}
