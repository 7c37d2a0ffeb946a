//! What describes Crier: `/docs`, `/docs/events`, `/openapi.json`, `/asyncapi.json`, `/events.d.ts`.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::{Reply, Response};

use crate::{
    answer::Answer,
    call::Call,
    documents::{Document, Documents},
    error::ApiError,
    pages::POLICY,
    table::{Access, Content, Operation},
};

const JSON: &str = "application/json";
const TYPES: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation("/openapi.json", "openapi", "This document.", JSON, |all| &all.openapi),
        operation(
            "/asyncapi.json",
            "asyncapi",
            "The events of the sockets, in AsyncAPI 3.",
            JSON,
            |all| &all.asyncapi,
        ),
        operation(
            "/events.d.ts",
            "eventTypes",
            "The events of the sockets, as types for `socket.io-client`.",
            TYPES,
            |all| &all.types,
        ),
        operation("/docs", "docs", "The operations, for people.", HTML, |all| &all.operations),
        operation("/docs.js", "docsScript", "The script of `/docs`.", SCRIPT, |all| &all.script),
        operation(
            "/docs/events",
            "eventsPage",
            "The events of the sockets, for people.",
            HTML,
            |all| &all.events,
        ),
    ]
}

fn operation(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    kind: &'static str,
    which: fn(&Documents) -> &Document,
) -> Operation {
    let handle = move |call: Call| {
        std::future::ready(Ok::<_, ApiError>(answer(&call, which(&call.state.documents), kind)))
    };
    Operation::new(&[Method::GET], path, id, summary, Access::Public, handle)
        .success(StatusCode::OK, "The document", Content::Other(kind))
        .success(StatusCode::NOT_MODIFIED, "It is the one you have", Content::Empty)
}

fn answer(call: &Call, document: &Document, kind: &'static str) -> Answer {
    let mut response = if is_known(&call.headers, &document.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(document.text.clone().into());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, document.etag.clone());
    // It changes with the binary.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Answer::whole(response)
}

/// Whether the caller has it already (RFC 9110, 13.1.2: a weak comparison).
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.to_str().unwrap_or_default();
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.map(|tag| tag.trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
    })
}
