//! What each part of the server is given of the configuration.

use std::{path::Path, sync::Arc};

use crier_domain::{
    Catalogue, KeyError, Keys, VerifierOptions,
    dialect::vendor_chat::VendorChatSettings,
    service::{
        Settings,
        attachments::{AttachmentSettings, Place},
        orders::OrderRules,
    },
};

use super::StartError;
use crate::{
    config::{AuthKeys, Config, OriginPolicy},
    http::{HttpLimits, forward},
    options::{EventRate, Options, Origins, OutboxLimits},
    recovery::RecoveryOptions,
    rules,
};

/// What the services are held to.
pub(super) fn settings(config: &Config) -> Result<Settings, StartError> {
    let attachments = &config.attachments;
    let place = match &attachments.s3_bucket {
        None => Place::Folder(config.data_dir.join("uploads")),
        Some(bucket) => Place::S3 {
            bucket: bucket.clone(),
            endpoint: attachments.s3_endpoint.clone(),
            region: attachments.s3_region.clone(),
        },
    };
    let secrets = config.cluster_secret.iter();
    let attachments = AttachmentSettings {
        files: place.open()?,
        bytes_max: u64::try_from(attachments.bytes_max).unwrap_or(u64::MAX),
        secrets: secrets.map(|secret| secret.expose().as_bytes().to_vec()).collect(),
    };
    let orders = OrderRules {
        owner_statuses: config.owner_statuses.clone(),
        stock_audience: config.audiences.products,
    };
    let vendor_chat = VendorChatSettings { share_contact: config.vendor_chat.share_contact };
    Ok(Settings {
        attachments,
        orders,
        vendor_chat,
        rooms: config.rooms.policy.clone(),
        chat: rules::chat(config),
        notifications: rules::notifications(config),
    })
}

/// What may be published, and by whom.
pub(super) fn catalogue(config: &Config) -> Catalogue {
    Catalogue::new(config.apps.iter().copied())
        .with(config.audiences)
        .payload_max(config.socket.event_payload_max)
        .limited(config.socket.limits.clone())
}

pub(super) fn keys(config: &Config) -> Result<Keys, StartError> {
    let AuthKeys::Configured { secret, pem, jwks } = &config.auth.keys else {
        return Ok(Keys::development());
    };
    // No secret at all is the empty list, which public keys may add to.
    let mut all: Option<Keys> = None;
    let mut add = |keys: Keys| -> Result<(), KeyError> {
        all = Some(match all.take() {
            Some(others) => others.and(keys)?,
            None => keys,
        });
        Ok(())
    };
    if let Some(secret) = secret {
        add(Keys::from_secrets([secret.expose()])?)?;
    }
    if let Some(path) = pem {
        add(Keys::from_pem(&read("auth.keys", path)?)?)?;
    }
    if let Some(path) = jwks {
        add(Keys::from_jwks(&read("auth.jwks", path)?)?)?;
    }
    all.ok_or(StartError::Key(KeyError::Empty))
}

fn read(setting: &'static str, path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::Unreadable {
        setting,
        path: path.to_owned(),
        error,
    })
}

pub(super) fn verifier_options(config: &Config) -> VerifierOptions {
    VerifierOptions {
        require_exp: config.auth.require_exp,
        issuer: config.auth.issuer.iter().cloned().collect(),
        audience: config.auth.audience.clone(),
        max_lifetime: config.auth.max_lifetime,
        ..VerifierOptions::default()
    }
}

pub(super) fn options(config: &Config) -> Options {
    let (socket, recovery) = (&config.socket, &config.recovery);
    Options {
        limits: Arc::new(socket.limits.clone()),
        path: socket.path.clone(),
        transports: socket.transports.clone(),
        parser: socket.parser,
        outbox: OutboxLimits { frames: socket.outbox_frames, bytes: socket.outbox_bytes },
        rooms_max: socket.rooms_max,
        event_rate: EventRate {
            per_second: socket.events_per_second,
            burst: socket.events_burst,
            ..EventRate::default()
        },
        origins: Arc::new(config.origin_policy()),
        body_timeout: config.http.body_timeout,
        recovery: (!recovery.window.is_zero()).then_some(RecoveryOptions {
            window: recovery.window,
            entries_max: recovery.entries_max,
            bytes_max: recovery.bytes_max,
            replay_events_max: recovery.replay_events_max,
            replay_bytes_max: recovery.replay_bytes_max,
            sessions_max: recovery.sessions_max,
        }),
        aliases: config.namespaces.alias.clone(),
        unauthenticated_per_address: config.http.connections_per_ip.map_or(0, |max| max.get()),
        ..Options::default()
    }
}

pub(super) fn http_limits(config: &Config) -> HttpLimits {
    let http = &config.http;
    HttpLimits {
        head_timeout: http.header_timeout,
        keep_alive: http.keep_alive,
        write_timeout: http.write_timeout,
        head_max: http.head_max,
        headers_max: http.headers_max,
        uri_max: http.uri_max,
        connections_max: http.connections_max,
        // Behind a load balancer, everyone's connections come from one address; what is counted by
        // address is sessions that have joined nothing.
        connections_per_address: 0,
    }
}

/// What other replicas pass on has been measured by them, and has grown by a few headers.
pub(super) fn internal_limits(config: &Config) -> HttpLimits {
    let limits = http_limits(config);
    HttpLimits {
        keep_alive: limits.keep_alive.max(forward::KEPT_BY_OWNER),
        head_max: limits.head_max + (1 << 10),
        headers_max: limits.headers_max + 8,
        uri_max: limits.uri_max + forward::PATH.len(),
        ..limits
    }
}

impl Origins for OriginPolicy {
    fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        Self::allows(self, origin, host)
    }
}
