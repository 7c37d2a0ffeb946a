//! Every answer that is no success: `{ success: false, error: { code, message, details? } }`.

use std::time::Duration;

use crier_domain::{BusError, CatalogueError, Refusal, RoomName};
use http::{HeaderValue, StatusCode, header};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use warp::reply::{Reply, Response};

/// Why a request is not done. The texts say what the caller did, never what Crier is made of.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("a token or an API key is required")]
    Unauthorized,
    #[error("the token or API key is not valid")]
    InvalidCredentials,
    #[error("an API key is no user: a user's token is required")]
    KeyIsNoUser,
    #[error("the role service or admin is required")]
    Forbidden,
    #[error("{message}")]
    Denied { code: &'static str, message: &'static str, room: Option<RoomName> },
    #[error("the origin is not allowed")]
    Origin,
    #[error("there is nothing here")]
    NotFound,
    #[error("{what} not found")]
    Missing { what: &'static str },
    #[error("the method is not allowed here")]
    MethodNotAllowed { allow: String },
    #[error("the body took too long to arrive")]
    Timeout,
    #[error("the body broke off")]
    BrokenBody,
    #[error("{message}")]
    Unfit { path: &'static str, message: String },
    #[error("{message}")]
    Conflict { message: String },
    #[error("the body has more than {max} bytes")]
    BodyTooLarge { max: usize },
    #[error("{path}: more than {max} bytes")]
    PayloadTooLarge { path: &'static str, max: usize },
    #[error("the host is not served here")]
    Misdirected,
    #[error("{message}")]
    MediaType { message: &'static str },
    #[error("{}", located(.path, .message))]
    Invalid { path: String, message: String },
    #[error("unknown event{}", suggestion(.nearest))]
    UnknownEvent { nearest: Option<&'static str> },
    #[error("too many requests")]
    RateLimited { retry_after: Duration },
    #[error("not available now; nothing was done")]
    Unavailable { retry_after: Duration },
    #[error("not ready")]
    NotReady,
    #[error("{reason}")]
    Head { status: StatusCode, reason: &'static str },
}

/// The contract's body of an error.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorBody {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

fn located(path: &str, message: &str) -> String {
    match (path, message) {
        ("", message) => message.to_owned(),
        // The contract's own sentence: `params.x is required`.
        (path, message) if message.starts_with("is ") => format!("{path} {message}"),
        (path, message) => format!("{path}: {message}"),
    }
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

impl ApiError {
    pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), message: message.into() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Head { status, .. } => *status,
            Self::BrokenBody | Self::Unfit { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::InvalidCredentials | Self::KeyIsNoUser => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden | Self::Origin | Self::Denied { .. } => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Missing { .. } | Self::UnknownEvent { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::BodyTooLarge { .. } | Self::PayloadTooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized | Self::InvalidCredentials | Self::KeyIsNoUser => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::Denied { code, .. } => code,
            Self::Origin => "ORIGIN_NOT_ALLOWED",
            Self::NotFound | Self::Missing { .. } => "NOT_FOUND",
            Self::MethodNotAllowed { .. } => "METHOD_NOT_ALLOWED",
            Self::Timeout => "REQUEST_TIMEOUT",
            Self::BrokenBody | Self::Unfit { .. } => "BAD_REQUEST",
            Self::Conflict { .. } => "CONFLICT",
            Self::BodyTooLarge { .. } | Self::PayloadTooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::Misdirected => "MISDIRECTED_REQUEST",
            Self::MediaType { .. } => "UNSUPPORTED_MEDIA_TYPE",
            Self::Invalid { .. } => "VALIDATION_ERROR",
            Self::UnknownEvent { .. } => "UNKNOWN_EVENT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::NotReady => "NOT_READY",
            Self::Head { status, .. } => match *status {
                StatusCode::URI_TOO_LONG => "URI_TOO_LONG",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "HEADERS_TOO_LARGE",
                _ => "BAD_REQUEST",
            },
        }
    }

    /// The error as an object, for bodies and for the items of a batch.
    pub(crate) fn body(&self) -> ErrorBody {
        let details = match self {
            Self::Invalid { path, .. } if !path.is_empty() => Some(json!({ "path": path })),
            Self::Unfit { path, .. } if !path.is_empty() => Some(json!({ "path": path })),
            Self::Denied { room: Some(room), .. } => Some(json!({ "room": room })),
            Self::UnknownEvent { nearest: Some(nearest) } => Some(json!({ "nearest": nearest })),
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => {
                Some(json!({ "retryAfter": seconds(*retry_after) }))
            }
            _ => None,
        };
        ErrorBody { code: self.code(), message: self.to_string(), details }
    }
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "success": false, "error": self.body() });
        let mut response = json_response(self.status(), &body);
        let headers = response.headers_mut();
        match &self {
            Self::Unauthorized | Self::KeyIsNoUser => {
                let ask = HeaderValue::from_static(r#"Bearer realm="crier""#);
                headers.insert(header::WWW_AUTHENTICATE, ask);
            }
            Self::InvalidCredentials => {
                let ask =
                    HeaderValue::from_static(r#"Bearer realm="crier", error="invalid_token""#);
                headers.insert(header::WWW_AUTHENTICATE, ask);
            }
            Self::MethodNotAllowed { allow } => {
                if let Ok(allow) = HeaderValue::try_from(allow) {
                    headers.insert(header::ALLOW, allow);
                }
            }
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => {
                headers.insert(header::RETRY_AFTER, seconds(*retry_after).into());
            }
            Self::NotReady => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // The rest of the body is not read, so the connection cannot be used again.
            Self::BodyTooLarge { .. } | Self::Timeout | Self::BrokenBody => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<BusError> for ApiError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Conflict => Self::Conflict { message: error.to_string() },
            BusError::Unavailable { retry_after } | BusError::Overloaded { retry_after } => {
                Self::Unavailable { retry_after }
            }
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        match refusal {
            Refusal::Unauthorized => Self::Unauthorized,
            Refusal::AccessDenied { room } => {
                Self::Denied { code, message: "Access denied", room: Some(room) }
            }
            Refusal::UnknownChannel => Self::Missing { what: "Channel" },
            Refusal::UnknownEvent { nearest } => Self::UnknownEvent { nearest },
            Refusal::Invalid { path, message } => Self::Invalid { path, message },
            Refusal::Unfit { path, message } => Self::Unfit { path, message },
            Refusal::NotFound { what } => Self::Missing { what },
            Refusal::Forbidden { code, message } => Self::Denied { code, message, room: None },
            Refusal::Conflict { message } => Self::Conflict { message },
            Refusal::RateLimited { retry_after } => Self::RateLimited { retry_after },
            Refusal::Unavailable { retry_after } => Self::Unavailable { retry_after },
        }
    }
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Unknown { nearest } => Self::UnknownEvent { nearest },
            CatalogueError::NotPublishable => Self::invalid("event", error.to_string()),
            CatalogueError::Invalid { path, message } if path.is_empty() => {
                Self::invalid("data", message)
            }
            CatalogueError::Invalid { path, message } => {
                Self::invalid(format!("data.{path}"), message)
            }
            CatalogueError::Params { path, message } => {
                Self::invalid(format!("params.{path}"), message)
            }
            CatalogueError::TooLarge { max } => Self::PayloadTooLarge { path: "data", max },
        }
    }
}

/// Whole seconds, at least one: a `Retry-After` of 0 invites a storm.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

/// An answer that no cache keeps and no browser takes for anything but JSON.
fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    bytes_response(status, serde_json::to_vec(body).unwrap_or_default())
}

/// The same of a text that is JSON.
pub(crate) fn bytes_response(status: StatusCode, json: Vec<u8>) -> Response {
    let mut response = json.into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The body of every refusal, as a schema.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["success", "error"],
        "additionalProperties": false,
        "properties": {
            "success": { "const": false },
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "additionalProperties": false,
                "properties": {
                    "code": { "type": "string", "description": "For programs: `NOT_FOUND`." },
                    "message": { "type": "string", "description": "For people." },
                    "details": { "type": "object", "description": "Such as the `path` of a field." },
                },
            },
        },
    })
}

/// What a status means, for the document.
pub(crate) fn meaning(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "`BAD_REQUEST`: the body broke off, or what is asked for makes no sense as a whole",
        401 => "`UNAUTHORIZED`: no credentials, wrong ones, or a key where a user is required",
        403 => "`FORBIDDEN`, `ACCESS_DENIED` and others: known, and may not; `ORIGIN_NOT_ALLOWED`",
        404 => "`NOT_FOUND`, or `UNKNOWN_EVENT` with the nearest name",
        408 => "`REQUEST_TIMEOUT`: the body took too long to arrive",
        409 => "`CONFLICT`: the id was used for another body, or the step is not possible",
        413 => "`PAYLOAD_TOO_LARGE`",
        415 => "`UNSUPPORTED_MEDIA_TYPE`: of the body, or its encoding",
        421 => "`MISDIRECTED_REQUEST`: the host is not served here",
        422 => "`VALIDATION_ERROR`; `details.path` names the field",
        429 => "`RATE_LIMITED`",
        503 => "`UNAVAILABLE` or `NOT_READY`; nothing was done",
        _ => "refused",
    }
}
