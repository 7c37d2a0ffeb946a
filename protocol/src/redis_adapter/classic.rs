//! The classic form: PUBLISH and SUBSCRIBE (`createAdapter`), and what the emitters publish.

use super::{
    Bounds, Event, Flags, Malformed, Message, Order, Reply, Response, Selection, Uid,
    fields::{
        Fields, flags, object, remote_socket, room, room_list, rooms, selection, socket_id,
        sockets, text, uint,
    },
    json, msgpack,
};
use crate::{Namespace, socket::Value};

/// An event to clients, off a broadcast channel.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// Who sent it.
    pub uid: Option<Uid>,
    /// The namespace that it is for. The channel has to begin with it too.
    pub namespace: Namespace,
    /// The event.
    pub event: Event,
    /// To whom.
    pub to: Selection,
}

impl Broadcast {
    /// The payload: `[uid, packet, opts]`.
    pub fn encode(&self) -> Vec<u8> {
        let uid = self.uid.as_ref().map_or(Value::Null, |uid| text(uid.as_str()));
        let packet = packet(&self.event, &self.namespace);
        msgpack::write(&Value::Array(vec![uid, packet, opts_with_flags(&self.to)]))
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// It is not such a message, or beyond the bounds.
    pub fn decode(payload: &[u8], bounds: &Bounds) -> Result<Self, Malformed> {
        check_size(payload, bounds)?;
        let Value::Array(items) = msgpack::read(payload, bounds)? else {
            return Err(Malformed::Field("message"));
        };
        let mut items = items.into_iter();
        let mut next = || items.next().unwrap_or_default();
        let (uid, packet, opts) = (next(), next(), next());
        let uid = match uid {
            Value::String(uid) => Uid::parse(uid),
            _ => None,
        };
        let (namespace, event) = read_packet(packet, bounds)?;
        Ok(Self { uid, namespace, event, to: selection(opts, bounds)? })
    }
}

/// What came on a request channel.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks; emitters say nothing where nobody answers.
    pub uid: Option<Uid>,
    /// What.
    pub message: Message,
}

/// The numbers of the requests (`RequestType`).
mod kind {
    pub(super) const SOCKETS: u64 = 0;
    pub(super) const ALL_ROOMS: u64 = 1;
    pub(super) const REMOTE_JOIN: u64 = 2;
    pub(super) const REMOTE_LEAVE: u64 = 3;
    pub(super) const REMOTE_DISCONNECT: u64 = 4;
    pub(super) const REMOTE_FETCH: u64 = 5;
    pub(super) const SERVER_SIDE_EMIT: u64 = 6;
    pub(super) const BROADCAST: u64 = 7;
    pub(super) const BROADCAST_CLIENT_COUNT: u64 = 8;
    pub(super) const BROADCAST_ACK: u64 = 9;
}

impl Request {
    /// The payload: msgpack for a broadcast with acknowledgements, JSON for everything else. `namespace` is
    /// that of the channel.
    ///
    /// A broadcast without a request id has no place on this channel; it is written all the same, and
    /// answered by nobody.
    pub fn encode(&self, namespace: &Namespace) -> Vec<u8> {
        let uid = self.uid.as_ref().map(|uid| text(uid.as_str()));
        let id = |request: &super::RequestId| Some(text(request.as_str()));
        let with_opts = |kind: u64, of: &Selection| (Some(uint(kind)), Some(opts(of)));
        json::write(match &self.message {
            Message::Broadcast { event, to, request } => {
                return msgpack::write(&object([
                    ("uid", uid),
                    ("requestId", request.as_ref().and_then(id)),
                    ("type", Some(uint(kind::BROADCAST))),
                    ("packet", Some(packet(event, namespace))),
                    ("opts", Some(opts_with_flags(to))),
                ]));
            }
            Message::Join { of, rooms } => {
                let (kind, opts) = with_opts(kind::REMOTE_JOIN, of);
                object([
                    ("uid", uid),
                    ("type", kind),
                    ("opts", opts),
                    ("rooms", Some(room_list(rooms))),
                ])
            }
            Message::Leave { of, rooms } => {
                let (kind, opts) = with_opts(kind::REMOTE_LEAVE, of);
                object([
                    ("uid", uid),
                    ("type", kind),
                    ("opts", opts),
                    ("rooms", Some(room_list(rooms))),
                ])
            }
            Message::Disconnect { of, close } => {
                let (kind, opts) = with_opts(kind::REMOTE_DISCONNECT, of);
                let close = Some(Value::Bool(*close));
                object([("uid", uid), ("type", kind), ("opts", opts), ("close", close)])
            }
            Message::Fetch { of, request } => {
                let (kind, opts) = with_opts(kind::REMOTE_FETCH, of);
                object([("uid", uid), ("requestId", id(request)), ("type", kind), ("opts", opts)])
            }
            Message::ServerSideEmit { event, request } => object([
                ("uid", uid),
                ("requestId", request.as_ref().and_then(id)),
                ("type", Some(uint(kind::SERVER_SIDE_EMIT))),
                ("data", Some(event.write())),
            ]),
            Message::Rooms { request } => {
                let kind = Some(uint(kind::ALL_ROOMS));
                object([("uid", uid), ("requestId", id(request)), ("type", kind)])
            }
            Message::Ids { rooms, request } => object([
                ("uid", uid),
                ("requestId", id(request)),
                ("type", Some(uint(kind::SOCKETS))),
                ("rooms", Some(room_list(rooms))),
            ]),
            Message::One { socket, order, request } => {
                let (kind, room, close) = match order {
                    Order::Join(room) => (kind::REMOTE_JOIN, Some(text(room.as_str())), None),
                    Order::Leave(room) => (kind::REMOTE_LEAVE, Some(text(room.as_str())), None),
                    Order::Disconnect(close) => {
                        (kind::REMOTE_DISCONNECT, None, Some(Value::Bool(*close)))
                    }
                };
                object([
                    ("uid", uid),
                    ("requestId", id(request)),
                    ("type", Some(uint(kind))),
                    ("sid", Some(text(socket.as_str()))),
                    ("room", room),
                    ("close", close),
                ])
            }
        })
    }

    /// Reads a payload of the request channel of a namespace.
    ///
    /// # Errors
    /// It is not such a message, or beyond the bounds; of a broadcast, the packet is for another namespace.
    pub fn decode(
        payload: &[u8],
        namespace: &Namespace,
        bounds: &Bounds,
    ) -> Result<Self, Malformed> {
        let mut fields = Fields::of(read(payload, bounds)?, "message")?;
        let uid = fields.uid()?;
        let kind = fields.number("type")?;
        let message = match kind {
            kind::SOCKETS => Message::Ids {
                rooms: fields.rooms("rooms", bounds)?,
                request: fields.expect_request()?,
            },
            kind::ALL_ROOMS => Message::Rooms { request: fields.expect_request()? },
            kind::REMOTE_JOIN | kind::REMOTE_LEAVE | kind::REMOTE_DISCONNECT => {
                order(kind, &mut fields, bounds)?
            }
            kind::REMOTE_FETCH => {
                Message::Fetch { of: fields.selection(bounds)?, request: fields.expect_request()? }
            }
            kind::SERVER_SIDE_EMIT => Message::ServerSideEmit {
                event: Event::read(fields.take("data"), bounds)?,
                request: fields.request()?,
            },
            kind::BROADCAST => {
                let (meant, event) = read_packet(fields.take("packet"), bounds)?;
                if meant != *namespace {
                    return Err(Malformed::Field("nsp"));
                }
                let to = fields.selection(bounds)?;
                Message::Broadcast { event, to, request: Some(fields.expect_request()?) }
            }
            other => return Err(Malformed::Type(other)),
        };
        Ok(Self { uid, message })
    }
}

/// Join, leave or disconnect, in the form for many sockets or in the older one for one.
fn order(kind: u64, fields: &mut Fields, bounds: &Bounds) -> Result<Message, Malformed> {
    let opts = fields.take("opts");
    if opts != Value::Null {
        let of = selection(opts, bounds)?;
        return Ok(match kind {
            kind::REMOTE_JOIN => Message::Join { of, rooms: fields.rooms("rooms", bounds)? },
            kind::REMOTE_LEAVE => Message::Leave { of, rooms: fields.rooms("rooms", bounds)? },
            _ => Message::Disconnect { of, close: fields.bool("close") },
        });
    }
    let socket = socket_id(&fields.take("sid")).ok_or(Malformed::Field("sid"))?;
    let order = if kind == kind::REMOTE_DISCONNECT {
        Order::Disconnect(fields.bool("close"))
    } else {
        let room = room(&fields.take("room"), bounds).ok_or(Malformed::Field("room"))?;
        if kind == kind::REMOTE_JOIN { Order::Join(room) } else { Order::Leave(room) }
    };
    Ok(Message::One { socket, order, request: fields.expect_request()? })
}

impl Response {
    /// The payload on a classic response channel: msgpack for a client's acknowledgement, else JSON.
    pub fn encode_classic(&self) -> Vec<u8> {
        let id = Some(text(self.request.as_str()));
        json::write(match &self.reply {
            Reply::Sockets(list) => object([("requestId", id), ("sockets", Some(sockets(list)))]),
            Reply::Ids(ids) => {
                let ids = ids.iter().map(|id| text(id.as_str())).collect();
                object([("requestId", id), ("sockets", Some(Value::Array(ids)))])
            }
            Reply::Rooms(rooms) => object([("requestId", id), ("rooms", Some(room_list(rooms)))]),
            Reply::Done => object([("requestId", id)]),
            Reply::ServerSideEmit(value) => object([
                ("type", Some(uint(kind::SERVER_SIDE_EMIT))),
                ("requestId", id),
                ("data", Some(value.clone())),
            ]),
            Reply::ClientCount(count) => object([
                ("type", Some(uint(kind::BROADCAST_CLIENT_COUNT))),
                ("requestId", id),
                ("clientCount", Some(uint(*count))),
            ]),
            Reply::Ack(value) => {
                return msgpack::write(&object([
                    ("type", Some(uint(kind::BROADCAST_ACK))),
                    ("requestId", id),
                    ("packet", Some(value.clone())),
                ]));
            }
        })
    }

    /// Reads a payload of a classic response channel.
    ///
    /// # Errors
    /// It is not such a message, or beyond the bounds.
    pub fn decode_classic(payload: &[u8], bounds: &Bounds) -> Result<Self, Malformed> {
        let mut fields = Fields::of(read(payload, bounds)?, "message")?;
        let request = fields.expect_request()?;
        let reply = match fields.take("type") {
            // The answers that are older than the types have none.
            Value::Null => untyped(&mut fields, bounds)?,
            Value::Number(kind) => match kind.as_u64().unwrap_or(u64::MAX) {
                kind::SERVER_SIDE_EMIT => Reply::ServerSideEmit(fields.take("data")),
                kind::BROADCAST_CLIENT_COUNT => Reply::ClientCount(fields.number("clientCount")?),
                kind::BROADCAST_ACK => Reply::Ack(fields.take("packet")),
                other => return Err(Malformed::Type(other)),
            },
            _ => return Err(Malformed::Field("type")),
        };
        Ok(Self { request, reply })
    }
}

fn untyped(fields: &mut Fields, bounds: &Bounds) -> Result<Reply, Malformed> {
    match (fields.take("sockets"), fields.take("rooms")) {
        (Value::Array(list), _) if list.len() > bounds.sockets_max => {
            Err(Malformed::List("sockets"))
        }
        (Value::Array(list), _) if matches!(list.first(), Some(Value::String(_))) => {
            let ids = list.iter().map(|id| socket_id(id).ok_or(Malformed::Field("sockets")));
            Ok(Reply::Ids(ids.collect::<Result<_, _>>()?))
        }
        (Value::Array(list), _) => {
            let sockets = list.into_iter().map(|socket| remote_socket(socket, bounds));
            Ok(Reply::Sockets(sockets.collect::<Result<_, _>>()?))
        }
        (Value::Null, Value::Null) => Ok(Reply::Done),
        (Value::Null, list) => Ok(Reply::Rooms(rooms(list, "rooms", bounds)?)),
        _ => Err(Malformed::Field("sockets")),
    }
}

pub(super) fn check_size(payload: &[u8], bounds: &Bounds) -> Result<(), Malformed> {
    match payload.len() {
        0 => Err(Malformed::Empty),
        got if got > bounds.payload_max => {
            Err(Malformed::TooLarge { got, max: bounds.payload_max })
        }
        _ => Ok(()),
    }
}

/// JSON where the first byte is a brace, else msgpack: the rule of both forms.
pub(super) fn read(payload: &[u8], bounds: &Bounds) -> Result<Value, Malformed> {
    check_size(payload, bounds)?;
    match payload.first() {
        Some(b'{') => json::read(payload, bounds),
        _ => msgpack::read(payload, bounds),
    }
}

/// `{type, data, nsp}` of an event.
fn packet(event: &Event, namespace: &Namespace) -> Value {
    object([
        ("type", Some(uint(2))),
        ("data", Some(event.write())),
        ("nsp", Some(text(namespace.as_str()))),
    ])
}

fn read_packet(packet: Value, bounds: &Bounds) -> Result<(Namespace, Event), Malformed> {
    let mut packet = Fields::of(packet, "packet")?;
    // 5: an event with binary data, from versions that named it so.
    if !matches!(packet.number("type")?, 2 | 5) {
        return Err(Malformed::Field("packet type"));
    }
    let namespace = match packet.take("nsp") {
        Value::Null => Namespace::MAIN,
        Value::String(name) => {
            Namespace::parse(name, bounds.namespace_max).ok_or(Malformed::Field("nsp"))?
        }
        _ => return Err(Malformed::Field("nsp")),
    };
    Ok((namespace, Event::read(packet.take("data"), bounds)?))
}

/// `{rooms, except}`
fn opts(of: &Selection) -> Value {
    object([("rooms", Some(room_list(&of.rooms))), ("except", Some(room_list(&of.except)))])
}

fn opts_with_flags(of: &Selection) -> Value {
    let Selection { rooms, except, flags: Flags { .. } } = of;
    object([
        ("rooms", Some(room_list(rooms))),
        ("except", Some(room_list(except))),
        ("flags", Some(flags(of.flags))),
    ])
}
