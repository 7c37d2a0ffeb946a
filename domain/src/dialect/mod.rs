//! The chat service in the words of each app.

pub mod marketplace;
