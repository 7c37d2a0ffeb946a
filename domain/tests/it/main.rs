//! The domain through its public interface. Tests named `j…` are rows of the table of hostile tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod catalogue;
mod keys;
mod orders;
mod policy;
mod publish_of;
mod tokens;
mod users;
