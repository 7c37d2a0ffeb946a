//! How the apps on `/` answer: acknowledgements, and `error` events where none is asked for.

use crier_domain::{Refusal, Timestamp, event::system::ErrorEvent};
use serde::Serialize;

use crate::namespace::{handler::Ack, socket::Socket};

/// Answers a client: with what was done, or with why it was not. Exactly one ack where one is wanted;
/// without, what was done needs no answer and a refusal is an `error` event.
pub fn reply<T: Serialize>(socket: &Socket, ack: Ack, result: Result<T, Refusal>) {
    match result {
        Ok(done) => ack.send(&done),
        Err(refusal) => answer(socket, &refusal, ack),
    }
}

/// Tells a client why something was not done: by its ack, else by an `error` event.
pub fn answer(socket: &Socket, refusal: &Refusal, ack: Ack) {
    if ack.is_wanted() {
        return ack.send(&Failed::of(refusal));
    }
    let details = match refusal {
        Refusal::AccessDenied { room } => Some(serde_json::json!({ "room": room.as_str() })),
        Refusal::Invalid { path, .. } => Some(serde_json::json!({ "path": path })),
        _ => retry_after(refusal).map(|seconds| serde_json::json!({ "retryAfter": seconds })),
    };
    let event = ErrorEvent {
        code: refusal.code().to_owned(),
        message: refusal.to_string(),
        details,
        timestamp: Timestamp::now(),
    };
    // A client that has gone, or is too slow, is not told.
    let _ = socket.emit_direct("error", &event);
}

/// The ack of a refusal: `{ error, retryAfter? }`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Failed {
    /// A refusal in these words.
    pub fn of(refusal: &Refusal) -> Self {
        Self { error: refusal.to_string(), retry_after: retry_after(refusal) }
    }
}

/// Whole seconds, rounded up: after that much it works.
fn retry_after(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::RateLimited { retry_after } | Refusal::Unavailable { retry_after } => {
            Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0))
        }
        _ => None,
    }
}
