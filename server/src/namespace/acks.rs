//! Acknowledgements that the server waits for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crier_protocol::{AckId, socket::Args};
use tokio::sync::Notify;

use super::socket::Socket;
use crate::{error::Acks, lock};

/// Who waits for an acknowledgement.
#[derive(Debug)]
pub(crate) enum PendingAck {
    /// One event to one socket.
    One(tokio::sync::oneshot::Sender<Args>),
    /// A broadcast.
    Many(Arc<Collector>),
}

/// Gathers the answers to one broadcast.
#[derive(Debug)]
pub(crate) struct Collector {
    state: Mutex<Gathered>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Gathered {
    answers: Vec<Args>,
    open: usize,
}

impl Collector {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Notify::new() })
    }

    /// One more socket is asked.
    pub(crate) fn ask(&self) {
        lock(&self.state).open += 1;
    }

    /// A socket answered.
    pub(crate) fn answer(&self, args: Args) {
        lock(&self.state).answers.push(args);
        self.gone();
    }

    /// A socket will not answer any more.
    pub(crate) fn gone(&self) {
        let done = {
            let mut state = lock(&self.state);
            state.open = state.open.saturating_sub(1);
            state.open == 0
        };
        if done {
            self.changed.notify_one();
        }
    }

    /// Waits until all have answered or left, or the time is over; what has come until then counts.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        asked: &[Socket],
        id: AckId,
        timeout: Duration,
    ) -> Acks {
        let _forget = ForgetAll { asked, id };
        let all = async {
            while lock(&self.state).open > 0 {
                self.changed.notified().await;
            }
        };
        // Too late or complete: the answers are taken as they are.
        let _ = tokio::time::timeout(timeout, all).await;
        let answers = std::mem::take(&mut lock(&self.state).answers);
        Acks { answers, asked: asked.len(), ..Acks::default() }
    }
}

/// Forgets the wait in every socket, also where the waiting future is dropped.
struct ForgetAll<'a> {
    asked: &'a [Socket],
    id: AckId,
}

impl Drop for ForgetAll<'_> {
    fn drop(&mut self) {
        for socket in self.asked {
            socket.forget_ack(self.id);
        }
    }
}
