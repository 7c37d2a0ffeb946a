//! Names of rooms and channels, and who may join what.

mod channel;
mod name;
mod pattern;
mod policy;
mod rows;
mod rule;

pub use channel::channel;
pub use name::{ROOM_BYTES_MAX, RoomError, RoomName, decoded_id, push_encoded};
pub use pattern::RoomPattern;
pub(crate) use policy::takes_grants;
pub use policy::{Membership, MembershipFuture, Policy};
pub use rows::{Who, entered_with, enters_too};
pub use rule::{RoomRule, RuleError};
