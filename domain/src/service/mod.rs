//! What the shop does: rules over the store, whoever asks and by whatever transport.
//!
//! A service takes who asks and what, reads the store, decides, and commits writes and events in one
//! step. It returns what was done, or a [`Refusal`](crate::Refusal) and has changed nothing.

pub mod limits;
pub mod once;
