//! The one chat service in the words of an app: what its clients ask, what they are shown.

pub mod vendor_chat;
