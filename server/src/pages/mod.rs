//! The pages for people, as plain data: what stands at each path and under which rules.
//!
//! | path | |
//! | --- | --- |
//! | `/` | what runs here and how to try it |
//! | `/ws-tester.html` | connect, emit, and watch every packet; with `.js`, `.css`, `.json` beside it |
//! | `POST /dev/token` | [`dev_token`], with the development key only |
//! | `<socket path>socket.io.js` … | [`client`] |
//!
//! No page has an inline script or style, so that the Content-Security-Policy forbids them; what a
//! page shows of events, rooms and users goes through `textContent` alone.

pub mod client;
pub mod dev_token;
mod tester;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

pub use tester::{EVENTS, TesterEvent, tester_json};

/// One page, as a 200 answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// With its charset.
    pub content_type: &'static str,
    /// The whole page.
    pub body: Bytes,
    /// Content-Security-Policy.
    pub csp: &'static str,
}

impl Page {
    /// Every header that the page is served with, but for its length.
    #[must_use]
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 6] {
        let header = |name, value| (name, HeaderValue::from_static(value));
        [
            header(CONTENT_TYPE, self.content_type),
            header(CONTENT_SECURITY_POLICY, self.csp),
            header(X_CONTENT_TYPE_OPTIONS, "nosniff"),
            header(X_FRAME_OPTIONS, "DENY"),
            header(REFERRER_POLICY, "no-referrer"),
            // A page and its script change together, with the binary.
            header(CACHE_CONTROL, "no-cache"),
        ]
    }
}

/// The pages of one server.
#[derive(Clone, Debug)]
pub struct Pages {
    tester_json: Bytes,
}

impl Pages {
    /// `socket_path` as configured; `development`: `POST /dev/token` answers.
    #[must_use]
    pub fn new(socket_path: &str, development: bool) -> Self {
        Self { tester_json: Bytes::from(tester_json(EVENTS, socket_path, development)) }
    }

    /// The page at a path, without its query. `None` = no page: 404, or somebody else's path.
    #[must_use]
    pub fn lookup(&self, path: &str) -> Option<Page> {
        let page = |content_type, body: &'static str, csp| {
            Some(Page { content_type, body: Bytes::from_static(body.as_bytes()), csp })
        };
        match path {
            "/" | "/index.html" => page(HTML, include_str!("index.html"), CSP_PLAIN),
            "/ws-tester.html" => page(HTML, include_str!("tester/page.html"), CSP_TESTER),
            "/ws-tester.js" => page(JAVASCRIPT, tester::SCRIPT, CSP_NOTHING),
            "/ws-tester.css" => page(CSS, include_str!("tester/page.css"), CSP_NOTHING),
            "/ws-tester.json" => {
                let body = self.tester_json.clone();
                Some(Page { content_type: JSON, body, csp: CSP_NOTHING })
            }
            _ => None,
        }
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

const CSP_NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

const CSP_PLAIN: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; \
                         form-action 'none'; frame-ancestors 'none'";

/// The tester connects wherever its user says, and runs the official client from here, from the CDN
/// that we redirect to, or from a build on the user's own machine.
const CSP_TESTER: &str = "default-src 'none'; \
    script-src 'self' https://cdn.socket.io http://localhost:* http://127.0.0.1:*; \
    style-src 'self'; img-src data:; connect-src http: https: ws: wss:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 5] =
        ["/", "/ws-tester.html", "/ws-tester.js", "/ws-tester.css", "/ws-tester.json"];

    fn text(path: &str) -> String {
        let page = Pages::new("/socket.io/", true).lookup(path).unwrap();
        String::from_utf8(page.body.to_vec()).unwrap()
    }

    #[test]
    fn what_is_there_and_what_is_not() {
        let pages = Pages::new("/socket.io/", false);
        for path in PATHS {
            let page = pages.lookup(path).unwrap();
            assert!(!page.body.is_empty() && page.body.len() < 64 << 10, "{path}");
            assert!(page.content_type.ends_with("; charset=utf-8"), "{path}");
        }
        for path in ["", "//", "/ws-tester", "/WS-TESTER.html", "/../Cargo.toml", "/admin"] {
            assert_eq!(pages.lookup(path), None, "{path}");
        }
    }

    #[test]
    fn every_page_is_served_with_its_guards() {
        for path in PATHS {
            let headers = Pages::new("/socket.io/", false).lookup(path).unwrap().headers();
            let value = |name: HeaderName| {
                let found = headers.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| value.to_str().unwrap().to_owned()).unwrap()
            };
            let csp = value(CONTENT_SECURITY_POLICY);
            assert!(csp.starts_with("default-src 'none';"), "{path}");
            assert!(csp.contains("frame-ancestors 'none'"), "{path}");
            assert!(!csp.contains("unsafe"), "{path}");
            assert_eq!(value(X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        }
    }

    #[test]
    fn no_page_needs_what_its_policy_forbids() {
        for path in ["/", "/ws-tester.html"] {
            let html = text(path).to_ascii_lowercase();
            assert!(!html.contains("<style") && !html.contains(" style="), "{path}: inline style");
            for word in html.split_whitespace().filter(|word| word.starts_with("on")) {
                assert!(!word.contains('='), "{path}: inline handler {word}");
            }
            assert!(!html.contains("javascript:"), "{path}");
            for tag in html.split("<script").skip(1) {
                assert!(tag.starts_with(" src=\"/"), "{path}: inline script");
            }
            for link in html.split("href=\"http").skip(1) {
                assert!(link.starts_with("s://socket.io/"), "{path}: an outside link: {link:.40}");
            }
        }
    }

    #[test]
    fn what_the_tester_shows_is_text_alone() {
        let script = text("/ws-tester.js");
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "setAttribute(\"on",
            ".style",
            "localStorage.setItem(\"token",
        ] {
            assert!(!script.contains(sink), "{sink}");
        }
    }

    #[test]
    fn every_element_that_the_script_asks_for_is_in_the_page() {
        let (script, html) = (text("/ws-tester.js"), text("/ws-tester.html"));
        let asked: Vec<&str> = script
            .split("$(\"")
            .skip(1)
            .filter_map(|rest| rest.split_once("\")").map(|(id, _)| id))
            .collect();
        assert!(asked.len() > 20, "{asked:?}");
        for id in asked {
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
}
