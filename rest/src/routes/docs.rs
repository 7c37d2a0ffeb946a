//! What describes Crier: `/openapi.json`.

use http::{HeaderValue, Method, StatusCode, header};
use warp::reply::{Reply, Response};

use crate::{
    answer::Answer,
    call::Call,
    documents::Document,
    error::ApiError,
    table::{Access, Content, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let page = |path, id, summary, kind, handle: fn(Call) -> Result<Answer, ApiError>| {
        let handle = move |call: Call| std::future::ready(handle(call));
        Operation::new(&[Method::GET], path, id, summary, Access::Public, handle)
            .success(StatusCode::OK, "The document", Content::Other(kind))
            .success(StatusCode::NOT_MODIFIED, "It is the one you have", Content::Empty)
    };
    vec![page("/openapi.json", "openapi", "This document.", JSON, |call| {
        document(&call, &call.state.documents.openapi, JSON)
    })]
}

const JSON: &str = "application/json";

fn document(call: &Call, document: &Document, kind: &'static str) -> Result<Answer, ApiError> {
    let known = call.headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let tags = value.to_str().unwrap_or_default().split(',');
        tags.map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == document.etag || tag == "*")
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(document.text.clone().into());
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(&document.etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(Answer::whole(response))
}
