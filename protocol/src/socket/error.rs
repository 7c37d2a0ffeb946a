//! What can be wrong with a packet: the peer's faults and the caller's.

/// A Socket.IO packet that cannot be read. Each of them ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not even a type.
    #[error("the packet is empty")]
    Empty,
    /// The type is not 0 to 6 (text) or 0 to 4 (msgpack).
    #[error("unknown packet type {0:#04x}")]
    UnknownType(u8),
    /// CONNECT_ERROR, which only a server sends.
    #[error("a client sent CONNECT_ERROR")]
    NotFromClient,
    /// Types 5 and 6 name a count of 1 or more, plain digits, then `-`.
    #[error("malformed count of attachments")]
    AttachmentCount,
    /// More attachments than a packet may have.
    #[error("more than {max} attachments")]
    TooManyAttachments {
        /// The limit.
        max: usize,
    },
    /// The namespace has no leading slash, a comma (msgpack), or too many bytes.
    #[error("illegal namespace, at most {max} bytes")]
    Namespace {
        /// The limit in bytes.
        max: usize,
    },
    /// The ack id is above 2^53-1, or not written as JavaScript writes it.
    #[error("illegal ack id")]
    AckId,
    /// The packet needs a payload and has none.
    #[error("the payload is missing")]
    MissingPayload,
    /// The packet carries a payload and must not.
    #[error("a payload where none belongs")]
    UnexpectedPayload,
    /// The payload is of the wrong JSON type.
    #[error("the payload is not {expected}")]
    PayloadShape {
        /// What it ought to be, with its article.
        expected: &'static str,
    },
    /// The payload is not JSON.
    #[error("not JSON, at column {column}")]
    Json {
        /// Where in the payload, counted from 1, as `serde_json` counts.
        column: usize,
    },
    /// Arrays and objects nested too deep.
    #[error("nested deeper than {max}")]
    TooDeep {
        /// The limit; the array of arguments itself counts as 1.
        max: usize,
    },
    /// Too many arguments.
    #[error("more than {max} arguments")]
    TooManyArgs {
        /// The limit, without the name.
        max: usize,
    },
    /// Beyond 4 GiB; the transports' limits are far lower.
    #[error("the payload is too large")]
    TooLarge,
    /// The first item of an event is neither a string nor a number.
    #[error("the event has no name")]
    EventName,
    /// The event's name is too long.
    #[error("the event's name is longer than {max} bytes")]
    EventNameTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// A name that Socket.IO keeps for itself.
    #[error("the event name {0:?} is reserved")]
    ReservedName(&'static str),
    /// A key twice in a CONNECT payload, or in the envelope of a msgpack packet.
    #[error("a key stands twice in a control message")]
    DuplicateKey,
    /// The placeholders do not match the attachments.
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),
    /// Not msgpack, or not the dialect that clients write.
    #[error(transparent)]
    Msgpack(#[from] MsgpackError),
}

/// How placeholders and attachments of one packet fail to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// `num` is not an integer below the count of attachments.
    #[error("a placeholder's number is not one of the attachments")]
    Number,
    /// Two placeholders for one attachment. The reference takes it; its clients never write it.
    #[error("two placeholders for attachment {0}")]
    Doubled(usize),
    /// An attachment without a placeholder. The reference takes it; its clients never write it.
    #[error("no placeholder for attachment {0}")]
    Missing(usize),
}

/// Why bytes are not msgpack of the dialect of notepack.io 2.2, which clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MsgpackError {
    /// The bytes end within a value, or a length reaches beyond them.
    #[error("msgpack ends too early")]
    Truncated,
    /// Bytes after the value.
    #[error("bytes after the msgpack value")]
    Trailing,
    /// The marker `c1`.
    #[error("unknown msgpack marker")]
    Marker,
    /// An extension other than undefined, Date and ArrayBuffer (all of type 0).
    #[error("unknown msgpack extension")]
    Extension,
    /// A string that is not UTF-8: clients in a browser would fail on it.
    #[error("msgpack string is not UTF-8")]
    Utf8,
    /// A map's key that is not a string.
    #[error("msgpack key is not a string")]
    Key,
}

/// A packet that a server must not send. Always the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A value's `Serialize` failed, or a map has keys that JSON cannot hold.
    #[error("cannot be written as JSON: {0}")]
    Serialize(String),
    /// `Args::many` was given something that is not a list.
    #[error("arguments are a tuple, an array or a list")]
    NotAList,
    /// A name that Socket.IO keeps for itself; its clients would drop the connection.
    #[error("the event name {0:?} is reserved")]
    ReservedName(&'static str),
    /// More attachments than the reference's clients take (10, socket.io-parser 4.2.7).
    #[error("{got} attachments, clients take at most {max}")]
    TooManyAttachments {
        /// How many there are.
        got: usize,
        /// How many a client takes.
        max: usize,
    },
    /// Data that looks like a placeholder beside real attachments: a client would mix them up.
    #[error("data that looks like a placeholder beside binary data")]
    Ambiguous,
    /// Beyond 4 GiB.
    #[error("the arguments are too large")]
    TooLarge,
}
