//! The bus of a cluster.

use std::{fmt, future::ready, pin::Pin, time::Duration};

use crier_protocol::{Namespace, Room};

use super::{
    BusEvent, RedisError,
    ask::{Line, Mark},
    job::Outcome,
    writer::{Overloaded, Writer},
};
use crate::{
    badge::Who,
    publish::{Bus, BusError, Idempotency, Publish, PublishFuture, Published, WasPublishedFuture},
    service::once::Once,
};

const UNAVAILABLE: BusError = BusError::Unavailable { retry_after: Duration::from_secs(1) };
const OVERLOADED: BusError = BusError::Overloaded { retry_after: Duration::from_millis(200) };

/// A room that nobody can be in: no name that a client may give is like it.
const NOWHERE: &str = "\u{1}nowhere";

/// Takes events to every replica, by Redis. Cheap to clone.
///
/// Events of one caller, one after the other, keep their order, whatever their class. Logged ones are in
/// the log when it is answered; ephemeral ones were on the channel. One with an id is a commit of its
/// claim, so that a retry is recognised by every replica.
#[derive(Clone)]
pub struct RedisBus(Writer);

impl RedisBus {
    /// The bus, over a writer.
    pub fn new(writer: Writer) -> Self {
        Self(writer)
    }

    /// Publishes an event of the handlers' without waiting for it, behind everything that was taken
    /// before. A logged one waits for as long as Redis is away; an ephemeral one is then dropped.
    ///
    /// # Errors
    ///
    /// Too much waits already; nothing was taken.
    pub fn enqueue(&self, event: &BusEvent) -> Result<(), Overloaded> {
        self.0.enqueue(self.0.sealed(event))
    }

    /// Waits until everything that was taken before is where it belongs, or was given up. `marked`: with
    /// an event to nobody in the log behind it, so that also what is in no log has a place before
    /// something.
    pub async fn flushed(&self, marked: bool) {
        if !marked {
            return self.0.flushed().await;
        }
        let nobody = BusEvent {
            namespace: Namespace::MAIN,
            rooms: vec![Room::from(NOWHERE)],
            except: Vec::new(),
            who: Who::default(),
            event: "mark".to_owned(),
            args: "[]".into(),
            attachments: Vec::new(),
            recoverable: true,
            volatile: false,
            key: None,
            sender: self.0.sender().to_owned(),
        };
        // Where it is given up, nothing was there to be behind of.
        let _ = self.0.publish(self.0.sealed(&nobody)).await;
    }

    async fn send(&self, mut event: Publish) -> Result<Published, BusError> {
        if let Some(id) = event.idempotency.take() {
            let claim = Once::of_backend(&id.key, id.fingerprint).claim(Vec::new(), self.0.clock());
            let settles = event.settle.is_some() && event.key.is_some();
            if event.everyone_up_to.is_some() && !settles {
                // A repetition asks nobody how many there are.
                let known = self.0.known(&claim).await.map_err(|error| told(&error))?;
                if let Some(outcome) = known {
                    return published(&outcome);
                }
            }
            let events = if settles { Vec::new() } else { vec![self.0.seal(&event).await] };
            let size = 512 + event.args.as_str().len();
            let outcome = self.0.commit(Some(&claim), None, events, size).await;
            let answer = published(&outcome.map_err(|Overloaded| OVERLOADED)?)?;
            return if answer.repeated || !settles { Ok(answer) } else { self.go(event).await };
        }
        self.go(event).await
    }

    /// Without an id.
    async fn go(&self, event: Publish) -> Result<Published, BusError> {
        let Some(event) = self.0.settle(event) else { return Ok(Published { repeated: false }) };
        let sealed = self.0.seal(&event).await;
        published(&self.0.publish(sealed).await.map_err(|Overloaded| OVERLOADED)?)
    }
}

fn published(outcome: &Outcome) -> Result<Published, BusError> {
    match outcome {
        Outcome::Done(_) => Ok(Published { repeated: false }),
        Outcome::Repeated(_) => Ok(Published { repeated: true }),
        Outcome::Claimed => Err(BusError::Conflict),
        Outcome::Damaged(_) => {
            tracing::error!("a stored claim is damaged");
            Err(UNAVAILABLE)
        }
        Outcome::Conflict(_) | Outcome::Unavailable => Err(UNAVAILABLE),
    }
}

fn told(error: &RedisError) -> BusError {
    match error {
        RedisError::Unavailable { retry_after } => {
            BusError::Unavailable { retry_after: *retry_after }
        }
        RedisError::Answer(answer) => {
            tracing::error!(%answer, "Redis refuses what the bus asks");
            UNAVAILABLE
        }
    }
}

impl Bus for RedisBus {
    fn publish(&self, event: Publish) -> PublishFuture<'_> {
        Box::pin(self.send(event))
    }

    fn was_published<'a>(&'a self, id: &'a Idempotency) -> WasPublishedFuture<'a> {
        Box::pin(async move {
            let claim = Once::of_backend(&id.key, id.fingerprint).claim(Vec::new(), self.0.clock());
            match self.0.known(&claim).await.map_err(|error| told(&error))? {
                Some(outcome) => published(&outcome).map(|published| published.repeated),
                None => Ok(false),
            }
        })
    }
}

/// Of a process that has no sockets: everybody here has everything.
impl Line for RedisBus {
    fn flushed(&self, marked: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.flushed(marked))
    }

    fn reached(&self, _: Mark) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisBus").field(&self.0).finish()
    }
}
