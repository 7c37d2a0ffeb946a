//! Publishing that is remembered: a retry under the same id is recognised for a day, also when the
//! process was killed in between.

use std::sync::Arc;

use crier_domain::{
    Bus, BusError, Clock, Idempotency, Publish, Published, Store,
    publish::{PublishFuture, WasPublishedFuture},
    service::once::Once,
    store::{Commit, Committed, StoreError},
};

use super::LocalBus;

/// The bus of a single process with a store. An event that has an id is one commit of the store: the
/// claim on the id is on disk before the event goes out, by the store's own outlet, and before the
/// publisher is answered. Others go straight on.
#[derive(Debug)]
pub struct DurableBus {
    local: Arc<LocalBus>,
    store: Arc<dyn Store>,
    clock: Clock,
}

impl DurableBus {
    /// A bus over a store whose outlet is `local`.
    pub fn new(local: Arc<LocalBus>, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { local, store, clock }
    }
}

impl Bus for DurableBus {
    fn publish(&self, mut event: Publish) -> PublishFuture<'_> {
        Box::pin(async move {
            let Some(id) = event.idempotency.take() else {
                return self.local.send(event);
            };
            // What a publisher is answered follows from what it asked for, and that is the same by the
            // fingerprint: nothing needs to be kept.
            let claim = Once::of_backend(&id.key, id.fingerprint).claim(Vec::new(), &self.clock);
            let commit = Commit { claim: Some(claim), events: vec![event], ..Commit::default() };
            match self.store.commit(commit).await {
                Ok(Committed::Done { .. }) => Ok(Published { repeated: false }),
                Ok(Committed::Repeated { .. }) => Ok(Published { repeated: true }),
                Err(error) => Err(of_bus(error)),
            }
        })
    }

    fn was_published<'a>(&'a self, id: &'a Idempotency) -> WasPublishedFuture<'a> {
        Box::pin(async move {
            let once = Once::of_backend(&id.key, id.fingerprint);
            let answer = once.answered(&*self.store, &self.clock).await;
            answer.map(|answer| answer.is_some()).map_err(of_bus)
        })
    }
}

fn of_bus(error: StoreError) -> BusError {
    match error {
        StoreError::Claimed => BusError::Conflict,
        StoreError::Unavailable { retry_after } => BusError::Unavailable { retry_after },
        error => {
            tracing::error!(%error, "the store did not take an event");
            BusError::Unavailable { retry_after: std::time::Duration::from_secs(1) }
        }
    }
}

#[cfg(test)]
mod tests {
    use crier_domain::{Idempotency, Outlet, store::MemoryStore};

    use super::*;
    use crate::io::Io;

    #[tokio::test]
    async fn a_retry_is_recognised_for_a_day_and_another_body_is_a_conflict() {
        let clock = Clock::standing_at(1_800_000_000_000);
        let local = Arc::new(LocalBus::new(Io::new(crate::Options::default())));
        let outlet = Arc::clone(&local) as Arc<dyn Outlet>;
        let store = Arc::new(MemoryStore::new(outlet, clock.clone()));
        let bus = DurableBus::new(local, store, clock.clone());
        let publish = |body: u8| {
            let id = Idempotency { key: "a".to_owned(), fingerprint: [body; 32] };
            bus.publish(Publish { idempotency: Some(id), ..super::super::tests::event() })
        };
        let known = async |body: u8| {
            let id = Idempotency { key: "a".to_owned(), fingerprint: [body; 32] };
            bus.was_published(&id).await
        };
        assert_eq!(known(1).await, Ok(false));
        assert_eq!(publish(1).await, Ok(Published { repeated: false }));
        assert_eq!((known(1).await, known(2).await), (Ok(true), Err(BusError::Conflict)));
        assert_eq!(publish(1).await, Ok(Published { repeated: true }));
        assert_eq!(publish(2).await, Err(BusError::Conflict));
        clock.advance(24 * 60 * 60 * 1_000 - 1);
        assert_eq!(publish(2).await, Err(BusError::Conflict));
        clock.advance(1);
        assert_eq!(publish(2).await, Ok(Published { repeated: false }));
    }
}
