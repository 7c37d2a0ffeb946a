//! What both binaries do alike.

pub(crate) mod sidecar;

use std::{io::IsTerminal as _, process::ExitCode};

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
