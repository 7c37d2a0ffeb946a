//! What has to be done from time to time, whoever is connected.

use std::{sync::Arc, time::Duration};

use crier_domain::service::Services;
use tokio::time::{MissedTickBehavior, interval};

use crate::tasks::Background;

/// How often ended reservations are looked for: late by so much at most, and one look reads one entry
/// where there is nothing to do.
const RESERVATIONS: Duration = Duration::from_secs(5);

/// How often grants that have run out are looked for: their users leave late by so much at most.
const GRANTS: Duration = Duration::from_secs(2);

/// How often counters of users who are idle are let go of.
const COUNTERS: Duration = Duration::from_secs(60);

/// Starts it; it ends with the other work in the background.
pub(crate) fn start(background: &Background, services: &Arc<Services>) {
    let orders = Arc::clone(services);
    background.spawn("reservations", async move {
        let mut every = interval(RESERVATIONS);
        // After a long sweep the next look is as far off as ever.
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            match orders.orders.release_due().await {
                Ok(0) => {}
                Ok(released) => tracing::info!(released, "reservations have ended"),
                Err(error) => tracing::warn!(%error, "reservations are not looked at now"),
            }
        }
    });
    let grants = Arc::clone(services);
    background.spawn("grants", async move {
        let mut every = interval(GRANTS);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            match grants.grants.end_due().await {
                Ok(0) => {}
                Ok(ended) => tracing::info!(ended, "grants have run out"),
                Err(error) => tracing::warn!(%error, "grants are not looked at now"),
            }
        }
    });
    let limits = Arc::clone(&services.limits);
    background.spawn("counters", async move {
        let mut every = interval(COUNTERS);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            limits.forget_idle();
        }
    });
}
