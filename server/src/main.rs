//! `crier`: the server, and in the same process the sidecar.

use std::{io::IsTerminal as _, process::ExitCode, sync::Arc, time::Duration};

use crier_domain::{Catalogue, Role, docs};
use crier_rest::{Parts, Sidecar, SidecarConfig};
use crier_server::{
    cli::{Command, EventsFormat, Invocation, Token},
    config::{AuthKeys, Config, Environment, LOOPBACK_NAMES, markdown_table},
    http::{
        Answers,
        site::{self, Also},
    },
    start::Server,
};
use http_body_util::BodyExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, filter::ParseError};

fn main() -> ExitCode {
    let invocation = match Invocation::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => error.exit(),
    };
    if let Command::PrintConfig { markdown: true } = invocation.command {
        return print(&markdown_table());
    }
    let loaded = Config::load(&Environment, invocation.config.as_deref(), &invocation.flags);
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => return fail(&errors.to_string()),
    };
    match invocation.command {
        Command::Serve => serve(config),
        Command::Token(token) => match mint(&config, &token) {
            Ok(token) => print(&format!("{token}\n")),
            Err(error) => fail(&error),
        },
        Command::CheckConfig => print(&format!("{}\n", config.summary())),
        Command::PrintConfig { .. } => print(&config.print()),
        Command::PrintEvents { format } => {
            let catalogue = Catalogue::new(config.apps);
            print(&match format {
                EventsFormat::Markdown => docs::events_markdown(&catalogue),
                EventsFormat::Asyncapi => format!("{:#}\n", docs::asyncapi(&catalogue)),
                EventsFormat::Typescript => docs::events_d_ts(&catalogue),
            })
        }
    }
}

/// Standard output is the interface of the commands, and of nothing else: logs go to the other.
#[expect(clippy::print_stdout, reason = "the one place that prints")]
fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn fail(error: &str) -> ExitCode {
    eprintln!("crier: {error}");
    ExitCode::FAILURE
}

fn mint(config: &Config, token: &Token) -> Result<String, String> {
    match &config.auth.keys {
        AuthKeys::Development => site::development_token(token),
        AuthKeys::Configured { secret, .. } => match secret {
            Some(secret) => site::sign(secret.expose().as_bytes(), token),
            None => {
                Err("auth.secret: only public keys are configured, and they sign nothing; ask \
                         whoever has the private key for a token"
                    .to_owned())
            }
        },
    }
}

fn serve(config: Config) -> ExitCode {
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

async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let lines = Greeting::new(&config);
    let sidecar_config = sidecar_config(&config);
    let server = Server::bind(config).await?;
    let ready = server.ready.clone();
    let sidecar = Sidecar::new(
        sidecar_config,
        Parts {
            bus: Arc::clone(&server.bus) as _,
            cluster: Arc::clone(&server.cluster) as _,
            services: Arc::clone(&server.services),
            verifier: Arc::clone(&server.verifier),
            catalogue: Arc::clone(&server.catalogue),
            ready: Arc::new(move || ready.get()),
        },
    );
    let embedded = server.addresses.rest.is_some();
    print(&lines.text(&server));
    let owner = sidecar.clone();
    let begun = sidecar.clone();
    let also = Also { owns: Arc::new(move |path| owner.owns(path)), answers: answers(sidecar) };
    let stop = CancellationToken::new();
    let served = server.run(embedded.then_some(also), stop.clone().cancelled_owned());
    tokio::pin!(served);
    loop {
        tokio::select! {
            result = &mut served => {
                // What callers did not wait for; the store is closed, so nothing of it takes long.
                let _ = tokio::time::timeout(Duration::from_secs(2), begun.finish()).await;
                return Ok(result?);
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_cancelled() {
            // The second signal is now.
            return Ok(());
        }
        tracing::info!("draining; a second signal ends it at once");
        stop.cancel();
    }
}

/// The sidecar in the server's own accept loop, with its timeouts; what the loop refuses is refused in
/// the sidecar's words.
fn answers(sidecar: Sidecar) -> Answers {
    Answers {
        handler: Arc::new(move |request, peer| {
            let sidecar = sidecar.clone();
            Box::pin(async move {
                Ok(sidecar.handle(request, peer).await.map(|body| body.boxed_unsync()))
            })
        }),
        refuse: Arc::new(|_, status, reason| {
            Sidecar::refuse(status, reason).map(|body| body.boxed_unsync())
        }),
    }
}

fn sidecar_config(config: &Config) -> SidecarConfig {
    let rest = &config.rest;
    let origins = config.cors_origins.iter().flatten();
    SidecarConfig {
        api_keys: rest.api_keys.iter().map(|key| key.expose().to_owned()).collect(),
        origins: origins.map(|origin| origin.as_str().to_owned()).collect(),
        loopback_origins: config.cors_origins.is_none() && config.is_loopback_only(),
        hosts: sidecar_hosts(config),
        event_bytes_max: rest.body_max,
        payload_bytes_max: config.socket.event_payload_max,
        batch_bytes_max: rest.batch_max,
        body_timeout: config.http.body_timeout,
        events_per_second: rest.requests_per_second,
        refusals_per_second: rest.refusals_per_second,
        limits: Arc::new(config.socket.limits.clone()),
        ..SidecarConfig::default()
    }
}

/// The names that the sidecar answers to; none = any. On a public address only the operator knows
/// by which names backends and probes call, so none are refused before some are given.
fn sidecar_hosts(config: &Config) -> Vec<String> {
    if config.hosts.is_empty() && !config.is_loopback_only() {
        return Vec::new();
    }
    let loopback = LOOPBACK_NAMES.map(str::to_owned);
    config.hosts.iter().cloned().chain(loopback).collect()
}

/// What a person sees who starts the server.
struct Greeting {
    development: Option<(String, String)>,
    path: String,
}

impl Greeting {
    fn new(config: &Config) -> Self {
        let token = |user: &str, role: Role| {
            let ttl = std::time::Duration::from_secs(24 * 60 * 60);
            let token = Token { user: user.to_owned(), role, user_type: None, ttl };
            site::development_token(&token).unwrap_or_default()
        };
        // Tokens of a real key are not printed: output ends up in logs.
        let development = config.auth.keys.is_development();
        let tokens =
            development.then(|| (token("demo", Role::User), token("backend", Role::Service)));
        Self { development: tokens, path: config.socket.path.clone() }
    }

    fn text(&self, server: &Server) -> String {
        let addresses = &server.addresses;
        let sockets = addresses.sockets;
        let mut text = format!("sockets        http://{sockets}{}\n", self.path);
        text.push_str(&format!("tester page    http://{sockets}/ws-tester.html\n"));
        match addresses.rest {
            Some(rest) => text.push_str(&format!("sidecar        http://{rest}/api/events\n")),
            None => text.push_str("sidecar        off\n"),
        }
        text.push_str(&format!("internal       http://{}/metrics\n", addresses.internal));
        if let Some((user, service)) = &self.development {
            text.push_str(&format!("user token     {user}\n"));
            text.push_str(&format!("service token  {service}\n"));
            text.push_str(
                "The development key is in use: it is public, and only this machine can connect.\n",
            );
        }
        text
    }
}

fn log(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stdout().is_terminal() {
        builder.init();
    } else {
        builder.json().init();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crier_server::config::MapVars;

    use super::*;

    fn config(flags: &[(&str, &str)]) -> Config {
        let key = ("auth.secret", "0123456789abcdef0123456789abcdef");
        let flags = flags.iter().chain([&key]);
        let flags: Vec<_> = flags.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::parse(&MapVars::default(), None, &flags).unwrap()
    }

    #[test]
    fn the_sidecar_answers_to_the_names_that_are_ours() {
        let public = ("rest_listen", "0.0.0.0:3001");
        let named = ("hosts", "crier.example");
        for (flags, expected) in [
            (&[][..], &["localhost", "127.0.0.1", "[::1]"][..]),
            (&[named], &["crier.example", "localhost", "127.0.0.1", "[::1]"]),
            (&[public], &[]),
            (&[public, named], &["crier.example", "localhost", "127.0.0.1", "[::1]"]),
        ] {
            assert_eq!(sidecar_config(&config(flags)).hosts, expected, "{flags:?}");
        }
    }

    #[test]
    fn the_sidecar_has_the_servers_limits() {
        let default = sidecar_config(&config(&[]));
        assert_eq!(default.events_per_second, SidecarConfig::default().events_per_second);
        assert_eq!(*default.limits, *SidecarConfig::default().limits);
        let set = sidecar_config(&config(&[
            ("rest.requests_per_second", "7"),
            ("rest.refusals_per_second", "8"),
            ("socket.args_max", "3"),
            ("socket.namespace_max", "20"),
        ]));
        assert_eq!((set.events_per_second.get(), set.refusals_per_second.get()), (7, 8));
        assert_eq!((set.limits.args_max, set.limits.namespace_max), (3, 20));
    }
}
