//! The domain through its public interface. Tests named `j…` are rows of the table of hostile tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "a test waits for the tasks that it starts")]

mod access;
mod attachments;
mod catalogue;
mod chat;
mod contract;
mod docs;
mod keys;
mod notifications;
mod orders;
mod policy;
mod publish_of;
mod published;
mod redis;
mod store;
mod tokens;
mod users;
