//! Every cap that the protocol puts on a peer, in one place.

use std::time::Duration;

/// What a peer may ask for before its session ends. Sizes are bytes unless the name says otherwise.
///
/// The names of Socket.IO's own knobs are kept in the configuration (`pingInterval` and so on);
/// here they carry their unit in the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time from the open packet, or from a pong, to the next ping. Default 25 s (engine.io).
    pub ping_interval: Duration,
    /// Time that a client has to answer a ping. Default 20 s (engine.io).
    pub ping_timeout: Duration,
    /// Time that an upgrade has from the websocket's opening to its `5` packet. Default 10 s
    /// (engine.io). The websocket is then closed; polling goes on.
    pub upgrade_timeout: Duration,
    /// Time that a client has to join a first namespace. Default 45 s (socket.io).
    pub connect_timeout: Duration,
    /// Largest polling body, websocket message and polling answer; `maxHttpBufferSize`, sent to the
    /// client as `maxPayload`. Default 1,000,000 (engine.io).
    pub max_payload: usize,
    /// Packets in one polling body. Default 16,384: real bursts stay far below, and a body of
    /// nothing but one-byte packets costs no more than a few milliseconds.
    pub payload_packets_max: usize,
    /// Frames of one fragmented websocket message. Default 1,024 (ws CVE-2026-48779).
    pub fragments_max: usize,
    /// Time from the first byte of a websocket message, or a packet's first attachment header, to
    /// its last. Default 10 s.
    pub message_timeout: Duration,
    /// Websocket control frames (pings) of a peer that are answered in a second, sustained.
    /// Default 10. A burst of as many again is let through.
    pub control_frames_per_second: u32,
    /// Binary attachments of one packet. Default 10 (socket.io-parser 4.2.7, `maxAttachments`).
    pub attachments_max: usize,
    /// Bytes of all attachments of one packet. Default 4 MiB.
    pub attachments_bytes_max: usize,
    /// Nesting of arrays and objects in a packet's JSON or msgpack. Default 64.
    pub depth_max: usize,
    /// Arguments of one event or ack, without its name. Default 64.
    pub args_max: usize,
    /// Bytes of an event's name. Default 128.
    pub event_name_max: usize,
    /// Bytes of a namespace's name. Default 128.
    pub namespace_max: usize,
    /// Namespaces joined on one connection. Default 16.
    pub namespaces_max: usize,
    /// Refused CONNECTs to unknown namespaces before the connection is closed. Default 10.
    pub unknown_namespaces_max: usize,
    /// Acks that a server may await of one socket. Default 1,000 (CometD's ack extension grew
    /// without end).
    pub pending_acks_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_millis(25_000),
            ping_timeout: Duration::from_millis(20_000),
            upgrade_timeout: Duration::from_millis(10_000),
            connect_timeout: Duration::from_millis(45_000),
            max_payload: 1_000_000,
            payload_packets_max: 16_384,
            fragments_max: 1_024,
            message_timeout: Duration::from_secs(10),
            control_frames_per_second: 10,
            attachments_max: 10,
            attachments_bytes_max: 4 << 20,
            depth_max: 64,
            args_max: 64,
            event_name_max: 128,
            namespace_max: 128,
            namespaces_max: 16,
            unknown_namespaces_max: 10,
            pending_acks_max: 1_000,
        }
    }
}
