//! The applications, written against the public handler API.

mod system;

use std::sync::Arc;

use crier_domain::{
    Bus, Catalogue, Policy, Refusal as DomainRefusal, Timestamp,
    event::{describe_parts, system::ErrorEvent},
    service::Services,
};
use serde::Serialize;

use crate::{
    auth::Gate,
    io::Io,
    namespace::{
        handler::{Ack, Refusal},
        socket::Socket,
    },
};

/// What the apps work with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who may come in.
    pub gate: Gate,
    /// Who may join which room.
    pub policy: Policy,
    /// Every event and its shape.
    pub catalogue: Arc<Catalogue>,
    /// The way to everybody.
    pub bus: Arc<dyn Bus>,
    /// What the shop does.
    pub services: Arc<Services>,
}

pub(crate) use system::say_goodbye;

/// Registers the apps.
pub fn install(io: &Io, context: Context) {
    let main = io.main();
    let context = Arc::new(context);
    let gate = context.gate.clone();
    main.use_middleware(move |socket| {
        let verdict = gate.admit(&socket);
        async move { verdict }
    });
    main.handlers().on_refusal(|socket, _event, refusal, ack| refuse(socket, refusal, ack));
    main.handlers().before_shutdown(|socket| say_goodbye(socket, "server shutting down"));
    system::install(&main, &context);
}

/// What goes wrong before a handler runs, in the words of section 3 of the contract.
fn refuse(socket: &Socket, refusal: Refusal, ack: Ack) {
    let refusal = match refusal {
        // Without an ack there is nobody to tell; a newer client may simply know more events.
        Refusal::UnknownEvent if !ack.is_wanted() => return,
        Refusal::UnknownEvent => DomainRefusal::UnknownEvent { nearest: None },
        Refusal::BadPayload(error) => {
            let (path, message) = describe_parts(dotted(&error.path), &error.reason);
            DomainRefusal::Invalid { path, message }
        }
        Refusal::RateLimited(retry_after) => DomainRefusal::RateLimited { retry_after },
        Refusal::Expelled => return say_goodbye(socket, "rate limit"),
    };
    answer(socket, &refusal, ack);
}

/// A path such as `items[2].price` in the contract's form, `items.2.price`.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "").trim_matches('.').to_owned()
}

/// Tells a client why something was not done: by its ack, else by an `error` event.
fn answer(socket: &Socket, refusal: &DomainRefusal, ack: Ack) {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    }
    let retry_after = match refusal {
        DomainRefusal::RateLimited { retry_after } | DomainRefusal::Unavailable { retry_after } => {
            // Whole seconds, rounded up: after that much it works.
            Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0))
        }
        _ => None,
    };
    if ack.is_wanted() {
        return ack.send(&Failed { error: refusal.to_string(), retry_after });
    }
    let details = match refusal {
        DomainRefusal::AccessDenied { room } => Some(serde_json::json!({ "room": room.as_str() })),
        DomainRefusal::Invalid { path, .. } => Some(serde_json::json!({ "path": path })),
        _ => retry_after.map(|seconds| serde_json::json!({ "retryAfter": seconds })),
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
