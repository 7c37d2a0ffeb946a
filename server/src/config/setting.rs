//! What a row of the settings table says.

/// One setting. The table [`SETTINGS`](super::SETTINGS) is the only list of them: parsing,
/// `print-config`, README's table and the nearest name of a typing error are made from it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `section.key`, or the key alone at the top of the file.
    pub key: &'static str,
    /// What values are legal.
    pub kind: Kind,
    /// As it would be written; empty = none.
    pub default: &'static str,
    /// Further environment variables that are asked after `CRIER_<SECTION>_<KEY>`, in this order.
    pub aliases: &'static [&'static str],
    /// Meaning, unit, effect, source. Markdown, one line.
    pub doc: &'static str,
}

impl Setting {
    /// A row without further names.
    #[must_use]
    pub const fn new(
        key: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { key, kind, default, aliases: &[], doc }
    }

    /// The same row with further environment variables.
    #[must_use]
    pub const fn or_env(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The name that all spellings share: words in lower case, joined by `_`.
    #[must_use]
    pub fn normal(&self) -> String {
        normal_name(self.key)
    }

    /// `CRIER_<SECTION>_<KEY>`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("CRIER_{}", self.normal().to_ascii_uppercase())
    }

    /// Whether a value must never be shown. A Redis URL is shown without its password instead.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Key | Kind::Keys | Kind::ApiKeys | Kind::Password)
    }

    /// Whether `<KEY>_FILE` may name a file that holds the value.
    #[must_use]
    pub const fn may_come_from_file(&self) -> bool {
        self.is_secret() || matches!(self.kind, Kind::RedisUrl)
    }
}

/// `socket.pingInterval`, `socket.ping_interval`, `SOCKET_PING_INTERVAL` → `socket_ping_interval`.
///
/// A section is only the first word of a name, so `[rest] listen` and `rest_listen` are one.
#[must_use]
pub(super) fn normal_name(written: &str) -> String {
    let shouted = !written.chars().any(|c| c.is_ascii_lowercase());
    let mut name = String::with_capacity(written.len() + 4);
    for c in written.chars() {
        if c == '.' || c == '-' || c == '_' {
            name.push('_');
        } else if c.is_ascii_uppercase() && !shouted && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
            name.push(c.to_ascii_lowercase());
        } else {
            name.push(c.to_ascii_lowercase());
        }
    }
    name
}

/// The kinds of values. Bounds are inclusive.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `127.0.0.1:3000`, `[::]:3000`, `localhost:3000` (= 127.0.0.1). Port 0 = any free port.
    Address,
    /// The same, or `off`.
    AddressOrOff,
    /// A name or address with a port, as others reach it.
    HostPort,
    /// One of Socket.IO's own times: a bare number counts milliseconds.
    Millis(u64, u64),
    /// A time with its unit; bounds in milliseconds.
    Time(u64, u64),
    /// Bytes, bare or with `KiB`, `MiB`.
    Size(u64, u64),
    /// A whole number.
    Count(u64, u64),
    /// A whole number, 0 = no cap; or `auto`: this number, but no cap while listening on loopback
    /// only.
    AutoCap(u64),
    /// `on` or `off`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, comma separated, at least one.
    Choices(&'static [&'static str]),
    /// Some of these words, or `none`.
    ChoicesOrNone(&'static [&'static str]),
    /// A file or folder.
    Path,
    /// A file, never a URL.
    LocalFile,
    /// `name=namespace`, comma separated, or `none`.
    Aliases,
    /// What an HTTP path starts with.
    UrlPath,
    /// What `tracing_subscriber::EnvFilter` reads.
    Filter,
    /// Any text.
    Text,
    /// Any texts, comma separated.
    Texts,
    /// Host names, comma separated.
    Hosts,
    /// Web origins, comma separated.
    Origins,
    /// `redis://` and its family.
    RedisUrl,
    /// What names in Redis begin with.
    Prefix,
    /// A secret of any length.
    Password,
    /// A secret of at least 32 bytes.
    Key,
    /// One or two of them: the second while rotating.
    Keys,
    /// Secrets of any length.
    ApiKeys,
    /// Who may join the rooms of patterns.
    RoomRules,
}

impl Kind {
    /// What is legal, for an error's last words.
    #[must_use]
    pub fn legal(&self) -> String {
        use super::value::{show_size, show_time};
        match *self {
            Self::Address => {
                "an address and a port, such as 127.0.0.1:3000 or [::]:3000".to_owned()
            }
            Self::AddressOrOff => {
                "an address and a port, such as 127.0.0.1:3001, or off".to_owned()
            }
            Self::HostPort => {
                "a host and a port that others can reach, such as 10.0.0.7:3002 (not 0.0.0.0, not \
                 port 0)"
                    .to_owned()
            }
            Self::Millis(min, max) => format!(
                "a time from {} to {}, in milliseconds or with a unit (25000, 25s)",
                show_time(min),
                show_time(max)
            ),
            Self::Time(min, max) => format!(
                "a time from {} to {} with a unit (500ms, 10s, 5m, 1h)",
                show_time(min),
                show_time(max)
            ),
            Self::Size(min, max) => format!(
                "a size from {} to {}, in bytes or with a unit (65536, 64KiB, 1MiB)",
                show_size(min),
                show_size(max)
            ),
            Self::Count(min, max) => format!("a whole number from {min} to {max}"),
            Self::AutoCap(_) => "auto or a whole number, 0 for no cap".to_owned(),
            Self::Switch => "on or off".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Choices(words) => format!("one or more of {}", words.join(", ")),
            Self::ChoicesOrNone(words) => format!("some of {}; or none", words.join(", ")),
            Self::Path => "a path".to_owned(),
            Self::LocalFile => {
                "a file's path (a URL is not fetched yet: download it and name the file)".to_owned()
            }
            Self::UrlPath => {
                "a path that starts with / and has no ?, # or space, such as /socket.io/".to_owned()
            }
            Self::Filter => {
                "a filter of the log, such as warn or info,crier_server=debug".to_owned()
            }
            Self::Aliases => {
                "pairs of two different namespaces, comma separated, such as /ws=/; or none"
                    .to_owned()
            }
            Self::Text => "text".to_owned(),
            Self::Texts => "texts, comma separated".to_owned(),
            Self::Hosts => "host names without scheme and port, comma separated, such as \
                 shop.example,10.0.0.7"
                .to_owned(),
            Self::Origins => {
                "exact origins, comma separated, such as https://shop.example (not *, \
                              not null, no path)"
                    .to_owned()
            }
            Self::RedisUrl => {
                "a URL of redis://, redis+sentinel:// (with /service) or redis+cluster://, each also \
                 with rediss, or redis+unix://"
                    .to_owned()
            }
            Self::Prefix => "1 to 64 characters from A-Z a-z 0-9 . _ -".to_owned(),
            Self::Password => "text".to_owned(),
            Self::Key => "a secret of at least 32 bytes (try: openssl rand -base64 48)".to_owned(),
            Self::Keys => {
                "one secret of at least 32 bytes, or two while rotating, comma separated \
                           (try: openssl rand -base64 48)"
                    .to_owned()
            }
            Self::ApiKeys => "keys, comma separated".to_owned(),
            Self::RoomRules => "patterns of rooms, each with who may join, such as \
                 order:*=granted admin, lobby=public"
                .to_owned(),
        }
    }
}
