//! `crier-rest`: the sidecar as a process of its own, over Redis. Any number of them may run.

mod common;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use crier_rest::{Parts, Sidecar};
use crier_server::{
    cli::Flags,
    config::{Config, Environment},
    start::Apart,
};
use tokio_util::sync::CancellationToken;

use self::common::{
    Signals, log, print,
    sidecar::{answers, close, sidecar_config, with_outbox},
};

/// Crier's sidecar: backends publish by HTTP, through Redis.
#[derive(Debug, Parser)]
#[command(
    name = "crier-rest",
    version,
    after_help = "It takes the settings of `crier`; see `crier print-config`."
)]
struct Cli {
    /// Configuration file [env: CRIER_CONFIG] [default: crier.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let loaded = Config::load(&Environment, cli.config.as_deref(), &cli.flags.into_settings());
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => return fail(&errors.to_string()),
    };
    if let Err(error) = log(&config.log) {
        return fail(&format!("log: {error}"));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let result = runtime.block_on(run(config));
    // Whatever still runs had its time.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(error: &str) -> ExitCode {
    eprintln!("crier-rest: {error}");
    ExitCode::FAILURE
}

async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let mut signals = Signals::take()?;
    let sidecar_config = sidecar_config(&config);
    let outbox = config.rest.outbox.then(|| config.data_dir.clone());
    let apart = Apart::bind(config).await?;
    let stop = CancellationToken::new();
    let bus = Arc::clone(&apart.bus);
    let (bus, outbox) = with_outbox(bus, outbox, &sidecar_config, &apart.background).await?;
    let ready = apart.ready.clone();
    let sidecar = Sidecar::new(
        sidecar_config,
        Parts {
            bus,
            cluster: Arc::clone(&apart.cluster),
            services: Arc::clone(&apart.services),
            verifier: Arc::clone(&apart.verifier),
            catalogue: Arc::clone(&apart.catalogue),
            ready: Arc::new(move || ready.get()),
        },
    );
    print(&format!("sidecar        http://{}/api/events\n", apart.rest));
    print(&format!("internal       http://{}/metrics\n", apart.internal));
    let begun = sidecar.clone();
    let served = apart.run(answers(sidecar), stop.clone().cancelled_owned());
    tokio::pin!(served);
    let Some(result) = signals.drain(served, &stop).await else { return Ok(()) };
    // What callers did not wait for.
    let _ = tokio::time::timeout(Duration::from_secs(2), begun.finish()).await;
    close(outbox).await;
    Ok(result?)
}
