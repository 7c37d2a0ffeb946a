//! Which web pages may talk to us.
//!
//! A browser says in `Origin` which page a request comes from, and in `Host` which name it asked
//! for. Cookies are none of our business, but a page that reaches a server on the visitor's own
//! machine or network is: so every handshake is checked, by polling and by websocket alike
//! (CVE-2020-28481: websockets know no CORS).

use std::net::Ipv6Addr;

/// `http://localhost:3000`: scheme, host and port, in the form in which browsers send it: lower
/// case, no default port, nothing after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin out of the configuration, where people write capitals, default ports and a
    /// slash at the end. `*`, `null` and anything with a path are `None`.
    #[must_use]
    pub fn configured(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let parts = Parts::read(&text)?;
        Some(Self(parts.canonical()))
    }

    /// As it is sent in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule. Cheap to clone a reference of; asked once a request.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    list: Option<Vec<WebOrigin>>,
    hosts: Vec<String>,
    loopback_only: bool,
}

impl OriginPolicy {
    /// `list`: exact origins, or `None` for the default. `hosts`: names that are our own beside
    /// those of loopback. `loopback_only`: nothing listens on any other address.
    #[must_use]
    pub fn new(list: Option<Vec<WebOrigin>>, hosts: Vec<String>, loopback_only: bool) -> Self {
        Self { list, hosts, loopback_only }
    }

    /// Whether a request with these headers may go on; if not, the answer is 403 and no session is
    /// made.
    ///
    /// - No `Origin`: yes. No browser leaves it out where it matters, and no other client has one.
    /// - On the list: yes. Without a list: a page of localhost, on any port, while we listen on
    ///   loopback only.
    /// - The same host and port as `Host`, where `Host` names us: yes. The scheme is not compared:
    ///   TLS ends before us. A page that rebinds its own name to our address (DNS rebinding) sends
    ///   its own name in `Host`, which is none of ours.
    /// - Everything else, `null` included: no.
    #[must_use]
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Some(parts) = Parts::read(origin).filter(|parts| parts.canonical() == origin) else {
            return false;
        };
        let listed = match &self.list {
            Some(list) => list.iter().any(|listed| listed.as_str() == origin),
            None => self.loopback_only && is_loopback_name(parts.host),
        };
        listed || self.is_same_origin(&parts, host)
    }

    /// Whether a `Host` header names us; what no stranger's page may read or do even without an
    /// `Origin` (metrics, administration, minting a development token) asks this too.
    #[must_use]
    pub fn is_own_host(&self, host: &str) -> bool {
        let Some((name, _)) = split_port(host) else {
            return false;
        };
        is_loopback_name(name) || self.hosts.iter().any(|own| own == name)
    }

    fn is_same_origin(&self, origin: &Parts<'_>, host: Option<&str>) -> bool {
        let Some(host) = host.filter(|host| self.is_own_host(host)) else {
            return false;
        };
        let Some((name, port)) = split_port(host) else {
            return false;
        };
        name == origin.host && port.unwrap_or(origin.default_port()) == origin.port
    }
}

/// The names under which a browser reaches its own machine. Not all of 127.0.0.0/8: nobody types
/// the rest.
pub const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

fn is_loopback_name(host: &str) -> bool {
    LOOPBACK_NAMES.contains(&host)
}

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let (host, port) = split_port(rest)?;
        let mut parts = Self { scheme, host, port: 0 };
        parts.port = port.unwrap_or(parts.default_port());
        Some(parts)
    }

    fn default_port(&self) -> u16 {
        if self.scheme == "https" { 443 } else { 80 }
    }

    fn canonical(&self) -> String {
        let Self { scheme, host, port } = self;
        if *port == self.default_port() {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        }
    }
}

/// `name`, `name:port`, `[::1]:port`, in lower case, without a trailing dot.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let name_end = match text.strip_prefix('[') {
        Some(_) => text.find(']')? + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at_checked(name_end)?;
    let legal = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|a| a.to_string() == address),
        None => is_plain_name(name),
    };
    if !legal {
        return None;
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((name, None)),
        None => None,
        // No sign, no leading zero: one text for one port.
        Some(digits) => {
            let port: u16 = digits.parse().ok()?;
            (port.to_string() == digits).then_some((name, Some(port)))
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '_');
    !name.is_empty() && !name.ends_with('.') && !name.starts_with('.') && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(list: Option<&[&str]>, hosts: &[&str], loopback_only: bool) -> OriginPolicy {
        let list = list.map(|list| {
            list.iter().map(|text| WebOrigin::configured(text).expect("a legal origin")).collect()
        });
        OriginPolicy::new(list, hosts.iter().map(|&host| host.to_owned()).collect(), loopback_only)
    }

    #[test]
    fn by_default_on_loopback() {
        let policy = policy(None, &[], true);
        for (origin, host, allowed) in [
            (None, Some("localhost:3000"), true),
            (None, None, true),
            (Some("http://localhost:5173"), Some("localhost:3000"), true),
            (Some("https://localhost"), Some("localhost:3000"), true),
            (Some("http://127.0.0.1:8080"), Some("localhost:3000"), true),
            (Some("http://[::1]:8080"), Some("localhost:3000"), true),
            (Some("null"), Some("localhost:3000"), false),
            (Some(""), Some("localhost:3000"), false),
            (Some("https://evil.test"), Some("localhost:3000"), false),
            // DNS rebinding: the page's own name resolves to us, and Origin equals Host.
            (Some("http://evil.test:3000"), Some("evil.test:3000"), false),
            (Some("http://localhost.evil.test"), Some("localhost:3000"), false),
            (Some("http://localhost."), Some("localhost:3000"), false),
            (Some("http://LOCALHOST"), Some("localhost:3000"), false),
            (Some("http://localhost:80"), Some("localhost:3000"), false),
            (Some("http://localhost:03000"), Some("localhost:3000"), false),
            (Some("http://localhost:3000/"), Some("localhost:3000"), false),
            (Some("http://a@localhost:3000"), Some("localhost:3000"), false),
            (Some("http://localhost:3000 http://evil.test"), Some("localhost:3000"), false),
            (Some("file://"), Some("localhost:3000"), false),
            (Some("chrome-extension://localhost"), Some("localhost:3000"), false),
            (Some("http://127.0.0.2"), Some("localhost:3000"), false),
            (Some("http://127.1"), Some("localhost:3000"), false),
            (Some("http://[::ffff:127.0.0.1]"), Some("localhost:3000"), false),
            (Some("http://[0:0:0:0:0:0:0:1]"), Some("localhost:3000"), false),
        ] {
            assert_eq!(policy.allows(origin, host), allowed, "{origin:?} to {host:?}");
        }
    }

    #[test]
    fn by_default_on_a_public_address() {
        let policy = policy(None, &["crier.example", "10.0.0.7"], false);
        for (origin, host, allowed) in [
            (None, Some("crier.example"), true),
            (Some("https://crier.example"), Some("crier.example"), true),
            (Some("http://crier.example"), Some("crier.example"), true),
            (Some("http://10.0.0.7:3000"), Some("10.0.0.7:3000"), true),
            (Some("https://crier.example:8443"), Some("crier.example:8443"), true),
            (Some("https://crier.example:8443"), Some("crier.example"), false),
            (Some("https://crier.example"), Some("crier.example:3000"), false),
            (Some("https://crier.example"), None, false),
            (Some("https://shop.example"), Some("crier.example"), false),
            // Only while listening on loopback alone: else any page that a visitor's own machine
            // serves could use a public server in that visitor's name.
            (Some("http://localhost:5173"), Some("crier.example"), false),
            // Through a tunnel to our own page.
            (Some("http://localhost:3000"), Some("localhost:3000"), true),
            (Some("http://evil.test"), Some("evil.test"), false),
        ] {
            assert_eq!(policy.allows(origin, host), allowed, "{origin:?} to {host:?}");
        }
    }

    #[test]
    fn a_list_is_exact() {
        let policy =
            policy(Some(&["https://Good.example/", "http://good.example:8080"]), &[], true);
        for (origin, allowed) in [
            ("https://good.example", true),
            ("http://good.example:8080", true),
            ("https://good.example:443", false), // no browser writes the default port
            ("https://good.example:8443", false),
            ("http://good.example", false),
            ("https://good.example.", false),
            ("https://GOOD.example", false),
            ("https://good.example.evil.test", false),
            ("https://evil-good.example", false),
            ("https://good.example@evil.test", false),
            ("https://sub.good.example", false),
            ("null", false),
            // A list replaces the default.
            ("http://localhost:5173", false),
            ("http://localhost:3000", true), // our own page, asked of Host localhost:3000
        ] {
            assert_eq!(policy.allows(Some(origin), Some("localhost:3000")), allowed, "{origin}");
        }
    }

    #[test]
    fn what_the_configuration_takes() {
        for (text, expected) in [
            ("https://shop.example", Some("https://shop.example")),
            ("https://Shop.Example:443/", Some("https://shop.example")),
            ("http://[::1]:5173", Some("http://[::1]:5173")),
            ("*", None),
            ("null", None),
            ("shop.example", None),
            ("https://*.shop.example", None),
            ("https://shop.example/app", None),
            ("ws://shop.example", None),
        ] {
            let origin = WebOrigin::configured(text);
            assert_eq!(origin.as_ref().map(WebOrigin::as_str), expected, "{text}");
        }
    }

    #[test]
    fn our_own_hosts() {
        let policy = policy(None, &["crier.example"], true);
        for (host, own) in [
            ("localhost", true),
            ("localhost:3000", true),
            ("[::1]:3000", true),
            ("crier.example", true),
            ("evil.test", false),
            ("crier.example.evil.test", false),
            ("crier.example.", false),
            ("", false),
            ("[::1", false),
            ("localhost:x", false),
        ] {
            assert_eq!(policy.is_own_host(host), own, "{host}");
        }
    }
}
