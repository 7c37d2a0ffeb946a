//! Which pages may talk to the server, and what their browsers are told.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Response, empty};
use crate::options::Origins;

/// The verdict on a request's origin.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Whether the request is welcome.
    pub(crate) allowed: bool,
    headers: HeaderMap,
}

impl Cors {
    pub(crate) fn judge(origins: &dyn Origins, request: &HeaderMap) -> Self {
        let origin = request.get(header::ORIGIN);
        let host = request.get(header::HOST).and_then(|host| host.to_str().ok());
        let allowed = match origin.map(HeaderValue::to_str) {
            None => origins.allows(None, host),
            Some(Ok(origin)) => origins.allows(Some(origin), host),
            Some(Err(_)) => false,
        };
        let mut headers = HeaderMap::new();
        // The answer depends on the origin, also where there is none.
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        if let (true, Some(origin)) = (allowed, origin) {
            if origins.credentials() {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                let yes = HeaderValue::from_static("true");
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            } else {
                let any = HeaderValue::from_static("*");
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
            }
        }
        Self { allowed, headers }
    }

    /// Adds what the browser has to know to an answer.
    pub(crate) fn apply(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }

    /// The answer to a preflight: the same for all, whatever it asks for.
    pub(crate) fn preflight(&self) -> Response {
        if !self.allowed {
            return self.apply(empty(StatusCode::FORBIDDEN));
        }
        let mut response = empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET,POST");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let names = HeaderValue::from_static("content-type,authorization");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        self.apply(response)
    }
}
