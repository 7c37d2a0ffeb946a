//! What the messages say, whichever form they have on the wire.

use std::fmt;

use bytestring::ByteString;

use super::{Bounds, Malformed};
use crate::{
    Room, SocketId,
    socket::{Args, Value, is_reserved},
};

/// Names a server among those that share a Redis; `emitter` is what the emitters call themselves. Up to 64
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uid(ByteString);

/// Joins the answers with what was asked. Up to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(ByteString);

/// Longest uid or request id. Node's have 6 or 16 characters.
const ID_MAX: usize = 64;

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// Takes the text; `None` unless it has 1 to 64 bytes.
            pub fn parse(text: impl Into<ByteString>) -> Option<Self> {
                let text = text.into();
                (1..=ID_MAX).contains(&text.len()).then_some(Self(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_id!(Uid);
text_id!(RequestId);

impl Uid {
    /// What the official emitters call themselves, each of them.
    pub fn emitter() -> Self {
        Self(ByteString::from_static("emitter"))
    }

    /// Whether it is that name.
    pub fn is_emitter(&self) -> bool {
        self.as_str() == "emitter"
    }
}

/// An event, to clients or to other servers.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name; none of the reserved ones.
    pub name: ByteString,
    /// Its arguments.
    pub args: Args,
}

impl Event {
    /// Takes `[name, ...args]`.
    pub(super) fn read(data: Value, bounds: &Bounds) -> Result<Self, Malformed> {
        let Value::Array(mut items) = data else { return Err(Malformed::Field("data")) };
        if items.is_empty() {
            return Err(Malformed::Field("data"));
        }
        if items.len() - 1 > bounds.args_max {
            return Err(Malformed::List("data"));
        }
        let args = items.split_off(1);
        // Node takes a number for a name too; no client can be told one apart from its text.
        let Some(Value::String(name)) = items.pop() else {
            return Err(Malformed::Field("event name"));
        };
        if name.len() > bounds.event_name_max || is_reserved(&name).is_some() {
            return Err(Malformed::Field("event name"));
        }
        Ok(Self { name: name.into(), args: Args::many(&args)? })
    }

    /// `[name, ...args]`
    pub(super) fn write(&self) -> Value {
        let name = Value::String(self.name.to_string());
        let args = (0..self.args.len()).map(|index| argument(&self.args, index));
        Value::Array(std::iter::once(name).chain(args).collect())
    }
}

/// An argument as any value; `null` where there is none.
fn argument(args: &Args, index: usize) -> Value {
    // A string with half of a surrogate pair is all that cannot be read; Node's own msgpack has no such
    // string either.
    args.get(index).unwrap_or_default()
}

/// Flags of a broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Dropped for clients to whom it cannot be written at once.
    pub volatile: bool,
    /// How long acknowledgements, or answers, are waited for; milliseconds.
    pub timeout: Option<u64>,
}

/// Which sockets of a namespace are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In any of these rooms; everyone where it is empty.
    pub rooms: Vec<Room>,
    /// And in none of these.
    pub except: Vec<Room>,
    /// Only of broadcasts, and of the sharded form.
    pub flags: Flags,
}

/// What one server asks all others to do.
#[derive(Clone, Debug)]
pub enum Message {
    /// Emit an event. With a request id every server tells how many clients it asks, then what each
    /// acknowledges.
    Broadcast {
        /// The event.
        event: Event,
        /// To whom.
        to: Selection,
        /// Set if the clients acknowledge.
        request: Option<RequestId>,
    },
    /// Make sockets enter rooms.
    Join {
        /// Which.
        of: Selection,
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// Make sockets leave rooms.
    Leave {
        /// Which.
        of: Selection,
        /// The rooms.
        rooms: Vec<Room>,
    },
    /// Disconnect sockets.
    Disconnect {
        /// Which.
        of: Selection,
        /// The whole connection.
        close: bool,
    },
    /// Tell about sockets.
    Fetch {
        /// Which.
        of: Selection,
        /// For the answers.
        request: RequestId,
    },
    /// Call the handlers of the servers themselves.
    ServerSideEmit {
        /// The event.
        event: Event,
        /// Set if every server answers.
        request: Option<RequestId>,
    },
    /// Tell all rooms. Classic only.
    Rooms {
        /// For the answers.
        request: RequestId,
    },
    /// Tell the ids of the sockets in rooms. Classic only, from versions before 8.
    Ids {
        /// In any of them; all where it is empty.
        rooms: Vec<Room>,
        /// For the answers.
        request: RequestId,
    },
    /// An order to one socket, which the server that has it carries out and answers. Classic only, from
    /// versions before 7.
    One {
        /// The socket.
        socket: SocketId,
        /// What.
        order: Order,
        /// For the answer.
        request: RequestId,
    },
}

/// What one socket is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Enter a room.
    Join(Room),
    /// Leave a room.
    Leave(Room),
    /// Disconnect; with `true` the whole connection.
    Disconnect(bool),
}

/// An answer of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// To what.
    pub request: RequestId,
    /// The answer.
    pub reply: Reply,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Message::Fetch`].
    Sockets(Vec<RemoteSocket>),
    /// To [`Message::Ids`].
    Ids(Vec<SocketId>),
    /// To [`Message::Rooms`].
    Rooms(Vec<Room>),
    /// To [`Message::One`].
    Done,
    /// To [`Message::ServerSideEmit`]: the first argument of the acknowledgement.
    ServerSideEmit(Value),
    /// To [`Message::Broadcast`]: so many clients are asked.
    ClientCount(u64),
    /// To [`Message::Broadcast`]: the first argument of one client's acknowledgement.
    Ack(Value),
}

/// A socket of another server.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSocket {
    /// Its id.
    pub id: SocketId,
    /// The request that opened its session: `headers`, `time`, `address`, `query`, `auth` and so on.
    pub handshake: Value,
    /// The rooms that it is in.
    pub rooms: Vec<Room>,
    /// What the application keeps with it.
    pub data: Value,
}
