//! Messages that are sent on without being kept: counted a person, and sent once under an id.

use std::sync::Arc;

use super::{
    Deps,
    limits::{Counted, UserLimits},
    once::Once,
};
use crate::{
    clock::Clock,
    error::Refusal,
    publish::{Bus, Publish},
    store::{Commit, Store},
};

/// Sends messages to rooms (`message` of the shop).
#[derive(Debug)]
pub struct Posts {
    store: Arc<dyn Store>,
    clock: Clock,
    limits: Arc<UserLimits>,
}

impl Posts {
    /// The service over these parts.
    pub(super) fn new(deps: &Deps) -> Self {
        let (store, limits) = (Arc::clone(&deps.store), Arc::clone(&deps.limits));
        Self { store, clock: deps.clock.clone(), limits }
    }

    /// Sends a message of a person by the bus. With `once`, a repetition is not sent again, and
    /// counts against no limit.
    ///
    /// # Errors
    ///
    /// [`Refusal::RateLimited`]; [`Refusal::Conflict`] where `once` was used for something else; those
    /// of the bus and the store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether it was sent; `once` settles it.
    pub async fn send(
        &self,
        bus: &dyn Bus,
        person: &str,
        message: Publish,
        once: Option<Once>,
    ) -> Result<(), Refusal> {
        let Some(once) = once else {
            self.limits.take(Counted::RoomMessage, person)?;
            bus.publish(message).await?;
            return Ok(());
        };
        if once.answered(&*self.store, &self.clock).await?.is_some() {
            return Ok(());
        }
        self.limits.take(Counted::RoomMessage, person)?;
        // The claim and the message in one step: sent, and remembered as sent.
        let claim = Some(once.claim("", &self.clock));
        self.store.commit(Commit { claim, writes: Vec::new(), events: vec![message] }).await?;
        Ok(())
    }
}
