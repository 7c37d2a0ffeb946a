//! The sidecar under the server's configuration and its accept loop.

use std::{path::PathBuf, sync::Arc};

use crier_domain::{Bus, Clock};
use crier_rest::{
    Sidecar, SidecarConfig,
    outbox::{Outbox, OutboxError, OutboxOptions},
};
use crier_server::{
    config::{Config, LOOPBACK_NAMES},
    http::Answers,
    tasks::Background,
};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;

/// The sidecar in the server's own accept loop, with its timeouts; what the loop refuses is refused in
/// the sidecar's words.
pub(crate) fn answers(sidecar: Sidecar) -> Answers {
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

/// The bus, behind an outbox on disk where a folder for it is given.
pub(crate) async fn with_outbox(
    bus: Arc<dyn Bus>,
    folder: Option<PathBuf>,
    config: &SidecarConfig,
    background: &Background,
) -> Result<(Arc<dyn Bus>, Option<Outbox>), OutboxError> {
    let Some(folder) = folder else { return Ok((bus, None)) };
    let (limits, options) = (Arc::clone(&config.limits), OutboxOptions::default());
    let outbox = Outbox::open(&folder, bus, Clock::system(), limits, options).await?;
    // Stopped with the rest of the background: what it has not delivered waits for the next start.
    background.spawn("outbox", outbox.clone().relay(CancellationToken::new()));
    Ok((Arc::new(outbox.clone()), Some(outbox)))
}

/// Lets go of the outbox's file; the disk has everything already.
pub(crate) async fn close(outbox: Option<Outbox>) {
    if let Some(outbox) = outbox
        && let Err(error) = tokio::task::spawn_blocking(move || outbox.close()).await
    {
        tracing::error!(%error, "the outbox was not closed");
    }
}

pub(crate) fn sidecar_config(config: &Config) -> SidecarConfig {
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
