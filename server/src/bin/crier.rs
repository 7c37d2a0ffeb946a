//! `crier`: the server, and in the same process the sidecar.

mod common;

use std::{process::ExitCode, sync::Arc, time::Duration};

use crier_domain::{Catalogue, Role, docs};
use crier_rest::{Parts, Sidecar};
use crier_server::{
    cli::{Command, EventsFormat, Invocation, Token},
    config::{AuthKeys, Config, Environment, markdown_table},
    http::site::{self, Also},
    start::Server,
};
use tokio_util::sync::CancellationToken;

use self::common::{
    Signals, log, print,
    sidecar::{answers, close, sidecar_config, with_outbox},
};

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
    let mut signals = Signals::take()?;
    let lines = Greeting::new(&config);
    let sidecar_config = sidecar_config(&config);
    let outbox = config.rest.outbox.then(|| config.data_dir.clone());
    let server = tokio::select! {
        server = Server::bind(config) => server?,
        // While it still waits for Redis there is nothing to drain.
        () = signals.next() => return Ok(()),
    };
    let bus = Arc::clone(&server.bus);
    let (bus, outbox) = with_outbox(bus, outbox, &sidecar_config, &server.background).await?;
    let ready = server.ready.clone();
    let sidecar = Sidecar::new(
        sidecar_config,
        Parts {
            bus,
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
    let Some(result) = signals.drain(served, &stop).await else { return Ok(()) };
    // What callers did not wait for; the store is closed, so nothing of it takes long.
    let _ = tokio::time::timeout(Duration::from_secs(2), begun.finish()).await;
    close(outbox).await;
    Ok(result?)
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
