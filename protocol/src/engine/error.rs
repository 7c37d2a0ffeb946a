//! What makes bytes no Engine.IO packet.

/// The peer sent something that is not an Engine.IO packet; it costs the session
/// ([`CloseReason::ParseError`](crate::CloseReason::ParseError)) and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A packet without its type; also an empty polling body, which is one empty record.
    #[error("an empty packet")]
    Empty,
    /// The first character is none of `0` to `6` and not `b`.
    #[error("packet type {0:?} is unknown")]
    UnknownType(char),
    /// The data of a `b` record is not standard base64 with padding.
    #[error("binary data is not standard base64")]
    Base64,
    /// The polling body is not UTF-8.
    #[error("the polling body is not UTF-8")]
    NotUtf8,
    /// The polling body has more packets than one body may have.
    #[error("more than {max} packets in one polling body")]
    TooManyPackets {
        /// [`Limits::payload_packets_max`](crate::Limits::payload_packets_max).
        max: usize,
    },
}
