//! Redis: one way there, and everything of Crier's that lies in it or goes through it.
//!
//! ```text
//!   Redis ── query, pipeline, script ──▶ a few shared connections ──▶ single | sentinel | cluster
//!     ├──── subscribe ──────────────────▶ a connection of its own ──▶ Subscription
//!     └──── feed ───────────────────────▶ a connection of its own ──▶ Feed: topics that change
//!   Keys    every key and channel, all in the one slot {crier}
//!   Signer  what Crier's own messages are sealed with
//!   BusEvent  an event as it lies in the log and goes over the channel
//! ```
//!
//! Every call has a deadline, every queue a bound. Nothing here logs a password or a payload.

mod dial;
mod event;
mod feed;
mod keys;
mod link;
mod sign;
mod subscription;
mod url;

pub use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, pipe};

pub use self::{
    event::{BusEvent, DecodeError},
    feed::{Feed, FeedControl, Heard, Topic},
    keys::Keys,
    link::{Answer, Redis, RedisError, RedisOptions, Script},
    sign::{MAC_BYTES, Signer},
    subscription::{Received, SUBSCRIPTION_MAX, Subscription},
    url::{RedisUrl, RedisUrlError},
};
