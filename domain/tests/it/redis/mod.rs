//! Everything over Redis, on real servers that the tests start.

mod link;
mod presence;
pub(crate) mod server;
