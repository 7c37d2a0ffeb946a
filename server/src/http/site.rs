//! Everything on the sockets' address that is no session: pages, the client's files, the development
//! key's mint, and the embedded sidecar.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use crier_domain::{DEVELOPMENT_SECRET, UserId, mint};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;

use super::{Answers, Cut, Response, cors::Cors, empty, full, post, text};
use crate::{
    cli::Token,
    config::OriginPolicy,
    io::Io,
    pages::{
        Pages,
        client::{ClientAnswer, ClientFiles},
        dev_token,
    },
};

/// What the sockets' address serves.
pub struct Site {
    /// The sessions.
    pub io: Io,
    /// The pages.
    pub pages: Pages,
    /// The official client.
    pub client: ClientFiles,
    /// Who may call, for `POST /dev/token`.
    pub origins: OriginPolicy,
    /// Whether tokens are minted here: on the development key, on loopback.
    pub development: bool,
    /// Whatever else is served, by path: the embedded sidecar.
    pub also: Option<Also>,
}

/// A guest on the sockets' address, by path.
#[derive(Clone)]
pub struct Also {
    /// Which paths are its own.
    pub owns: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Who answers them.
    pub answers: Answers,
}

impl Site {
    /// What the sockets' address answers with.
    pub fn into_answers(self) -> Answers {
        let site = Arc::new(self);
        let also = site.also.clone();
        Answers {
            handler: Arc::new(move |request, peer| {
                let site = Arc::clone(&site);
                Box::pin(async move { site.handle(request, peer).await })
            }),
            refuse: Arc::new(move |path, status, reason| match &also {
                Some(also) if (also.owns)(path) => (also.answers.refuse)(path, status, reason),
                _ => text(status, reason),
            }),
        }
    }

    async fn handle(&self, request: Request<Incoming>, peer: IpAddr) -> Result<Response, Cut> {
        let path = request.uri().path();
        if self.io.owns(path) {
            return match self.client_file(&request) {
                Some(response) => Ok(response),
                None => self.io.handle(request, peer).await,
            };
        }
        if let Some(also) = &self.also
            && (also.owns)(path)
        {
            return (also.answers.handler)(request, peer).await;
        }
        if request.headers().contains_key(header::UPGRADE) {
            return Ok(super::closing(text(StatusCode::NOT_FOUND, "Not Found")));
        }
        if path == "/dev/token" && self.development {
            return Ok(self.dev_token(request).await);
        }
        let Some(page) = self.pages.lookup(path) else {
            return Ok(text(StatusCode::NOT_FOUND, "Not Found"));
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return Ok(response);
        }
        let mut response = full(StatusCode::OK, page.content_type, page.body.clone());
        for (name, value) in page.headers() {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }

    /// A file of the official client, under the path of the sessions.
    fn client_file(&self, request: &Request<Incoming>) -> Option<Response> {
        let name = request.uri().path().strip_prefix(&self.io.options().path)?;
        let match_ = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        let (mut response, etag) = match self.client.lookup(name, match_)? {
            ClientAnswer::Redirect(url) => {
                let mut response = empty(StatusCode::FOUND);
                response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(url).ok()?);
                (response, None)
            }
            ClientAnswer::NotModified(etag) => (empty(StatusCode::NOT_MODIFIED), Some(etag)),
            ClientAnswer::File { content_type, body, etag } => {
                (full(StatusCode::OK, content_type, body), etag)
            }
        };
        let fresh = HeaderValue::from_static("public, max-age=0");
        response.headers_mut().insert(header::CACHE_CONTROL, fresh);
        if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        let cors = Cors::judge(&*self.io.options().origins, request.headers());
        Some(cors.apply(response))
    }

    /// A token of the development key, for the tester page.
    async fn dev_token(&self, request: Request<Incoming>) -> Response {
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        }
        if !self.is_ours(request.headers()) {
            return text(StatusCode::FORBIDDEN, "Forbidden");
        }
        let time = self.io.options().body_timeout;
        let body = post::read(request.into_body(), dev_token::BODY_MAX, time).await;
        // What is no body of ours is refused by its reader, with its own words.
        let body = body.unwrap_or_else(|_| Bytes::from_static(&[b' '; dev_token::BODY_MAX + 1]));
        let answer = dev_token::answer(&body, development_token);
        let mut response = full(answer.status, "application/json", answer.body);
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response
    }

    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let (origin, host) = (text(header::ORIGIN), text(header::HOST));
        let origin_is_text = headers.contains_key(header::ORIGIN) == origin.is_some();
        origin_is_text
            && self.origins.allows(origin, host)
            && host.is_some_and(|host| self.origins.is_own_host(host))
    }
}

/// A token signed by the public development key.
///
/// # Errors
/// The user's id cannot be one, as a sentence.
pub fn development_token(token: &Token) -> Result<String, String> {
    sign(DEVELOPMENT_SECRET.as_bytes(), token)
}

/// A token signed by a secret.
///
/// # Errors
/// The user's id cannot be one, as a sentence.
pub fn sign(secret: &[u8], token: &Token) -> Result<String, String> {
    UserId::parse(&token.user)
        .ok_or("user: 1 to 256 bytes without control characters are expected")?;
    Ok(mint(secret, &token.user, token.role, token.user_type, token.ttl))
}

impl std::fmt::Debug for Also {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Also").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("development", &self.development).finish_non_exhaustive()
    }
}
