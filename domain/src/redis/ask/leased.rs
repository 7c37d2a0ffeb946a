//! The replicas that hold a lease, for whoever is none.

use std::fmt;

use super::{Names, Peers};
use crate::redis::{Redis, cmd, pipe};

/// Replicas that are read; more are not a cluster of this kind, and are left out.
const REPLICAS_MAX: usize = 1_024;

/// Who has a lease at the moment, read from Redis each time: for a sidecar, which asks seldom. The sorted
/// set `{crier}:leases` is what replicas write: tag → when its lease ends, in Redis's ms since 1970.
#[derive(Clone)]
pub struct Leased(Redis);

impl Leased {
    /// Those of this Redis.
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }
}

impl Peers for Leased {
    fn expected(&self) -> Names<'_> {
        Box::pin(async move {
            let mut all = cmd("ZRANGE");
            all.arg(self.0.keys().named("leases")).arg(0).arg(REPLICAS_MAX - 1).arg("WITHSCORES");
            let mut both = pipe();
            both.add_command(all).add_command(cmd("TIME"));
            let (leases, time): (Vec<(String, f64)>, (f64, f64)) = self.0.pipeline(&both).await?;
            let now = time.0 * 1_000.0 + time.1 / 1_000.0;
            Ok(leases.into_iter().filter(|(_, end)| *end > now).map(|(tag, _)| tag).collect())
        })
    }
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leased").field(&self.0).finish()
    }
}
