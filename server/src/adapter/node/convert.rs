//! Crier's own types and those of the wire.

use std::net::{IpAddr, Ipv4Addr};

use crier_protocol::{
    Namespace as Name,
    redis_adapter::{Event, RemoteSocket, Selection},
    socket::{Args, Value},
};

use crate::adapter::{Envelope, SocketInfo, Target};

pub(super) fn target(of: Selection) -> Target {
    let Selection { rooms, except, .. } = of;
    Target { rooms: rooms.into(), except: except.into(), ..Target::default() }
}

pub(super) fn envelope(namespace: Name, event: Event, to: Selection) -> Envelope {
    let volatile = to.flags.volatile;
    Envelope {
        namespace,
        target: target(to),
        event: (*event.name).into(),
        args: event.args,
        volatile,
        recoverable: !volatile,
        key: None,
    }
}

pub(super) fn remote_socket(info: SocketInfo) -> RemoteSocket {
    let SocketInfo { id, rooms, data, handshake, .. } = info;
    RemoteSocket { id, handshake: value(&handshake), rooms, data: value(&data) }
}

pub(super) fn socket_info(socket: RemoteSocket) -> SocketInfo {
    let RemoteSocket { id, handshake, rooms, data } = socket;
    let address = handshake.get("address").and_then(Value::as_str);
    let address = address.and_then(|text| text.parse().ok());
    SocketInfo {
        id,
        rooms,
        address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        data: json(&data),
        handshake: json(&handshake),
    }
}

/// One argument of an acknowledgement.
pub(super) fn args(value: &Value) -> Args {
    // Bytes beside what looks like a placeholder cannot be told apart any more.
    Args::one(value).unwrap_or_default()
}

fn value(json: &serde_json::Value) -> Value {
    // Plain JSON is always a value.
    Args::one(json).map(|args| args.get(0).unwrap_or_default()).unwrap_or_default()
}

/// Bytes become `null`: what is told of sockets is JSON.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null | Value::Binary(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.clone().into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}
