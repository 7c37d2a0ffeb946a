//! What a client sends with CONNECT: `auth` in the client's options.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::DeserializeOwned;

use super::{ArgError, Value, args};

/// The payload of a CONNECT: an object, every key once. `{}` where the client sent none.
#[derive(Clone)]
pub struct Auth(Repr);

#[derive(Clone)]
enum Repr {
    Json(ByteString),
    Msgpack(Bytes),
}

impl Auth {
    /// Valid JSON text of an object.
    pub(super) fn from_json(text: ByteString) -> Self {
        Self(Repr::Json(text))
    }

    /// A checked msgpack map.
    pub(super) fn from_msgpack(map: Bytes) -> Self {
        Self(Repr::Msgpack(map))
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// It is not a `T`.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        match &self.0 {
            Repr::Json(text) => args::from_json(text),
            Repr::Msgpack(map) => args::from_msgpack(map),
        }
        .map_err(|error| error.at(0))
    }

    /// It as it is; an empty object where a string in it has a lone surrogate.
    pub fn as_value(&self) -> Value {
        self.get().unwrap_or(Value::Object(Vec::new()))
    }

    /// Bytes held; what it may be is the caller's policy, here only the transport's limit holds.
    pub fn size(&self) -> usize {
        match &self.0 {
            Repr::Json(text) => text.len(),
            Repr::Msgpack(map) => map.len(),
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self::from_json(ByteString::from_static("{}"))
    }
}

/// Credentials do not show.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auth({} bytes)", self.size())
    }
}
