//! An adapter that reaches the Node servers too.

use std::{fmt, sync::Arc, time::Duration};

use crier_domain::redis::ask::Asker;
use crier_protocol::{Namespace as Name, socket::Args};

use super::NodeBridge;
use crate::{
    adapter::{Adapter, Answers, BoxFuture, Envelope, Request, Target},
    error::{AckError, Acks, EmitError},
    namespace::server_side::ServerAcks,
};

/// Whatever goes to Crier's own servers by `crier` goes to Node's by the bridge.
pub(crate) struct NodeAdapter {
    crier: Arc<dyn Adapter>,
    bridge: NodeBridge,
}

impl NodeAdapter {
    pub(crate) fn new(crier: Arc<dyn Adapter>, bridge: NodeBridge) -> Self {
        Self { crier, bridge }
    }
}

impl Adapter for NodeAdapter {
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        // First here: what is refused here goes nowhere.
        self.crier.publish(envelope.clone())?;
        self.bridge.publish(&envelope)
    }

    fn publish_with_ack(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Acks, AckError>> {
        Box::pin(async move {
            let ours = self.crier.publish_with_ack(envelope.clone(), timeout);
            let (ours, theirs) =
                tokio::join!(ours, self.bridge.publish_with_ack(&envelope, timeout));
            let mut acks = ours?;
            acks.answers.extend(theirs.answers);
            acks.asked += theirs.asked;
            acks.missing.extend(theirs.missing);
            Ok(acks)
        })
    }

    fn ask<'a>(
        &'a self,
        namespace: &'a Name,
        target: &'a Target,
        request: Request,
    ) -> BoxFuture<'a, Answers> {
        Box::pin(async move {
            let ours = self.crier.ask(namespace, target, request.clone());
            let (mut answers, theirs) =
                tokio::join!(ours, self.bridge.ask(namespace, target, request));
            answers.sockets.extend(theirs.sockets);
            answers.matched += theirs.matched;
            answers.missing.extend(theirs.missing);
            answers
        })
    }

    fn server_side_emit<'a>(
        &'a self,
        namespace: &'a Name,
        event: &'a str,
        args: Args,
        ack: Option<Duration>,
    ) -> BoxFuture<'a, ServerAcks> {
        Box::pin(async move {
            let ours = self.crier.server_side_emit(namespace, event, args.clone(), ack);
            let theirs = self.bridge.server_side_emit(namespace, event, args, ack);
            let (mut acks, theirs) = tokio::join!(ours, theirs);
            acks.answers.extend(theirs.answers);
            acks.missing.extend(theirs.missing);
            acks
        })
    }

    fn asker(&self) -> Option<&Arc<Asker>> {
        self.crier.asker()
    }
}

impl fmt::Debug for NodeAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeAdapter").field(&self.crier).field(&self.bridge).finish()
    }
}
