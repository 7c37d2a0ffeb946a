//! Where Redis is.

use std::fmt;

use percent_encoding::percent_decode_str;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// Where Redis is, with the credentials that the address has, if any.
///
/// ```text
///   redis://[user[:password]@]host[:port][/db]                        one server
///   redis+sentinel://[user[:password]@]host[:port],…/service[/db]     found by these sentinels
///   redis+cluster://[user[:password]@]host[:port],…                   a cluster, from these nodes
///   redis+unix:///path/to/socket                                      one server on this machine
/// ```
///
/// `rediss` in the place of `redis` is the same over TLS, by the system's certificates, or those that
/// `SSL_CERT_FILE` names. Users and passwords are percent-encoded. A sentinel's own ones are
/// `?sentinel_username=…&sentinel_password=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
}

/// What stands behind the address.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Single { host: String, port: u16 },
    Unix { path: String },
    Sentinel { nodes: Vec<(String, u16)>, service: String, login: Login },
    Cluster { nodes: Vec<(String, u16)> },
}

/// How to sign in to a sentinel.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

/// Why a text is no address of Redis, or cannot be used. Never says what the text was: it may have a
/// password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Another scheme, or none.
    #[error(
        "expected redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, \
         rediss+cluster:// or redis+unix://"
    )]
    Scheme,
    /// No host, or one that cannot be read.
    #[error("expected host[:port], several separated by commas for sentinels and clusters")]
    Host,
    /// A port that is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A database that is none.
    #[error("a database is a number, and a cluster has none")]
    Database,
    /// The name of what the sentinels watch is missing.
    #[error("expected /service, the name under which the sentinels know the server")]
    Service,
    /// A user or password that is not percent-encoded UTF-8.
    #[error("user and password are percent-encoded UTF-8")]
    Credentials,
    /// A query that is not understood.
    #[error("expected no query other than sentinel_username and sentinel_password")]
    Query,
    /// No secret to sign with was given.
    #[error("a cluster secret is needed, at least one and none of them empty")]
    NoSecret,
    /// A prefix that cannot be in a key's hash tag.
    #[error("a prefix has 1 to 64 characters from A-Z a-z 0-9 . _ -")]
    Prefix,
    /// The client refuses the address.
    #[error("the address cannot be used")]
    Unusable,
}

impl RedisUrl {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// See [`RedisUrlError`].
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (tls, form) = match scheme {
            "redis" => (false, "single"),
            "rediss" => (true, "single"),
            "redis+sentinel" => (false, "sentinel"),
            "rediss+sentinel" => (true, "sentinel"),
            "redis+cluster" => (false, "cluster"),
            "rediss+cluster" => (true, "cluster"),
            "redis+unix" => (false, "unix"),
            _ => return Err(RedisUrlError::Scheme),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if form == "unix" {
            let path = decode(rest)?;
            if !path.starts_with('/') || !query.is_empty() {
                return Err(RedisUrlError::Host);
            }
            let kind = Kind::Unix { path };
            return Ok(Self { kind, tls, username: None, password: None, db: 0 });
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (username, password) = credentials.map_or(Ok((None, None)), login)?;
        let (kind, db) = match form {
            "sentinel" => {
                let (service, db) = path.split_once('/').unwrap_or((path, ""));
                let service = decode(service)?;
                if service.is_empty() {
                    return Err(RedisUrlError::Service);
                }
                let (nodes, login) = (nodes(hosts, SENTINEL_PORT)?, sentinel_login(query)?);
                (Kind::Sentinel { nodes, service, login }, db)
            }
            "cluster" if !path.is_empty() => return Err(RedisUrlError::Database),
            "cluster" => (Kind::Cluster { nodes: nodes(hosts, PORT)? }, ""),
            _ => {
                let (host, port) = node(hosts, PORT)?;
                (Kind::Single { host, port }, path)
            }
        };
        if !matches!(kind, Kind::Sentinel { .. }) && !query.is_empty() {
            return Err(RedisUrlError::Query);
        }
        let db = if db.is_empty() {
            0
        } else {
            db.parse::<u16>().map_err(|_| RedisUrlError::Database)?.into()
        };
        Ok(Self { kind, tls, username, password, db })
    }

    /// Whether it is a cluster, where channels are sharded.
    pub fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster { .. })
    }
}

fn decode(text: &str) -> Result<String, RedisUrlError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| RedisUrlError::Credentials)?;
    Ok(decoded.into_owned())
}

/// `user:password`, `:password` or `user`.
fn login(text: &str) -> Result<(Option<String>, Option<String>), RedisUrlError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(decode(password)?)),
        None => (text, None),
    };
    let user = decode(user)?;
    Ok(((!user.is_empty()).then_some(user), password))
}

fn sentinel_login(query: &str) -> Result<Login, RedisUrlError> {
    let mut login = Login::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(RedisUrlError::Query)?;
        match name {
            "sentinel_username" => login.username = Some(decode(value)?),
            "sentinel_password" => login.password = Some(decode(value)?),
            _ => return Err(RedisUrlError::Query),
        }
    }
    Ok(login)
}

fn nodes(hosts: &str, port: u16) -> Result<Vec<(String, u16)>, RedisUrlError> {
    hosts.split(',').map(|host| node(host, port)).collect()
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
fn node(text: &str, default: u16) -> Result<(String, u16), RedisUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, port) = text.split_once(']').ok_or(RedisUrlError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| RedisUrlError::Host)?;
            (host, port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(allowed) {
        return Err(RedisUrlError::Host);
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(RedisUrlError::Port)?,
        None if port.is_empty() => default,
        None => return Err(RedisUrlError::Port),
    };
    Ok((host.to_owned(), port))
}

impl fmt::Display for RedisUrl {
    /// Without credentials, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redis = if self.tls { "rediss" } else { "redis" };
        let list = |nodes: &[(String, u16)]| {
            nodes.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
        };
        match &self.kind {
            Kind::Single { host, port } => write!(f, "{redis}://{host}:{port}/{}", self.db),
            Kind::Unix { path } => write!(f, "redis+unix://{path}"),
            Kind::Sentinel { nodes, service, .. } => {
                write!(f, "{redis}+sentinel://{}/{service}/{}", list(nodes), self.db)
            }
            Kind::Cluster { nodes } => write!(f, "{redis}+cluster://{}", list(nodes)),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_their_credentials() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            (" redis://:p%40ss@10.0.0.1:7000/3 ", "redis://10.0.0.1:7000/3"),
            ("rediss://crier:s3cret@redis.example", "rediss://redis.example:6379/0"),
            ("redis://[::1]", "redis://::1:6379/0"),
            ("redis://[::1]:7000", "redis://::1:7000/0"),
            ("redis+sentinel://a,b:1/main", "redis+sentinel://a:26379,b:1/main/0"),
            (
                "rediss+sentinel://u:p@a/main/2?sentinel_password=x%26",
                "rediss+sentinel://a:26379/main/2",
            ),
            ("redis+cluster://u:p@a,b:7001", "redis+cluster://a:6379,b:7001"),
            ("rediss+cluster://a", "rediss+cluster://a:6379"),
            ("redis+unix:///run/redis%20x.sock", "redis+unix:///run/redis x.sock"),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), format!("RedisUrl({shown})"));
        }
        let url = RedisUrl::parse("redis://a%3Ab:p%40ss:word@h").unwrap();
        assert_eq!(url.username.as_deref(), Some("a:b"));
        assert_eq!(url.password.as_deref(), Some("p@ss:word"));
        let Kind::Sentinel { login, .. } =
            RedisUrl::parse("redis+sentinel://a/m?sentinel_username=u&sentinel_password=x%26")
                .unwrap()
                .kind
        else {
            panic!("not a sentinel's")
        };
        assert_eq!((login.username.as_deref(), login.password.as_deref()), (Some("u"), Some("x&")));
    }

    #[test]
    fn what_is_no_address_is_refused_by_what_is_wrong_with_it() {
        use RedisUrlError::{Credentials, Database, Host, Port, Query, Scheme, Service};
        for (text, error) in [
            ("", Scheme),
            ("localhost:6379", Scheme),
            ("http://localhost", Scheme),
            ("redis+sentinels://a/m", Scheme),
            ("redis://", Host),
            ("redis://a b", Host),
            ("redis://a,b", Host),
            ("redis://[::1", Host),
            ("redis://[nonsense]", Host),
            ("redis+cluster://a,,b", Host),
            ("redis+unix://relative", Host),
            ("redis://a:0", Port),
            ("redis://a:65536", Port),
            ("redis://a:", Port),
            ("redis://[::1]x", Port),
            ("redis://a/x", Database),
            ("redis://a/-1", Database),
            ("redis+cluster://a/1", Database),
            ("redis+sentinel://a", Service),
            ("redis+sentinel://a/", Service),
            ("redis://%ff@a", Credentials),
            ("redis://a?x=1", Query),
            ("redis+sentinel://a/m?x", Query),
        ] {
            assert_eq!(RedisUrl::parse(text), Err(error), "{text}");
        }
    }
}
