//! Sessions outside of the process: a client may come back to another one.
//!
//! ```text
//!   join, leave, loss, end ─▶ Session: Unsaved ─▶ Keeper's queue ─▶ one task, in batches ─▶ Vault
//!   CONNECT pid ─▶ Vault: whose is it? one more generation ─▶ Session, as if it had begun here
//! ```
//!
//! A session is written before its client is told of it, and at every change; what is acknowledged to a
//! client after [`Keeper::saved`] outlives this process. A session belongs to one generation of it: whoever
//! takes it up counts that up, and what a former holder writes later is refused, by which it learns that
//! it was overtaken.

mod keeper;
mod save;
mod vault;

pub use self::keeper::NotSaved;
pub(crate) use self::{
    keeper::Keeper,
    save::{Numbers, Save, Unsaved},
    vault::{Asked, Claimed, RedisVault},
};
