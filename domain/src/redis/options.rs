//! What a link needs to know.

use std::{fmt, time::Duration};

use super::RedisUrl;

/// What a link needs to know.
#[derive(Clone)]
pub struct RedisOptions {
    /// Where Redis is.
    pub url: RedisUrl,
    /// The user; in the place of the address's.
    pub username: Option<String>,
    /// The password; in the place of the address's.
    pub password: Option<String>,
    /// What every key and channel begins with, in braces. Default `crier`.
    pub prefix: String,
    /// The cluster's secrets; the first signs, all are taken.
    pub secrets: Vec<Vec<u8>>,
    /// How many connections commands share, at least one. Default 4.
    pub connections: usize,
    /// How long one command may take, connecting apart. Default 2 s.
    pub timeout: Duration,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
