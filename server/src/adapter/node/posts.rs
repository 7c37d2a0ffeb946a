//! What is to be published: a queue, and one task that empties it, so that the order stays.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crier_domain::redis::{Pipeline, cmd, pipe};
use tokio::sync::mpsc;

use super::{NodeBridge, wire::Post};
use crate::{lock, metrics};

/// Payloads, and bytes, that wait at most. More are dropped and counted: Node has no way to be told later.
const POSTS_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;
/// Payloads that go out in one go.
const BATCH: usize = 64;

pub(super) struct Posts {
    sender: mpsc::Sender<Post>,
    /// Taken by the task.
    receiver: Mutex<Option<mpsc::Receiver<Post>>>,
    bytes: AtomicUsize,
}

impl Posts {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(POSTS_MAX);
        Self { sender, receiver: Mutex::new(Some(receiver)), bytes: AtomicUsize::new(0) }
    }

    pub(super) fn push(&self, post: Post) {
        let len = post.payload.len();
        let waiting = self.bytes.fetch_add(len, Ordering::AcqRel);
        if waiting + len > BYTES_MAX || self.sender.try_send(post).is_err() {
            self.bytes.fetch_sub(len, Ordering::AcqRel);
            metrics::node_dropped("full");
        }
    }
}

/// Publishes until the server goes down.
pub(super) async fn run(bridge: NodeBridge) {
    let Some(mut receiver) = lock(&bridge.0.posts.receiver).take() else { return };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        if receiver.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let bytes: usize = batch.iter().map(|post| post.payload.len()).sum();
        bridge.0.posts.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if let Err(error) = bridge.0.redis.pipeline::<()>(&publish(&batch)).await {
            // Not again: some may have been published, and twice is worse than not at all.
            metrics::node_dropped("unavailable");
            tracing::warn!(%error, payloads = batch.len(), "Node servers were not reached");
        }
    }
}

fn publish(batch: &[Post]) -> Pipeline {
    let mut all = pipe();
    for post in batch {
        let mut command = cmd(if post.sharded { "SPUBLISH" } else { "PUBLISH" });
        command.arg(&post.channel).arg(&post.payload);
        all.add_command(command).ignore();
    }
    all
}
