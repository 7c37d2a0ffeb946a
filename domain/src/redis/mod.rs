//! Redis: one way there, and everything of Crier's that lies in it or goes through it.
//!
//! ```text
//!   Redis ── query, pipeline, script ──▶ a few shared connections ──▶ single | sentinel | cluster
//!     ├──── subscribe ──────────────────▶ a connection of its own ──▶ Subscription
//!     └──── feed ───────────────────────▶ a connection of its own ──▶ Feed: topics that change
//!   Keys    every key and channel, all in the one slot {crier}
//!   Signer  what Crier's own messages are sealed with
//!   BusEvent  an event as it lies in the log and goes over the channel
//!   ask       questions to all replicas, and their answers
//!   presence  who is there, over all replicas
//!   RedisStore, RedisBus ──▶ Writer ──▶ one script for every change, in order, many at once
//! ```
//!
//! Every call has a deadline, every queue a bound. Nothing here logs a password or a payload.

mod answer;
pub mod ask;
mod check;
mod dial;
mod epoch;
mod event;
mod feed;
mod job;
mod keys;
mod link;
mod options;
pub mod presence;
mod publish;
mod row;
mod script;
mod sign;
mod store;
mod subscription;
mod url;
mod work;
mod writer;

pub use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, pipe};

pub use self::{
    answer::{Answer, RedisError},
    check::Finding,
    epoch::{Look, Lost, Seen},
    event::{BusEvent, DecodeError},
    feed::{Feed, FeedControl, Heard, Topic},
    keys::Keys,
    link::Redis,
    options::RedisOptions,
    publish::RedisBus,
    script::Script,
    sign::{MAC_BYTES, Signer},
    store::RedisStore,
    subscription::{Received, SUBSCRIPTION_MAX, Subscription},
    url::{RedisUrl, RedisUrlError},
    writer::{Overloaded, Work, Writer, WriterOptions},
};

/// 16 hex digits that nobody else has.
fn random_hex() -> String {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        // The system's source is gone; the time is another one each time.
        random = crate::time::unix_ms().to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(random))
}
