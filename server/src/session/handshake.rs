//! The request that opened a session, kept for handlers.

use std::{borrow::Cow, fmt, net::IpAddr, time::SystemTime};

use http::request::Parts;
use percent_encoding::percent_decode_str;

/// The request that opened a session.
///
/// Its head is copied into one allocation: kept as parsed it would pin the read buffer that it came
/// in, eight times as large.
pub struct Handshake {
    /// The address of the peer: a load balancer's, where there is one.
    pub address: IpAddr,
    /// When it came.
    pub issued: SystemTime,
    /// Whether the page that asked is of another origin, or of any: an `Origin` was sent.
    pub cross_domain: bool,
    /// The request's target, then for each header its name, a colon, its value and a line end.
    head: Box<str>,
    url_len: usize,
}

impl Handshake {
    pub(crate) fn new(parts: &Parts, address: IpAddr) -> Self {
        let url = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let mut head = String::with_capacity(url.len() + parts.headers.len() * 48);
        head.push_str(url);
        for (name, value) in &parts.headers {
            head.push_str(name.as_str());
            head.push(':');
            // Header values have no line ends, and what is not UTF-8 is of no use to a handler.
            head.push_str(&String::from_utf8_lossy(value.as_bytes()));
            head.push('\n');
        }
        let cross_domain = parts.headers.contains_key(http::header::ORIGIN);
        let issued = SystemTime::now();
        Self { address, issued, cross_domain, head: head.into_boxed_str(), url_len: url.len() }
    }

    /// The request's target: path and query.
    pub fn url(&self) -> &str {
        self.head.get(..self.url_len).unwrap_or_default()
    }

    /// The headers in the order they came, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.get(self.url_len..).unwrap_or_default().lines();
        lines.filter_map(|line| line.split_once(':'))
    }

    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The request as other servers are shown it: what the reference shows, but for credentials, which
    /// have no business on a channel that is not signed. So neither cookies nor `authorization`, no
    /// parameter `token`, no target (`url` is the path alone) and an empty `auth`.
    pub fn shown(&self) -> serde_json::Value {
        let secret =
            |name: &str| matches!(name, "authorization" | "cookie" | "proxy-authorization");
        let headers = self.headers().filter(|(name, _)| !secret(name));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into()));
        let query = self.query().filter(|(name, _)| name != "token");
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned().into()));
        let issued = self.issued.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        serde_json::json!({
            "headers": headers.collect::<serde_json::Map<_, _>>(),
            "time": httpdate::fmt_http_date(self.issued),
            "address": self.address.to_string(),
            "xdomain": self.cross_domain,
            "secure": false,
            "issued": u64::try_from(issued.as_millis()).unwrap_or_default(),
            "url": self.url().split('?').next().unwrap_or_default(),
            "query": query.collect::<serde_json::Map<_, _>>(),
            "auth": {},
        })
    }

    /// The parameters of the query, decoded, in the order they came.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.url().split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }

    /// The first parameter of that name.
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query and the headers may hold a token.
        f.debug_struct("Handshake").field("address", &self.address).finish_non_exhaustive()
    }
}
