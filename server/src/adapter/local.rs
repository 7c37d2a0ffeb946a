//! The adapter of a single replica: whoever is meant is here.

use std::{fmt, sync::Weak, time::Duration};

use crier_protocol::Namespace as Name;

use super::{Adapter, Answers, BoxFuture, Envelope, Hub, Request, Target};
use crate::error::{AckError, Acks, EmitError};

pub(crate) struct LocalAdapter {
    /// Weak: the hub owns its adapter. A hub that has gone has no sockets.
    hub: Weak<dyn Hub>,
}

impl LocalAdapter {
    pub(crate) fn new(hub: Weak<dyn Hub>) -> Self {
        Self { hub }
    }
}

impl Adapter for LocalAdapter {
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        self.hub.upgrade().map_or(Ok(()), |hub| hub.deliver(envelope))
    }

    fn publish_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Acks, AckError>> {
        match self.hub.upgrade() {
            Some(hub) => hub.deliver_with_ack(envelope, timeout),
            None => Box::pin(std::future::ready(Ok(Acks::default()))),
        }
    }

    fn ask<'a>(
        &'a self,
        namespace: &'a Name,
        target: &'a Target,
        request: Request,
    ) -> BoxFuture<'a, Answers> {
        let answers = self.hub.upgrade().map(|hub| hub.answer(namespace, target, &request));
        Box::pin(std::future::ready(answers.unwrap_or_default()))
    }
}

impl fmt::Debug for LocalAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalAdapter")
    }
}
