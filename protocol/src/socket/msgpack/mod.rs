//! msgpack in the dialect of notepack.io 2.2, which `socket.io-msgpack-parser` uses.
//!
//! Written by hand because of that dialect: `undefined` and `Date` are extensions of type 0 that a
//! general reader does not know, and what is relayed must be checked without building a tree.

mod check;
mod de;
mod packet;
mod reader;
mod write;

pub(super) use check::Facts;
pub(super) use de::MsgpackDeserializer;
pub(crate) use de::iso_date;
pub(super) use packet::decode;
pub(crate) use reader::{Head, Reader};
pub(crate) use write::{write_array_len, write_map_len, write_str, write_uint, write_value};
