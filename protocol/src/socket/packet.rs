//! One packet from a client, whichever parser wrote it.

use std::{fmt, ops::Deref};

use bytestring::ByteString;

use super::{Args, Auth, DecodeError};
use crate::{AckId, Limits, Namespace};

/// A packet from a client; it says nothing about whether it is legal now.
#[derive(Clone, Debug)]
pub enum Packet {
    /// Wants to join.
    Connect {
        /// Where.
        namespace: Namespace,
        /// Credentials; `None` where the client sent no payload.
        auth: Option<Auth>,
    },
    /// Leaves.
    Disconnect {
        /// Where.
        namespace: Namespace,
    },
    /// An event.
    Event {
        /// Where.
        namespace: Namespace,
        /// Set if the client awaits an ack.
        id: Option<AckId>,
        /// Its name.
        name: EventName,
        /// Its arguments, the name not among them.
        args: Args,
    },
    /// The answer to an event of ours.
    Ack {
        /// Where.
        namespace: Namespace,
        /// Which event; the reference ignores an ack that names none.
        id: Option<AckId>,
        /// The answer; `None` where there is no payload, which the reference ignores too.
        args: Option<Args>,
    },
}

impl Packet {
    /// The namespace that it is for.
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::Connect { namespace, .. }
            | Self::Disconnect { namespace }
            | Self::Event { namespace, .. }
            | Self::Ack { namespace, .. } => namespace,
        }
    }

    /// The arguments, where there are some.
    pub(super) fn args_mut(&mut self) -> Option<&mut Args> {
        match self {
            Self::Event { args, .. } => Some(args),
            Self::Ack { args, .. } => args.as_mut(),
            Self::Connect { .. } | Self::Disconnect { .. } => None,
        }
    }
}

/// The name of an event from a client.
#[derive(Clone, PartialEq, Eq)]
pub struct EventName {
    text: ByteString,
    numeric: bool,
}

impl EventName {
    /// A name within the limits.
    pub(super) fn string(text: ByteString, limits: &Limits) -> Result<Self, DecodeError> {
        if text.len() > limits.event_name_max {
            let max = limits.event_name_max;
            return Err(DecodeError::EventNameTooLong { max });
        }
        if let Some(name) = is_reserved(&text) {
            return Err(DecodeError::ReservedName(name));
        }
        let numeric = false;
        Ok(Self { text, numeric })
    }

    /// A number, as the client wrote it.
    pub(super) fn number(text: ByteString) -> Self {
        let numeric = true;
        Self { text, numeric }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it was sent as a number (`42[5]`), which JavaScript allows. No handler has such a
    /// name: it is not the same as the string of that number.
    pub fn is_numeric(&self) -> bool {
        self.numeric
    }
}

impl Deref for EventName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Escaped: a client may put anything into it.
impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The name out of the list that Socket.IO keeps for itself (`socket.io-parser` 4.2.7,
/// `RESERVED_EVENTS`); `None` for every other name. `error` and `connection` are ordinary.
pub fn is_reserved(name: &str) -> Option<&'static str> {
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
        .into_iter()
        .find(|reserved| *reserved == name)
}
