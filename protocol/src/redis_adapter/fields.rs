//! Fields of a foreign object, each taken once and checked.

use super::{
    Bounds, Malformed,
    message::{Flags, RemoteSocket, RequestId, Selection, Uid},
};
use crate::{Room, SocketId, socket::Value};

/// The fields of an object.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self, Malformed> {
        match value {
            Value::Object(entries) => Ok(Self(entries)),
            _ => Err(Malformed::Field(what)),
        }
    }

    /// The value of a key; `null` where there is none, as `undefined` is no more in JSON.
    pub(super) fn take(&mut self, key: &str) -> Value {
        let found = self.0.iter_mut().find(|(known, _)| known == key);
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    pub(super) fn number(&mut self, key: &'static str) -> Result<u64, Malformed> {
        number(&self.take(key)).ok_or(Malformed::Field(key))
    }

    pub(super) fn uid(&mut self) -> Result<Option<Uid>, Malformed> {
        match self.take("uid") {
            Value::Null => Ok(None),
            Value::String(text) => Uid::parse(text).map(Some).ok_or(Malformed::Field("uid")),
            _ => Err(Malformed::Field("uid")),
        }
    }

    pub(super) fn request(&mut self) -> Result<Option<RequestId>, Malformed> {
        match self.take("requestId") {
            Value::Null => Ok(None),
            Value::String(text) => {
                RequestId::parse(text).map(Some).ok_or(Malformed::Field("requestId"))
            }
            _ => Err(Malformed::Field("requestId")),
        }
    }

    pub(super) fn expect_request(&mut self) -> Result<RequestId, Malformed> {
        self.request()?.ok_or(Malformed::Field("requestId"))
    }

    pub(super) fn rooms(
        &mut self,
        key: &'static str,
        bounds: &Bounds,
    ) -> Result<Vec<Room>, Malformed> {
        match self.take(key) {
            Value::Null => Ok(Vec::new()),
            value => rooms(value, key, bounds),
        }
    }

    /// `{rooms, except, flags}` of the key `opts`.
    pub(super) fn selection(&mut self, bounds: &Bounds) -> Result<Selection, Malformed> {
        selection(self.take("opts"), bounds)
    }

    pub(super) fn bool(&mut self, key: &str) -> bool {
        // JavaScript asks whether it is truthy; no adapter sends another truth.
        self.take(key) == Value::Bool(true)
    }
}

pub(super) fn selection(opts: Value, bounds: &Bounds) -> Result<Selection, Malformed> {
    let mut opts = Fields::of(opts, "opts")?;
    let rooms = opts.rooms("rooms", bounds)?;
    let except = opts.rooms("except", bounds)?;
    let mut flags = match opts.take("flags") {
        Value::Null => Fields(Vec::new()),
        flags => Fields::of(flags, "flags")?,
    };
    let flags = Flags { volatile: flags.bool("volatile"), timeout: number(&flags.take("timeout")) };
    Ok(Selection { rooms, except, flags })
}

pub(super) fn rooms(
    value: Value,
    key: &'static str,
    bounds: &Bounds,
) -> Result<Vec<Room>, Malformed> {
    let Value::Array(items) = value else { return Err(Malformed::Field(key)) };
    if items.len() > bounds.rooms_max {
        return Err(Malformed::List(key));
    }
    items.iter().map(|item| room(item, bounds).ok_or(Malformed::Field(key))).collect()
}

/// A room; a number too, which JavaScript takes for one.
pub(super) fn room(value: &Value, bounds: &Bounds) -> Option<Room> {
    let name = match value {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=bounds.room_max).contains(&name.len()).then(|| Room::from(name))
}

pub(super) fn socket_id(value: &Value) -> Option<SocketId> {
    value.as_str().and_then(SocketId::parse)
}

pub(super) fn remote_socket(value: Value, bounds: &Bounds) -> Result<RemoteSocket, Malformed> {
    let mut fields = Fields::of(value, "sockets")?;
    Ok(RemoteSocket {
        id: socket_id(&fields.take("id")).ok_or(Malformed::Field("id"))?,
        handshake: fields.take("handshake"),
        rooms: fields.rooms("rooms", bounds)?,
        data: fields.take("data"),
    })
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

// The way out.

/// An object of these entries; those without a value are left out, as `undefined` is.
pub(super) fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let entries = entries.into_iter();
    let entries = entries.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(entries.collect())
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn uint(number: u64) -> Value {
    Value::Number(number.into())
}

pub(super) fn room_list(rooms: &[Room]) -> Value {
    Value::Array(rooms.iter().map(|room| text(room.as_str())).collect())
}

pub(super) fn flags(flags: Flags) -> Value {
    object([
        ("volatile", flags.volatile.then_some(Value::Bool(true))),
        ("timeout", flags.timeout.map(uint)),
    ])
}

pub(super) fn sockets(sockets: &[RemoteSocket]) -> Value {
    let one = |socket: &RemoteSocket| {
        object([
            ("id", Some(text(socket.id.as_str()))),
            ("handshake", Some(socket.handshake.clone())),
            ("rooms", Some(room_list(&socket.rooms))),
            ("data", Some(socket.data.clone())),
        ])
    };
    Value::Array(sockets.iter().map(one).collect())
}
