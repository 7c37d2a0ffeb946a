//! Work that goes on beside the sessions: deadlines, sweeps. Owned, stopped and waited for.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metrics;

/// The owner of background tasks. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Background {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Runs a task until it ends or everything is stopped; stopped, it is dropped where it waits. A
    /// panic ends the task alone, and is counted.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let task = AssertUnwindSafe(task).catch_unwind();
            if let Some(Err(_)) = stop.run_until_cancelled(task).await {
                metrics::panicked();
                tracing::error!(name, "a background task panicked and is gone");
            }
        });
    }

    /// Stops every task and waits for it.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
