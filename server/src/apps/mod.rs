//! The applications, written against the public handler API.

mod context;
mod marketplace;
mod on;
mod others;
mod presence;
mod reply;
mod shop;
mod storefront;
mod system;
mod vendor_chat;

use std::{collections::HashMap, sync::Arc, time::Duration};

use crier_domain::{
    App, Direction, Refusal as DomainRefusal, Row,
    event::{describe_parts, system::RefreshToken},
};
use crier_protocol::socket::Args;

pub use self::{
    context::{Context, named_room, same_user},
    reply::{Failed, answer, reply},
};
use crate::{
    auth::refresh,
    io::Io,
    namespace::{
        Namespace,
        handler::{Ack, Payload, Refusal},
        socket::Socket,
    },
};

pub use self::presence::{Audience, AudienceMode};
pub(crate) use self::system::{enter_own_rooms, say_goodbye};

/// How long a handler may work on one event. Whoever asked is answered by then.
const DEADLINE: Duration = Duration::from_secs(10);

/// Registers the apps.
pub fn install(io: &Io, context: Context) {
    let main = io.main();
    let context = Arc::new(context);
    protect(&main, &context);
    main.handlers().payload_max(context.payload_max);
    let guard = Arc::clone(&context);
    let rows = context.catalogue.rows().filter(|row| row.direction == Direction::ToServer);
    let rows = rows.filter(|row| row.namespace == main.name().as_str());
    let rows: HashMap<&str, &Row> = rows.map(|row| (row.name, row)).collect();
    main.handlers().before_event(move |socket, event, ack| match rows.get(event) {
        Some(row) => guard.welcome(socket, event, row, ack),
        // What no row knows has no handler either.
        None => Some(ack),
    });
    let shared = Arc::clone(&context);
    main.handlers().on_restore(move |socket, rooms| {
        let context = Arc::clone(&shared);
        async move { context.restore(&socket, rooms).await }
    });
    system::install(&main, &context);
    presence::install(&main, &context);
    if context.is_on(App::VendorChat) {
        vendor_chat::install(io, &context);
    }
    let expiry = context.expiry.clone();
    context.background.spawn("expiry of sessions", expiry.run());
    if context.is_on(App::Shop) {
        shop::install(&main, &context);
    }
    if context.is_on(App::Marketplace) {
        marketplace::install(&main, &context);
    }
    if context.is_on(App::Storefront) {
        storefront::install(&main, &context);
    }
}

/// What holds in every namespace of the apps, before any code of theirs: the gate, refusals in the
/// words of `/` where the app has none of its own, a deadline for handlers, an answer to every ack that
/// a handler leaves open, a new token, the goodbye of a server that goes down.
pub fn protect(namespace: &Namespace, context: &Arc<Context>) {
    let gate = context.gate.clone();
    namespace.use_middleware(move |socket| {
        let gate = gate.clone();
        async move { gate.admit(&socket).await }
    });
    let handlers = namespace.handlers();
    handlers.on_refusal(|socket, _event, refusal, ack| refuse(socket, refusal, ack));
    handlers.deadline(DEADLINE);
    let failed = Failed::of(&DomainRefusal::Unavailable { retry_after: Duration::from_secs(1) });
    if let Ok(args) = Args::one(&failed) {
        handlers.answer_open_acks(args);
    }
    let shared = Arc::clone(context);
    namespace.on("token_refresh", move |socket, Payload(new): Payload<RefreshToken>, ack| {
        let context = Arc::clone(&shared);
        async move { reply(&socket, ack, refresh(&context, &socket, &new.token).await) }
    });
    handlers.before_shutdown(|socket| say_goodbye(socket, "server shutting down"));
    let shared = Arc::clone(context);
    namespace.on_connect(move |socket| {
        let context = Arc::clone(&shared);
        async move {
            context.roster.add(&socket);
            context.expiry.watch(&socket);
            match context.gate.was_revoked_meanwhile(&socket).await {
                Ok(false) => {}
                Ok(true) => {
                    say_goodbye(&socket, "revoked");
                    socket.disconnect(false);
                }
                // Nobody can tell; it comes back and is asked again.
                Err(_) => socket.close_transport(),
            }
        }
    });
    let shared = Arc::clone(context);
    namespace.on_disconnect(move |socket, _reason| {
        shared.roster.remove(&socket);
        shared.expiry.forget(&socket);
        std::future::ready(())
    });
}

/// What goes wrong before a handler runs, in the words of section 3 of the contract.
fn refuse(socket: &Socket, refusal: Refusal, ack: Ack) {
    match refused(refusal) {
        // Without an ack there is nobody to tell; a newer client may simply know more events.
        Some(DomainRefusal::UnknownEvent { .. }) if !ack.is_wanted() => {}
        Some(refusal) => answer(socket, &refusal, ack),
        None => say_goodbye(socket, "rate limit"),
    }
}

/// The refusal of the handler API in the domain's words; `None` where the client is sent away.
pub fn refused(refusal: Refusal) -> Option<DomainRefusal> {
    Some(match refusal {
        Refusal::UnknownEvent => DomainRefusal::UnknownEvent { nearest: None },
        Refusal::BadPayload(error) => {
            let (path, message) = describe_parts(dotted(&error.path), &error.reason);
            DomainRefusal::Invalid { path, message }
        }
        Refusal::PayloadTooLarge { max } => {
            let message = format!("the payload has more than {max} bytes");
            DomainRefusal::Invalid { path: String::new(), message }
        }
        Refusal::RateLimited(retry_after) => DomainRefusal::RateLimited { retry_after },
        Refusal::Expelled => return None,
    })
}

/// A path such as `items[2].price` in the contract's form, `items.2.price`.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "").trim_matches('.').to_owned()
}
