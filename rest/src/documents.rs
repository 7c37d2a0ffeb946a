//! What describes the sidecar, made once when it starts.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::table::{Operation, document};

/// The documents.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    /// `/openapi.json`.
    pub(crate) openapi: Document,
}

/// One document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) text: Bytes,
    /// With its quotes.
    pub(crate) etag: String,
}

impl Documents {
    pub(crate) fn new(operations: &[Operation]) -> Self {
        Self { openapi: Document::new(document::openapi(operations).to_string()) }
    }
}

impl Document {
    pub(crate) fn new(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let digest = Sha256::digest(&text);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { text, etag: format!("\"{hex}\"") }
    }
}
