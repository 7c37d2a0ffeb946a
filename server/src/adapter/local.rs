//! The adapter of a single replica: whoever is meant is here.

use std::{fmt, sync::Weak, time::Duration};

use crier_protocol::Namespace as Name;

use super::{Adapter, Answers, BoxFuture, Envelope, Request, Target};
use crate::{
    io::IoInner,
    namespace::{
        Namespace,
        acks::{AckError, Acks},
        socket::EmitError,
    },
};

pub(crate) struct LocalAdapter {
    io: Weak<IoInner>,
}

impl LocalAdapter {
    pub(crate) fn new(io: Weak<IoInner>) -> Self {
        Self { io }
    }

    fn namespace(&self, name: &Name) -> Option<Namespace> {
        self.io.upgrade()?.existing(name)
    }
}

impl Adapter for LocalAdapter {
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        match self.namespace(&envelope.namespace) {
            Some(namespace) => namespace.deliver(envelope),
            // A namespace that nobody is in.
            None => Ok(()),
        }
    }

    fn publish_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Acks, AckError>> {
        Box::pin(async move {
            match self.namespace(&envelope.namespace) {
                Some(namespace) => namespace.deliver_with_ack(envelope, timeout).await,
                None => Ok(Acks::default()),
            }
        })
    }

    fn ask<'a>(
        &'a self,
        namespace: &'a Name,
        target: &'a Target,
        request: Request,
    ) -> BoxFuture<'a, Answers> {
        let namespace = self.namespace(namespace);
        let answer = namespace.map(|n| n.answer(target, &request)).unwrap_or_default();
        Box::pin(std::future::ready(answer))
    }
}

impl fmt::Debug for LocalAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalAdapter")
    }
}
