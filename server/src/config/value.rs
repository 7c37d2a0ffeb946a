//! Text to values and back. Every function says `None` where the text is not legal.

use std::net::SocketAddr;
use std::time::Duration;

/// A value as a source gave it: one text, or a TOML array's items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// Flags, variables, defaults, TOML scalars.
    Text(String),
    /// A TOML array: its items may hold commas.
    List(Vec<String>),
}

impl Raw {
    /// The one text; a list of one counts.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()),
            Self::List(items) => match items.as_slice() {
                [one] => Some(one.trim()),
                _ => None,
            },
        }
    }

    /// The items, trimmed, empty ones left out.
    pub(super) fn items(&self) -> Vec<&str> {
        let items: Vec<&str> = match self {
            Self::Text(text) => text.split(',').collect(),
            Self::List(items) => items.iter().map(String::as_str).collect(),
        };
        items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Whether it says nothing: Compose files and shells set variables to nothing to unset them.
    pub(super) fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    /// As one text, for messages and `print-config`.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::List(items) => items.join(","),
        }
    }
}

/// `10s`, `500ms`, `5m`, `1h`, `2d`; a bare number only where `bare_millis`, 0 always.
pub(super) fn time(text: &str, bare_millis: bool) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if bare_millis || number == 0 => 1,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// `65536`, `64KiB`, `1MiB`, `1MB`, `10kB`; `K` and `M` alone are binary, as in most servers.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// A whole number; `1_000` as in TOML, and `1e6` as Socket.IO's documentation writes sizes.
pub(super) fn whole(text: &str) -> Option<u64> {
    if let Some((digits, exponent)) = text.split_once('e') {
        let exponent: u32 = digits_only(exponent)?.parse().ok()?;
        return whole(digits)?.checked_mul(10_u64.checked_pow(exponent)?);
    }
    digits_only(&text.replace('_', ""))?.parse().ok()
}

/// `on`, `true`, `yes`, `1` and their opposites.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// An address to listen on. `localhost` is 127.0.0.1: no name is looked up at start.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// `host:port` that another machine can use: no unspecified address and no port 0.
pub(super) fn host_port(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        let usable = !address.ip().to_canonical().is_unspecified() && address.port() != 0;
        return usable.then(|| text.to_owned());
    }
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    (port != 0 && is_host_name(host)).then(|| text.to_owned())
}

/// Letters, digits, `-`, `.` and `_`: what a Host header of ours may name.
pub(super) fn is_host_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(legal)
}

/// The path of the Socket.IO endpoint, always with a slash at both ends (engine.io's
/// `addTrailingSlash`).
pub(super) fn url_path(text: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%' | '\\');
    let inner = text.strip_prefix('/')?.trim_end_matches('/');
    (!inner.is_empty() && !inner.starts_with('/') && inner.chars().all(legal))
        .then(|| format!("/{inner}/"))
}

/// A Redis URL without its password.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // A password may hold an @: the last one ends it.
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let name = user.split_once(':').map_or("", |(name, _)| name);
    format!("{scheme}://{name}:***@{host}")
}

/// Milliseconds in the largest unit that divides them.
pub(super) fn show_time(millis: u64) -> String {
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= size && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// Bytes in the largest binary unit that divides them.
pub(super) fn show_size(bytes: u64) -> String {
    for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    format!("{bytes}")
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    // The `e` of 1e6 belongs to the number; no unit starts with one.
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == 'e'));
    let (number, unit) = text.split_at_checked(end.unwrap_or(text.len()))?;
    Some((whole(number)?, unit.trim()))
}

fn digits_only(text: &str) -> Option<&str> {
    // `u64::from_str` would take a leading +.
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, bare, expected) in [
            ("25000", true, Some(25_000)),
            ("25000", false, None), // 25000 what?
            ("0", false, Some(0)),
            ("25s", true, Some(25_000)),
            ("25 s", true, Some(25_000)),
            ("1h", false, Some(3_600_000)),
            ("1e3", true, Some(1_000)),
            ("-1", true, None),
            ("1.5s", true, None),
            ("s", true, None),
            ("", true, None),
            ("99999999999999999999", true, None),
            ("999999999999999999d", true, None),
        ] {
            assert_eq!(time(text, bare), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("1e6", Some(1_000_000)),
            ("1_000_000", Some(1_000_000)),
            ("64KiB", Some(65_536)),
            ("64 kib", Some(65_536)),
            ("64k", Some(65_536)),
            ("1MB", Some(1_000_000)),
            ("+5", None),
            ("5 apples", None),
            ("1e99", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_to_advertise() {
        for (text, legal) in [
            ("10.0.0.7:3002", true),
            ("crier-0.crier.default.svc:3002", true),
            ("[fd00::7]:3002", true),
            ("0.0.0.0:3002", false),
            ("[::]:3002", false),
            ("[::ffff:0.0.0.0]:3002", false),
            ("10.0.0.7:0", false),
            ("10.0.0.7", false),
            ("http://10.0.0.7:3002", false),
        ] {
            assert_eq!(host_port(text).is_some(), legal, "{text:?}");
        }
    }

    #[test]
    fn socket_paths() {
        for (text, expected) in [
            ("/socket.io/", Some("/socket.io/")),
            ("/socket.io", Some("/socket.io/")),
            ("/a/b//", Some("/a/b/")),
            ("/", None),
            ("//", None),
            ("//evil.test/", None),
            ("socket.io", None),
            ("/a b", None),
            ("/a?b", None),
        ] {
            assert_eq!(url_path(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn redis_urls_are_shown_without_password() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://:hunter2@h:6379", "redis://:***@h:6379"),
            ("rediss://crier:a@b:c@h", "rediss://crier:***@h"),
            ("redis://hunter2@h", "redis://:***@h"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn shown_in_the_largest_unit() {
        assert_eq!(show_time(300_000), "5m");
        assert_eq!(show_time(25_000), "25s");
        assert_eq!(show_time(1_500), "1500ms");
        assert_eq!(show_time(0), "0ms");
        assert_eq!(show_size(1 << 20), "1MiB");
        assert_eq!(show_size(1_000_000), "1000000");
    }
}
