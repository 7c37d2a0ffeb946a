//! Acknowledgements that a server awaits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use crate::AckId;

/// Whoever awaits an ack of one socket, by the id of the event.
///
/// Bounded: a client that never answers would fill it without end (CometD's ack extension).
#[derive(Debug)]
pub struct Acks<T> {
    waiting: BTreeMap<AckId, (Instant, T)>,
    deadlines: BTreeSet<(Instant, AckId)>,
    max: usize,
}

/// As many acks are awaited of the socket as may be; the event must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} acks are awaited already")]
pub struct TooManyAcks {
    /// The limit.
    pub max: usize,
}

impl<T> Acks<T> {
    /// None awaited yet; at most `max` (`Limits::pending_acks_max`) at a time.
    pub fn new(max: usize) -> Self {
        Self { waiting: BTreeMap::new(), deadlines: BTreeSet::new(), max }
    }

    /// Awaits the ack with this id until `deadline`. The id of one that is awaited already is
    /// given to the new one, and the old one forgotten.
    ///
    /// # Errors
    ///
    /// Too many are awaited.
    pub fn expect(&mut self, id: AckId, deadline: Instant, who: T) -> Result<(), TooManyAcks> {
        self.answered(id);
        if self.waiting.len() >= self.max {
            return Err(TooManyAcks { max: self.max });
        }
        self.waiting.insert(id, (deadline, who));
        self.deadlines.insert((deadline, id));
        Ok(())
    }

    /// Takes out who awaits this id. `None` for an id that is unknown, answered or expired: such
    /// an ack is ignored.
    pub fn answered(&mut self, id: AckId) -> Option<T> {
        let (deadline, who) = self.waiting.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        Some(who)
    }

    /// When [`Acks::expired`] has something to give.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out one whose deadline has come; call until `None`.
    pub fn expired(&mut self, now: Instant) -> Option<(AckId, T)> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.answered(id).map(|who| (id, who))
    }

    /// How many are awaited.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none is awaited.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
