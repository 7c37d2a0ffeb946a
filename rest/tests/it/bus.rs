//! A bus in memory with the claims of a real one: an id is taken before its event goes out, and
//! whoever comes second waits for how the first one ends.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crier_domain::{
    Bus, BusError, Idempotency, Outlet, Publish, Published,
    publish::{PublishFuture, WasPublishedFuture},
};
use tokio::sync::watch;

/// Records what is published.
#[derive(Debug, Default)]
pub(crate) struct MemoryBus {
    published: Mutex<Vec<Publish>>,
    claims: Mutex<HashMap<String, Claim>>,
    /// How many publishings go through before the bus is away; `None` = it stays.
    left: Mutex<Option<usize>>,
}

#[derive(Debug)]
struct Claim {
    fingerprint: [u8; 32],
    done: watch::Receiver<bool>,
}

impl MemoryBus {
    /// What went out, in order.
    pub(crate) fn published(&self) -> Vec<Publish> {
        lock(&self.published).clone()
    }

    /// Lets so many more through, and is away after them.
    pub(crate) fn away_after(&self, left: usize) {
        *lock(&self.left) = Some(left);
    }

    fn is_away(&self) -> bool {
        match lock(&self.left).as_mut() {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    async fn publish_once(&self, event: Publish) -> Result<Published, BusError> {
        if self.is_away() {
            return Err(BusError::Unavailable { retry_after: Duration::from_millis(1500) });
        }
        let Some(id) = &event.idempotency else {
            lock(&self.published).push(event);
            return Ok(Published { repeated: false });
        };
        let (done, watched) = watch::channel(false);
        let first = {
            // Looking and claiming are one step, as they are in one Redis script.
            let mut claims = lock(&self.claims);
            match claims.get(&id.key) {
                Some(claim) if claim.fingerprint != id.fingerprint => {
                    return Err(BusError::Conflict);
                }
                Some(claim) => Some(claim.done.clone()),
                None => {
                    let claim = Claim { fingerprint: id.fingerprint, done: watched };
                    claims.insert(id.key.clone(), claim);
                    None
                }
            }
        };
        if let Some(mut first) = first {
            first.wait_for(|done| *done).await.unwrap();
            return Ok(Published { repeated: true });
        }
        // The others run now, and find the claim still open.
        tokio::task::yield_now().await;
        lock(&self.published).push(event);
        done.send(true).unwrap();
        Ok(Published { repeated: false })
    }
}

/// Events of commits go out as others do.
impl Outlet for MemoryBus {
    fn publish(&self, event: Publish) {
        lock(&self.published).push(event);
    }
}

impl Bus for MemoryBus {
    fn publish(&self, event: Publish) -> PublishFuture<'_> {
        Box::pin(self.publish_once(event))
    }

    fn was_published<'a>(&'a self, id: &'a Idempotency) -> WasPublishedFuture<'a> {
        let claims = lock(&self.claims);
        let known = match claims.get(&id.key) {
            Some(claim) if claim.fingerprint != id.fingerprint => Err(BusError::Conflict),
            claim => Ok(claim.is_some()),
        };
        Box::pin(std::future::ready(known))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
