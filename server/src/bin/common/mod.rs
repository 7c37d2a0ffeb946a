//! What both binaries do alike.

pub(crate) mod sidecar;

use std::{
    future::Future,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Standard output is the interface of the commands, and of nothing else: logs go to the other.
#[expect(clippy::print_stdout, reason = "the one place that prints")]
pub(crate) fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

/// Logs to standard error, as people or as machines read them.
pub(crate) fn log(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stdout().is_terminal() {
        builder.init();
    } else {
        builder.json().init();
    }
    Ok(())
}

/// The signals that ask a process to end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them from now on.
    pub(crate) fn take() -> io::Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for the end of what is served, which the first signal asks for by `stop`; `None` where a
    /// second one came first, which is now.
    pub(crate) async fn drain<T>(
        &mut self,
        mut served: impl Future<Output = T> + Unpin,
        stop: &CancellationToken,
    ) -> Option<T> {
        loop {
            tokio::select! {
                result = &mut served => return Some(result),
                () = self.next() => {}
            }
            if stop.is_cancelled() {
                return None;
            }
            tracing::info!("draining; a second signal ends it at once");
            stop.cancel();
        }
    }
}
