//! The server under attack, as a process of its own; see `tests::target`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let settings = tests::target::Settings::parse(std::env::args().skip(1))?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build()?.block_on(tests::target::run(settings))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the target ends");
            ExitCode::FAILURE
        }
    }
}
