//! Which pages may call, and under which names we are called.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, uri::Authority,
};

use crate::{config::SidecarConfig, error::ApiError};

/// What browsers are told that they may send. Fixed: nothing of a preflight is reflected.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key");
/// Seconds that a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The rules about `Host` and `Origin`.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    exact: Vec<String>,
    loopback: bool,
    hosts: Vec<String>,
}

impl Origins {
    pub(crate) fn new(config: &SidecarConfig) -> Self {
        Self {
            exact: config.origins.clone(),
            loopback: config.loopback_origins,
            hosts: config.hosts.clone(),
        }
    }

    /// Checks `Host` and `Origin` of a request.
    ///
    /// # Errors
    ///
    /// 421 for a host that is not ours, as when a page's name was bound to our address; 403 for an
    /// origin that may not call.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        authority: Option<&Authority>,
    ) -> Result<(), ApiError> {
        let host = host(headers, authority);
        if !self.hosts.is_empty() && !host.as_ref().is_some_and(|host| self.is_ours(host)) {
            return Err(ApiError::Misdirected);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let allowed = origins.next().is_none()
            && origin.to_str().is_ok_and(|origin| self.allows(origin, host.as_ref()));
        if allowed { Ok(()) } else { Err(ApiError::Origin) }
    }

    fn allows(&self, origin: &str, host: Option<&Authority>) -> bool {
        if self.exact.iter().any(|listed| listed == origin) {
            return true;
        }
        let http = origin.strip_prefix("http://");
        let Some(rest) = http.or_else(|| origin.strip_prefix("https://")) else {
            return false;
        };
        // An origin has a host and a port, and nothing else.
        let authority: Authority = match rest.parse() {
            Ok(authority) => authority,
            Err(_) => return false,
        };
        if rest.contains('@') {
            return false;
        }
        let same = host.is_some_and(|host| {
            host == &authority && (is_loopback(host.host()) || self.is_ours(host))
        });
        same || (self.loopback && is_loopback(authority.host()))
    }

    fn is_ours(&self, host: &Authority) -> bool {
        let name = host.host();
        self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
    }

    /// The answer to `OPTIONS`, of a preflight or not; no handler sees it, and nothing of the request
    /// but its path decides it. `allow` is what its path does; where it does nothing, `None`.
    pub(crate) fn preflight<B: Default>(allow: Option<&str>) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        let allow = HeaderValue::from_str(allow.unwrap_or("OPTIONS"));
        headers.insert(header::ALLOW, allow.unwrap_or(HeaderValue::from_static("OPTIONS")));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    }
}

/// Marks an answer for the page that asked. `origin` is `Some` only for one that was allowed.
pub(crate) fn mark(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_name(ORIGIN));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        let expose = HeaderValue::from_static("retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose);
    }
}

const ORIGIN: HeaderName = header::ORIGIN;

/// Whether the request asks what it may do.
pub(crate) fn is_preflight(method: &Method) -> bool {
    method == Method::OPTIONS
}

/// The one host that is asked for: `Host`, or the target's own (absolute form, HTTP/2).
fn host(headers: &HeaderMap, authority: Option<&Authority>) -> Option<Authority> {
    let mut given = headers.get_all(header::HOST).iter();
    let named: Option<Authority> = match given.next() {
        Some(value) => Some(value.to_str().ok()?.parse().ok()?),
        None => None,
    };
    // `evil.com@localhost` would count as `localhost`; two of them contradict each other.
    let has_user = |authority: &Authority| authority.as_str().contains('@');
    if given.next().is_some() || named.as_ref().is_some_and(has_user) {
        return None;
    }
    match (named, authority) {
        (Some(named), Some(target)) if &named != target => None,
        (named, target) => named.or_else(|| target.cloned()),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]")
}
