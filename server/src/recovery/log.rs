//! What a log promises, whoever keeps it.

use std::{fmt, future::ready};

use crier_domain::event::system::NotRecovered;
use crier_protocol::Namespace as Name;

use super::{Entry, Membership, Missed, RecoveryOptions};
use crate::{
    adapter::{BoxFuture, Envelope},
    error::EmitError,
};

/// Hands an event to the sockets that are in its rooms now.
pub(crate) type Deliver = Box<dyn Fn(&Entry) + Send + Sync>;

/// The events of a server in their order. Object-safe, since which one it is comes from the
/// configuration: a process alone keeps its own, a cluster shares one.
///
/// The contract: every event that is taken has one place in one order; it is kept first, where it is to
/// be, and delivered after that, in that order, one after the other, here as everywhere else. Numbers
/// grow, also where a log is lost and another begins; those of events that are not kept repeat the one
/// before. A receiver never gets an event before one of a lower number.
pub(crate) trait Log: fmt::Debug + Send + Sync {
    /// Takes an event. When this returns, the log of a single process has given it its place in the order,
    /// keeps it if it is to be, and has delivered it or is about to; a shared log has it on its way there,
    /// behind everything that was taken here before.
    ///
    /// # Errors
    /// It cannot be written, or a shared log does not take more now.
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError>;

    /// Does something, once, while nobody delivers and everything that was published before is
    /// delivered. What it does must neither wait nor publish.
    fn in_order(&self, act: &mut dyn FnMut());

    /// The number of the last event that everybody here who is meant has got.
    fn complete(&self) -> u64;

    /// The number of the newest event, and of the newest that is not kept any more.
    fn ends(&self) -> (u64, u64);

    /// How many events and bytes are kept.
    fn size(&self) -> (usize, usize);

    /// The offset of a number, as clients get it.
    fn offset(&self, id: u64) -> String;

    /// The number of an offset; `None` where it is not of this log.
    fn parse(&self, offset: &str) -> Option<u64>;

    /// Waits until everything up to this event is delivered here, for a while: another replica may be
    /// ahead. Whether it is.
    fn arrival(&self, id: u64) -> BoxFuture<'_, bool> {
        Box::pin(ready(id <= self.complete()))
    }

    /// Whether everything after this event is kept.
    fn reaches(&self, after: u64) -> bool {
        let (head, gone) = self.ends();
        (gone..=head).contains(&after)
    }

    /// What a socket missed within `range` (after the first number, up to the second): the events of
    /// its rooms at that time, and of `own_room`, that it is meant by; of each key the newest.
    ///
    /// # Errors
    /// The log does not reach back that far, or it is more than is sent.
    fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
        is_meant: &dyn Fn(&Entry) -> bool,
    ) -> Result<Missed, NotRecovered>;
}

/// [`Log::in_order`] for what gives something back.
pub(crate) fn in_order<R>(log: &dyn Log, act: impl FnOnce() -> R) -> Option<R> {
    let (mut act, mut result) = (Some(act), None);
    log.in_order(&mut || {
        if let Some(act) = act.take() {
            result = Some(act());
        }
    });
    result
}
