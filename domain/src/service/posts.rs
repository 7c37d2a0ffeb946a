//! Messages that are sent on without being kept: counted a person, and sent once under an id.

use std::sync::Arc;

use super::{
    Deps,
    limits::{Counted, UserLimits},
    once::{self, Once, Outcome},
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

    /// Sends a message of a person by the bus: what `message` makes, unless it refuses to. With `once`,
    /// a repetition is not sent again, whatever holds by now: `message` is not asked, and it counts
    /// against no limit.
    ///
    /// # Errors
    ///
    /// Those of `message`; [`Refusal::RateLimited`]; [`Refusal::Conflict`] where `once` was used for
    /// something else; those of the bus and the store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether it was sent; `once` settles it.
    pub async fn send(
        &self,
        bus: &dyn Bus,
        person: &str,
        once: Option<Once>,
        message: impl FnOnce() -> Result<Publish, Refusal>,
    ) -> Result<(), Refusal> {
        let send = async {
            let message = message()?;
            self.limits.take(Counted::RoomMessage, person)?;
            match &once {
                None => {
                    bus.publish(message).await?;
                }
                Some(once) => {
                    // The claim and the message in one step: sent, and remembered as sent.
                    let claim = Some(once.clone().claim("", &self.clock));
                    let commit = Commit { claim, writes: Vec::new(), events: vec![message] };
                    self.store.commit(commit).await?;
                }
            }
            Ok(Outcome::Done(()))
        };
        once::once(once.as_ref(), &*self.store, &self.clock, send).await?;
        Ok(())
    }
}
