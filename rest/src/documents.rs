//! What describes the sidecar and its events, made once when it starts.

use bytes::Bytes;
use crier_domain::{Catalogue, docs};
use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::{
    pages,
    table::{Operation, document},
};

/// The documents.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    /// `/openapi.json`.
    pub(crate) openapi: Document,
    /// `/asyncapi.json`.
    pub(crate) asyncapi: Document,
    /// `/events.d.ts`.
    pub(crate) types: Document,
    /// `/docs`.
    pub(crate) operations: Document,
    /// `/docs.js`.
    pub(crate) script: Document,
    /// `/docs/events`.
    pub(crate) events: Document,
}

/// One document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) text: Bytes,
    /// With its quotes.
    pub(crate) etag: HeaderValue,
}

impl Documents {
    pub(crate) fn new(operations: &[Operation], catalogue: &Catalogue) -> Self {
        Self {
            openapi: Document::new(document::openapi(operations).to_string()),
            asyncapi: Document::new(docs::asyncapi(catalogue).to_string()),
            types: Document::new(docs::events_d_ts(catalogue)),
            operations: Document::new(pages::operations(operations)),
            script: Document::new(pages::SCRIPT),
            events: Document::new(pages::events(catalogue)),
        }
    }
}

impl Document {
    fn new(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let digest = Sha256::digest(&text);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"{hex}\""));
        Self { text, etag: etag.unwrap_or(HeaderValue::from_static("\"\"")) }
    }
}
