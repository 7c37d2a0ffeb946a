//! Section 7 of the contract: customers and vendors, on `/presence` and `/chat`.
//!
//! ```text
//!   /presence  ──▶ the person is there, for this app
//!   /chat      ──▶ waits for that ──▶ room of the person ──▶ userChats, offlineMessages
//!   an event   ──▶ the service: store + events ──▶ rooms of both persons
//!                      └▶ ack, where wanted, in the app's envelope
//! ```
//!
//! Whatever the service tells somebody goes with its commit to the rooms of persons, so that all their
//! sockets hear of it and a client that was away gets it on coming back. What a socket asked for itself
//! (`userChats`, `loadMessages`) goes to that socket alone.

mod connect;
mod events;
mod reply;

use std::{future::ready, sync::Arc};

use crier_domain::{App, dialect::vendor_chat::Speaker};
use crier_protocol::socket::Args;

use super::{Context, protect};
use crate::{
    auth::{apps_of, identity},
    io::Io,
    namespace::{Namespace, handler::ConnectError, socket::Socket},
};

/// Sets both namespaces up.
pub(super) fn install(io: &Io, context: &Arc<Context>) {
    let (Ok(presence), Ok(chat)) = (io.of("/presence"), io.of("/chat")) else {
        // Both are legal names, and their number is far below the cap.
        return tracing::error!("the namespaces of vendor-chat cannot be made");
    };
    for namespace in [&presence, &chat] {
        admit(namespace, context);
        namespace.handlers().on_refusal(|socket, _event, refusal, ack| {
            reply::unhandled(socket, refusal, ack);
        });
    }
    connect::install(&presence, &chat, context);
    events::install(&chat, context);
    let presence = context.presence.vendor_chat.clone();
    // Nobody is told; this is what makes the grace end.
    context.background.spawn("presence of vendor-chat", async move {
        if presence.is_shared() {
            return presence.run_shared(|_| Vec::new()).await;
        }
        presence.run(|_| ready(())).await;
    });
}

/// Lets persons in and nobody else, whatever the mode.
fn admit(namespace: &Namespace, context: &Arc<Context>) {
    protect(namespace, context);
    let gate = context.gate.clone();
    namespace.use_middleware(move |socket| {
        let verdict = gate.require(&socket).and_then(|_| is_person(&socket));
        async move { verdict }
    });
    if let Ok(args) = Args::one(&reply::out_of_order()) {
        namespace.handlers().answer_open_acks(args);
    }
}

fn is_person(socket: &Socket) -> Result<(), ConnectError> {
    let refuse = |message, code, reason| {
        let data = serde_json::json!({ "code": code, "reason": reason });
        Err(ConnectError::new(message).with_data(data))
    };
    if !apps_of(socket).contains(App::VendorChat) {
        return refuse("Bad auth", "APP_OFF", "auth.apps leaves vendor-chat out");
    }
    match speaker(socket) {
        Some(_) => Ok(()),
        None => refuse("Invalid token", "NO_USER_TYPE", "the token has no userType"),
    }
}

/// Who a socket of these namespaces is: everyone that was let in is somebody.
fn speaker(socket: &Socket) -> Option<Speaker> {
    Speaker::of(identity(socket)?.as_ref())
}
