//! Rooms: an index from names to sockets, and the selection of receivers.

pub(crate) mod registry;
pub(crate) mod select;
