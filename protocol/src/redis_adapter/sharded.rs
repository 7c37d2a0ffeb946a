//! The sharded form: SPUBLISH and SSUBSCRIBE (`createShardedAdapter`).

use super::{
    Bounds, Event, Malformed, Message, Reply, Response, Selection, Uid,
    classic::read,
    fields::{Fields, flags, object, remote_socket, room_list, sockets, text, uint},
    json, msgpack,
};
use crate::{Namespace, socket::Value};

/// What came on a channel: `{type, data, uid, nsp}`.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Who sent it.
    pub uid: Uid,
    /// The namespace that it is for; the channel has to begin with it too.
    pub namespace: Namespace,
    /// What.
    pub body: Body,
}

/// A question or an answer.
#[derive(Clone, Debug)]
pub enum Body {
    /// On the channel of the namespace, or of one room.
    Message(Message),
    /// On the channel of the server that asked.
    Response(Response),
    /// Heartbeats and farewells of other adapters that use the same messages; nothing to do.
    Nothing,
}

/// The numbers of the messages (`MessageType` of `socket.io-adapter`).
mod kind {
    pub(super) const INITIAL_HEARTBEAT: u64 = 1;
    pub(super) const HEARTBEAT: u64 = 2;
    pub(super) const BROADCAST: u64 = 3;
    pub(super) const SOCKETS_JOIN: u64 = 4;
    pub(super) const SOCKETS_LEAVE: u64 = 5;
    pub(super) const DISCONNECT_SOCKETS: u64 = 6;
    pub(super) const FETCH_SOCKETS: u64 = 7;
    pub(super) const FETCH_SOCKETS_RESPONSE: u64 = 8;
    pub(super) const SERVER_SIDE_EMIT: u64 = 9;
    pub(super) const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
    pub(super) const BROADCAST_CLIENT_COUNT: u64 = 11;
    pub(super) const BROADCAST_ACK: u64 = 12;
    pub(super) const ADAPTER_CLOSE: u64 = 13;
}

impl Envelope {
    /// The payload: JSON, or msgpack if there is binary data where there may be some. `None` for what
    /// this form has no message for.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let (kind, data) = match &self.body {
            Body::Message(message) => write_message(message)?,
            Body::Response(response) => write_response(response)?,
            Body::Nothing => return None,
        };
        let may_have_binary = matches!(
            kind,
            kind::BROADCAST
                | kind::BROADCAST_ACK
                | kind::FETCH_SOCKETS_RESPONSE
                | kind::SERVER_SIDE_EMIT
                | kind::SERVER_SIDE_EMIT_RESPONSE
        );
        let binary = may_have_binary && msgpack::has_binary(&data);
        let message = object([
            ("type", Some(uint(kind))),
            ("data", Some(data)),
            ("uid", Some(text(self.uid.as_str()))),
            ("nsp", Some(text(self.namespace.as_str()))),
        ]);
        Some(if binary { msgpack::write(&message) } else { json::write(message) })
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// It is not such a message, or beyond the bounds.
    pub fn decode(payload: &[u8], bounds: &Bounds) -> Result<Self, Malformed> {
        let mut fields = Fields::of(read(payload, bounds)?, "message")?;
        let kind = fields.number("type")?;
        let uid = fields.uid()?.ok_or(Malformed::Field("uid"))?;
        let namespace = match fields.take("nsp") {
            Value::String(name) => {
                Namespace::parse(name, bounds.namespace_max).ok_or(Malformed::Field("nsp"))?
            }
            _ => return Err(Malformed::Field("nsp")),
        };
        if matches!(kind, kind::INITIAL_HEARTBEAT | kind::HEARTBEAT | kind::ADAPTER_CLOSE) {
            return Ok(Self { uid, namespace, body: Body::Nothing });
        }
        let data = Fields::of(fields.take("data"), "data")?;
        Ok(Self { uid, namespace, body: read_body(kind, data, bounds)? })
    }
}

fn read_body(kind: u64, mut data: Fields, bounds: &Bounds) -> Result<Body, Malformed> {
    Ok(Body::Message(match kind {
        kind::BROADCAST => {
            let mut packet = Fields::of(data.take("packet"), "packet")?;
            if packet.number("type")? != 2 {
                return Err(Malformed::Field("packet type"));
            }
            Message::Broadcast {
                event: Event::read(packet.take("data"), bounds)?,
                to: data.selection(bounds)?,
                request: data.request()?,
            }
        }
        kind::SOCKETS_JOIN => {
            Message::Join { of: data.selection(bounds)?, rooms: data.rooms("rooms", bounds)? }
        }
        kind::SOCKETS_LEAVE => {
            Message::Leave { of: data.selection(bounds)?, rooms: data.rooms("rooms", bounds)? }
        }
        kind::DISCONNECT_SOCKETS => {
            Message::Disconnect { of: data.selection(bounds)?, close: data.bool("close") }
        }
        kind::FETCH_SOCKETS => {
            Message::Fetch { of: data.selection(bounds)?, request: data.expect_request()? }
        }
        kind::SERVER_SIDE_EMIT => Message::ServerSideEmit {
            event: Event::read(data.take("packet"), bounds)?,
            request: data.request()?,
        },
        _ => return read_response(kind, data, bounds).map(Body::Response),
    }))
}

fn read_response(kind: u64, mut data: Fields, bounds: &Bounds) -> Result<Response, Malformed> {
    let reply = match kind {
        kind::FETCH_SOCKETS_RESPONSE => match data.take("sockets") {
            Value::Array(list) if list.len() > bounds.sockets_max => {
                return Err(Malformed::List("sockets"));
            }
            Value::Array(list) => {
                let sockets = list.into_iter().map(|socket| remote_socket(socket, bounds));
                Reply::Sockets(sockets.collect::<Result<_, _>>()?)
            }
            _ => return Err(Malformed::Field("sockets")),
        },
        kind::SERVER_SIDE_EMIT_RESPONSE => Reply::ServerSideEmit(data.take("packet")),
        kind::BROADCAST_CLIENT_COUNT => Reply::ClientCount(data.number("clientCount")?),
        kind::BROADCAST_ACK => Reply::Ack(data.take("packet")),
        other => return Err(Malformed::Type(other)),
    };
    Ok(Response { request: data.expect_request()?, reply })
}

fn write_message(message: &Message) -> Option<(u64, Value)> {
    let id = |request: &super::RequestId| text(request.as_str());
    Some(match message {
        Message::Broadcast { event, to, request } => {
            // The key `nsp` is in the envelope alone.
            let packet = object([("type", Some(uint(2))), ("data", Some(event.write()))]);
            let data = object([
                ("packet", Some(packet)),
                ("requestId", request.as_ref().map(id)),
                ("opts", Some(opts(to))),
            ]);
            (kind::BROADCAST, data)
        }
        Message::Join { of, rooms } => (
            kind::SOCKETS_JOIN,
            object([("opts", Some(opts(of))), ("rooms", Some(room_list(rooms)))]),
        ),
        Message::Leave { of, rooms } => (
            kind::SOCKETS_LEAVE,
            object([("opts", Some(opts(of))), ("rooms", Some(room_list(rooms)))]),
        ),
        Message::Disconnect { of, close } => (
            kind::DISCONNECT_SOCKETS,
            object([("opts", Some(opts(of))), ("close", Some(Value::Bool(*close)))]),
        ),
        Message::Fetch { of, request } => (
            kind::FETCH_SOCKETS,
            object([("opts", Some(opts(of))), ("requestId", Some(id(request)))]),
        ),
        Message::ServerSideEmit { event, request } => (
            kind::SERVER_SIDE_EMIT,
            object([("requestId", request.as_ref().map(id)), ("packet", Some(event.write()))]),
        ),
        Message::Rooms { .. } | Message::Ids { .. } | Message::One { .. } => return None,
    })
}

fn write_response(response: &Response) -> Option<(u64, Value)> {
    let id = Some(text(response.request.as_str()));
    let (kind, key, value) = match &response.reply {
        Reply::Sockets(list) => (kind::FETCH_SOCKETS_RESPONSE, "sockets", sockets(list)),
        Reply::ServerSideEmit(value) => (kind::SERVER_SIDE_EMIT_RESPONSE, "packet", value.clone()),
        Reply::ClientCount(count) => (kind::BROADCAST_CLIENT_COUNT, "clientCount", uint(*count)),
        Reply::Ack(value) => (kind::BROADCAST_ACK, "packet", value.clone()),
        Reply::Ids(_) | Reply::Rooms(_) | Reply::Done => return None,
    };
    Some((kind, object([("requestId", id), (key, Some(value))])))
}

/// `{rooms, except, flags}`
fn opts(of: &Selection) -> Value {
    object([
        ("rooms", Some(room_list(&of.rooms))),
        ("except", Some(room_list(&of.except))),
        ("flags", Some(flags(of.flags))),
    ])
}
