//! The adapter of one replica of several: whoever is meant may be anywhere.
//!
//! Events go by the hub's log, which all replicas share. What has answers goes by the asker: requests,
//! and events that are acknowledged; both reach sockets behind every event that was published here
//! before.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use crier_domain::redis::ask::{Asker, Line, Mark, WITHIN, wire::Reply};
use crier_protocol::{Limits, Namespace as Name};

use super::{Adapter, Answers, BoxFuture, Envelope, Hub, Request, Target};
use crate::{
    cluster::wire,
    error::{AckError, Acks, EmitError},
};

/// How much longer than clients have, replicas have to answer for them.
const MARGIN: Duration = Duration::from_millis(500);

pub(crate) struct RedisAdapter {
    /// Weak: the hub owns its adapter. A hub that has gone has no sockets.
    hub: Weak<dyn Hub>,
    asker: Arc<Asker>,
    limits: Arc<Limits>,
}

impl RedisAdapter {
    pub(crate) fn new(hub: Weak<dyn Hub>, asker: Arc<Asker>, limits: Arc<Limits>) -> Self {
        Self { hub, asker, limits }
    }
}

impl Adapter for RedisAdapter {
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        self.hub.upgrade().map_or(Ok(()), |hub| hub.deliver(envelope))
    }

    fn publish_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Acks, AckError>> {
        let Some(hub) = self.hub.upgrade() else {
            return Box::pin(std::future::ready(Ok(Acks::default())));
        };
        if envelope.target.local {
            return hub.deliver_with_ack(envelope, timeout);
        }
        let question = wire::acks(&envelope, timeout);
        Box::pin(async move {
            let own = async { hub.deliver_with_ack(envelope, timeout).await };
            let (gathered, own) = self.asker.ask(question, timeout + MARGIN, own).await;
            let mut all = own?;
            all.truncated = gathered.truncated;
            all.missing = gathered.missing;
            for reply in gathered.answers.into_iter().flat_map(|(_, replies)| replies) {
                if let Reply::Acks { asked, answers } = reply {
                    all.asked += asked;
                    // What a client of another replica may send, with other limits, may be none here.
                    all.answers
                        .extend(answers.into_iter().filter_map(|a| wire::args(a, &self.limits)));
                }
            }
            Ok(all)
        })
    }

    fn ask<'a>(
        &'a self,
        namespace: &'a Name,
        target: &'a Target,
        request: Request,
    ) -> BoxFuture<'a, Answers> {
        let hub = self.hub.upgrade();
        let question = wire::sockets(namespace, target, &request);
        let own = move || {
            let answers = hub.map(|hub| hub.answer(namespace, target, &request));
            answers.unwrap_or_default()
        };
        if target.local {
            return Box::pin(std::future::ready(own()));
        }
        Box::pin(async move {
            let (gathered, mut all) = self.asker.ask(question, WITHIN, async { own() }).await;
            all.truncated = gathered.truncated;
            all.missing = gathered.missing;
            for reply in gathered.answers.into_iter().flat_map(|(_, replies)| replies) {
                if let Reply::Sockets { matched, sockets } = reply {
                    all.matched += matched;
                    all.sockets.extend(sockets.into_iter().filter_map(wire::socket));
                }
            }
            all
        })
    }

    fn asker(&self) -> Option<&Arc<Asker>> {
        Some(&self.asker)
    }
}

impl fmt::Debug for RedisAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisAdapter")
    }
}

/// The order of events at a hub.
pub(crate) struct HubLine(pub(crate) Weak<dyn Hub>);

impl Line for HubLine {
    fn flushed(&self, marked: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self.0.upgrade() {
            Some(hub) => hub.flushed(marked),
            None => Box::pin(std::future::ready(())),
        }
    }

    fn reached(&self, mark: Mark) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self.0.upgrade() {
            Some(hub) => hub.reached(mark),
            None => Box::pin(std::future::ready(())),
        }
    }
}

impl fmt::Debug for HubLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubLine")
    }
}
