//! A local cluster in one command: `cargo run --release -p tests --bin cluster -- --replicas 3`.

use clap::Parser as _;
use std::process::ExitCode;
use tests::cluster::{BalancerKind, Cluster, Fsync, Options};
use tests::process::{self, Outcome};
use tests::report::line;

/// The command line.
#[derive(clap::Parser, Debug)]
#[command(
    about = "Starts Redis, replicas, sidecars and a round-robin balancer; Ctrl-C ends all of it."
)]
struct Arguments {
    /// Replicas (`crier`).
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// Sidecars (`crier-rest`).
    #[arg(long, default_value_t = 2)]
    sidecars: usize,
    /// Who balances.
    #[arg(long, value_enum, default_value = "haproxy")]
    balancer: BalancerKind,
    /// Redis's `appendfsync`; shipped: always.
    #[arg(long, value_enum, default_value = "always")]
    fsync: Fsync,
    /// Settings of all replicas and sidecars, such as `CRIER_LOG=info`.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// The balancer's port for clients; the next one is for backends.
    #[arg(long, default_value_t = 3100)]
    port: u16,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            line(&format!("cluster: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    let stopped = process::Signals::catch()?;
    let cluster = Cluster::start(&Options {
        replicas: arguments.replicas,
        sidecars: arguments.sidecars,
        balancer: arguments.balancer,
        fsync: arguments.fsync,
        settings: arguments.settings.clone(),
        front: Some((arguments.port, arguments.port + 1)),
        ..Options::default()
    })?;
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    line(&format!("sockets        {}/socket.io/", at(cluster.balancer.sockets)));
    line(&format!("sidecars       {}/api/events", at(cluster.balancer.rest)));
    for member in cluster.replicas.iter().chain(&cluster.sidecars) {
        let name = member.child.name();
        let id = member.child.id().unwrap_or_default();
        let (public, internal) = (at(member.public), at(member.internal));
        line(&format!("{name:14} {public} internal {internal} pid {id}"));
    }
    if let Some(redis) = &cluster.redis {
        line(&format!(
            "redis          {} pid {}",
            redis.url(),
            redis.child.id().unwrap_or_default()
        ));
    }
    line(&format!("logs           {}", cluster.folder().display()));
    line(&format!("user token     {}", cluster.token("demo", "user")?));
    line(&format!("service token  {}", cluster.token("backend", "service")?));
    line("Ctrl-C ends all of it.");
    stopped.wait();
    Ok(())
}
