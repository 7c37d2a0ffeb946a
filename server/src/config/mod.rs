//! The configuration: flags over environment over file over defaults.
//!
//! ```text
//!   --set, --listen …  ─┐
//!   CRIER_*            ─┤  merge (source)     typed reading (read)      rules between settings
//!   crier.toml         ─┼────────────────▶ entries ────────────▶ sections ────────▶ Config
//!   SETTINGS' defaults ─┘     one text and its origin a row
//! ```
//!
//! [`SETTINGS`] is the only list. [`Config::parse`] is pure: it sees the outside through [`Vars`].
//! Everything that is wrong is reported at once, and nothing is guessed: an unknown name is an error.

mod assemble;
mod error;
pub mod origin;
mod read;
mod secret;
mod sections;
mod setting;
mod source;
mod table;
mod value;
mod vars;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use error::{ConfigError, ConfigErrors};
pub use origin::{LOOPBACK_NAMES, OriginPolicy, WebOrigin};
pub use secret::Secret;
pub use sections::{
    Attachments, Auth, AuthKeys, Chat, Cluster, Http, Namespaces, NodeCompat, Notifications,
    Presence, Recovery, Redis, Rest, Rooms, Shop, Shutdown, Socket, VendorChat,
};
pub use setting::{Kind, Setting};
pub use source::Source;
pub use table::{SETTINGS, markdown_table};
pub use vars::{Environment, MapVars, Vars};

use crier_domain::{
    App, DEVELOPMENT_CLUSTER_SECRET, event::CatalogueOptions, service::orders::OrderStatus,
};

use read::Reader;

/// The file that is read where none is named, if it is there.
pub const DEFAULT_FILE: &str = "crier.toml";

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sockets and pages.
    pub listen: SocketAddr,
    /// The embedded sidecar; `None` = it runs apart.
    pub rest_listen: Option<SocketAddr>,
    /// Health, metrics, replica to replica.
    pub internal_listen: SocketAddr,
    /// `host:port` for other replicas; `None` = the address that `internal_listen` got.
    pub advertise: Option<String>,
    /// The first signs, all verify. At most two.
    pub cluster_secret: Vec<Secret>,
    /// `None` = embedded. A secret because it may hold a password.
    pub redis_url: Option<Secret>,
    /// `[redis]`, besides its URL.
    pub redis: Redis,
    /// `[cluster]`: Node servers and emitters.
    pub cluster: Cluster,
    /// Folder of the embedded store, the outbox and uploads.
    pub data_dir: PathBuf,
    /// Apps that answer, in the contract's order.
    pub apps: Vec<App>,
    /// Exact origins; `None` = the default rule. Ask [`Config::origin_policy`].
    pub cors_origins: Option<Vec<WebOrigin>>,
    /// Host names of our own beside those of loopback, in lower case.
    pub hosts: Vec<String>,
    /// Folder of the official client bundle.
    pub client_dist: Option<PathBuf>,
    /// Log filter.
    pub log: String,
    /// `[socket]`.
    pub socket: Socket,
    /// `[http]`.
    pub http: Http,
    /// `[auth]`.
    pub auth: Auth,
    /// `marketplace.payment_audience` and `audience.products`.
    pub audiences: CatalogueOptions,
    /// `[chat]`.
    pub chat: Chat,
    /// `[notifications]`.
    pub notifications: Notifications,
    /// `[shop]`.
    pub shop: Shop,
    /// `orders.owner_statuses`.
    pub owner_statuses: Vec<OrderStatus>,
    /// `[rooms]`.
    pub rooms: Rooms,
    /// `[presence]`.
    pub presence: Presence,
    /// `[vendor_chat]`.
    pub vendor_chat: VendorChat,
    /// `[rest]`.
    pub rest: Rest,
    /// `[recovery]`.
    pub recovery: Recovery,
    /// `[namespaces]`.
    pub namespaces: Namespaces,
    /// `[attachments]`.
    pub attachments: Attachments,
    /// `[shutdown]`.
    pub shutdown: Shutdown,
    shown: Vec<Shown>,
}

/// One line of `print-config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `section.key`.
    pub key: &'static str,
    /// As it was written; `none`, or `***` for a secret.
    pub value: String,
    /// Where it was written.
    pub source: Source,
}

impl Config {
    /// Reads the environment through `vars`, the file's text with the path to call it by, and flags
    /// as (name, value) in any spelling of a setting's name.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn parse(
        vars: &impl Vars,
        file: Option<(&Path, &str)>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let entries = source::merge(vars, file, flags, &mut errors);
        let mut reader = Reader { entries: &entries, errors: &mut errors, read: Vec::new() };
        let config = Self::read(&mut reader);
        // With half of what was given missing, a rule between settings would blame the wrong one.
        let is_whole = errors.iter().all(|error| matches!(error, ConfigError::Value { .. }));
        if is_whole {
            config.check_rules(&mut errors);
        }
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
    }

    /// [`Config::parse`] with the file found as an operator expects: the one named by `--config`,
    /// else by `CRIER_CONFIG`, else [`DEFAULT_FILE`] if it is there.
    ///
    /// # Errors
    /// Those of parsing; a named file that cannot be read.
    pub fn load(
        vars: &impl Vars,
        named: Option<&Path>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigErrors> {
        let by_env = vars.all().into_iter().find(|(name, _)| name == "CRIER_CONFIG");
        let (path, at) = match (named, by_env) {
            (Some(path), _) => (path.to_owned(), Source::Flag),
            (None, Some((name, path))) if !path.is_empty() => {
                (PathBuf::from(path), Source::Env(name))
            }
            (None, _) => (PathBuf::from(DEFAULT_FILE), Source::Default),
        };
        match vars.read(&path) {
            Ok(text) => Self::parse(vars, Some((&path, &text)), flags),
            Err(error) if at == Source::Default && error.kind() == std::io::ErrorKind::NotFound => {
                Self::parse(vars, None, flags)
            }
            Err(error) => {
                let reason = error.to_string();
                Err(ConfigErrors(vec![ConfigError::Unreadable { path, at, reason }]))
            }
        }
    }

    /// Whether everything that clients call is on loopback: then pages of localhost may connect, and
    /// load tests meet no cap per address.
    #[must_use]
    pub fn is_loopback_only(&self) -> bool {
        is_loopback(self.listen) && self.rest_listen.is_none_or(is_loopback)
    }

    /// Which web pages may talk to us.
    #[must_use]
    pub fn origin_policy(&self) -> OriginPolicy {
        let list = self.cors_origins.clone();
        OriginPolicy::new(list, self.hosts.clone(), self.is_loopback_only())
    }

    /// What replicas and sidecars sign with: `cluster_secret`, or on the development key without one, a
    /// secret that everybody knows.
    #[must_use]
    pub fn cluster_secrets(&self) -> Vec<&[u8]> {
        if self.cluster_secret.is_empty() && self.auth.keys.is_development() {
            return vec![DEVELOPMENT_CLUSTER_SECRET.as_bytes()];
        }
        self.cluster_secret.iter().map(|secret| secret.expose().as_bytes()).collect()
    }

    /// Every setting with its value and origin, in the table's order; secrets are masked.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// What `crier print-config` prints: `key = value  (origin)`, one a line.
    #[must_use]
    pub fn print(&self) -> String {
        let line = |shown: &Shown| format!("{} = {}  ({})\n", shown.key, shown.value, shown.source);
        self.shown.iter().map(line).collect()
    }

    /// What the log says at start: the settings that are not left to their defaults, secrets
    /// masked, and which key and store are in use. One line.
    #[must_use]
    pub fn summary(&self) -> String {
        let keys = match self.auth.keys {
            AuthKeys::Development => "the development key",
            AuthKeys::Configured { .. } => "configured keys",
        };
        let store = if self.redis_url.is_some() { "redis" } else { "embedded" };
        let mut summary = format!("auth by {keys}, store {store}");
        for shown in self.shown.iter().filter(|shown| shown.source != Source::Default) {
            summary.push_str(&format!(", {}={} ({})", shown.key, shown.value, shown.source));
        }
        summary
    }

    /// What must hold between settings.
    fn check_rules(&self, errors: &mut Vec<ConfigError>) {
        let mut rule = |key, rule| errors.push(ConfigError::Rule { key, rule });
        let listeners = [
            ("listen", Some(self.listen)),
            ("rest_listen", self.rest_listen),
            ("internal_listen", Some(self.internal_listen)),
        ];
        if self.auth.keys.is_development() {
            for (key, address) in listeners {
                if let Some(address) = address.filter(|address| !is_loopback(*address)) {
                    rule(
                        key,
                        format!(
                            "{address} is not loopback, and without a key of your own Crier uses the \
                         development key, which everyone knows: set auth.secret \
                         (CRIER_AUTH_SECRET), auth.keys or auth.jwks"
                        ),
                    );
                }
            }
        } else if self.redis_url.is_some() && self.cluster_secret.is_empty() {
            rule(
                "cluster_secret",
                "required with redis_url: at least 32 bytes, the same on every \
                  replica and sidecar (CRIER_CLUSTER_SECRET; try: openssl rand -base64 48)"
                    .into(),
            );
        }
        let is_public = |secret: &Secret| secret.expose() == DEVELOPMENT_CLUSTER_SECRET;
        if !self.auth.keys.is_development() && self.cluster_secret.iter().any(is_public) {
            rule(
                "cluster_secret",
                "is the one of the development key, which everyone knows: give one of your own \
                  (try: openssl rand -base64 48)"
                    .into(),
            );
        }
        if self.advertise.is_none() && self.internal_listen.ip().to_canonical().is_unspecified() {
            rule(
                "advertise",
                format!(
                    "internal_listen is {}, which no other replica can call: say where this one is \
                 reached, such as CRIER_ADVERTISE=10.0.0.7:{}",
                    self.internal_listen,
                    self.internal_listen.port()
                ),
            );
        }
        for (i, (key, address)) in listeners.iter().enumerate() {
            let same = |(_, other): &&(&str, Option<SocketAddr>)| {
                other == address && address.is_some_and(|address| address.port() != 0)
            };
            if let Some((other, _)) = listeners.iter().take(i).find(same) {
                rule(key, format!("is the address of {other} already"));
            }
        }
    }
}

/// A time with its unit (`15m`), as settings and `--ttl` take it.
#[must_use]
pub fn parse_time(text: &str) -> Option<std::time::Duration> {
    value::time(text, false)
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
