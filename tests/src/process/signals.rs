//! Ctrl-C and SIGTERM, waited for.

use super::{Failure, Outcome};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From [`Signals::catch`] on, SIGINT and SIGTERM no longer end this process.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes both signals over.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> Outcome<Self> {
        let failure = |error| Failure::new(format!("signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(failure)?;
        let guard = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
        let terminate = signal(SignalKind::terminate()).map_err(failure)?;
        drop(guard);
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Waits for the first of either.
    pub fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! { _ = self.interrupt.recv() => (), _ = self.terminate.recv() => () }
        });
    }
}
