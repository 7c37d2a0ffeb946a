//! Names of rooms and channels, and who may join what.

mod channel;
mod name;
mod pattern;
mod policy;

pub use channel::channel;
pub use name::{ROOM_BYTES_MAX, RoomError, RoomName, push_encoded};
pub use pattern::RoomPattern;
pub use policy::Policy;
