//! Why a session ends: the one table from reason to the words and numbers that others see.

/// Every way in which a session, or a socket on it, ends.
///
/// It is the reason that handlers are told, the label of the metric, and it says whether the client
/// may take the session up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client closed its transport, or it was cut.
    TransportClose,
    /// The peer broke the transport's rules: overlapping polls, a message over the limit.
    TransportError,
    /// No pong in time.
    PingTimeout,
    /// An Engine.IO packet that cannot be read.
    ParseError,
    /// A Socket.IO packet that cannot be read or is not legal now; or the server closed the
    /// transport by itself.
    ForcedClose,
    /// Nothing joined within the connect timeout, or an illegal state over polling.
    ForcedServerClose,
    /// The client sent DISCONNECT for the namespace.
    ClientNamespaceDisconnect,
    /// The server sent DISCONNECT for the namespace; the client stays away by itself.
    ServerNamespaceDisconnect,
    /// The server is going down; the transport is closed so that the client comes back elsewhere.
    ServerShuttingDown,
    /// The client reads too slowly: its outbox is full. The log gives it later what it missed.
    SlowConsumer,
    /// A handler of the session panicked.
    HandlerPanic,
}

impl CloseReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 11] = [
        Self::TransportClose,
        Self::TransportError,
        Self::PingTimeout,
        Self::ParseError,
        Self::ForcedClose,
        Self::ForcedServerClose,
        Self::ClientNamespaceDisconnect,
        Self::ServerNamespaceDisconnect,
        Self::ServerShuttingDown,
        Self::SlowConsumer,
        Self::HandlerPanic,
    ];

    /// The reason in the reference's words (`socket.io` 4.8, the `disconnect` event); the last two
    /// are ours, the reference has no word for them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
            Self::SlowConsumer => "slow consumer",
            Self::HandlerPanic => "handler panic",
        }
    }

    /// Whether the client may come back and recover what it missed.
    ///
    /// False only where one side said goodbye on purpose (`socket.io` 4.8, `RECOVERABLE_DISCONNECT_REASONS`).
    pub fn is_recoverable(self) -> bool {
        !matches!(self, Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect)
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
