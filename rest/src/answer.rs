//! What a handler gives back; the table knows what is wrapped around it.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use warp::reply::Response;

use crate::error::{ApiError, bytes_response};

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer(Kind);

#[derive(Debug)]
enum Kind {
    Json { status: StatusCode, text: Vec<u8> },
    Whole(Response),
}

impl Answer {
    /// JSON; under `/api/chat` and `/api/notifications` it becomes `{ success: true, data }`.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        let text = serde_json::to_vec(value).map_err(|error| {
            // Only a map with keys that are no text fails, and no type of ours has one.
            tracing::error!(%error, "an answer is no JSON");
            ApiError::Unavailable { retry_after: std::time::Duration::from_secs(1) }
        })?;
        Ok(Self(Kind::Json { status, text }))
    }

    /// 200 and JSON.
    pub(crate) fn ok(value: &impl Serialize) -> Result<Self, ApiError> {
        Self::json(StatusCode::OK, value)
    }

    /// A status and nothing else.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut response = Response::default();
        *response.status_mut() = status;
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        Self(Kind::Whole(response))
    }

    /// An answer that is sent as it stands.
    pub(crate) fn whole(response: Response) -> Self {
        Self(Kind::Whole(response))
    }

    /// The answer as it is sent.
    pub(crate) fn into_response(self, wrapped: bool) -> Response {
        match self.0 {
            Kind::Whole(response) => response,
            Kind::Json { status, text } => {
                let text = if wrapped { wrap(&text) } else { text };
                bytes_response(status, text)
            }
        }
    }
}

/// `{ success: true, data }` around a JSON text.
fn wrap(data: &[u8]) -> Vec<u8> {
    [br#"{"success":true,"data":"#, data, b"}"].concat()
}
