//! The one chat service in the words of each app: what its clients ask, what they are shown.

pub mod marketplace;
pub mod vendor_chat;
