//! Everything over Redis, on real servers that the tests start.

mod link;
pub(crate) mod server;
