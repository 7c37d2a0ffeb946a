//! What a client is told: acks in the app's envelope, and `appError`.

use std::{future::Future, sync::Arc, time::Duration};

use crier_domain::{Refusal, dialect::vendor_chat::Speaker, event::vendor_chat::AppError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    super::{Context, refused, say_goodbye},
    speaker,
};
use crate::namespace::{
    Namespace,
    handler::{Ack, FromArgs, Payload, Refusal as Unhandled},
    socket::Socket,
};

/// Calls a handler for an event with a payload. What it gives back is the ack; what it refuses is
/// `appError`, and the ack too where one is wanted.
pub(super) fn on<T, R, F, Fut>(
    chat: &Namespace,
    event: &'static str,
    context: &Arc<Context>,
    handler: F,
) where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send,
    F: Fn(Arc<Context>, Socket, Speaker, T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    on_args(chat, event, context, move |context, socket, me, Payload(asked): Payload<T>| {
        handler(context, socket, me, asked)
    });
}

/// The same for an event with any arguments, or none.
pub(super) fn on_args<A, R, F, Fut>(
    chat: &Namespace,
    event: &'static str,
    context: &Arc<Context>,
    handler: F,
) where
    A: FromArgs,
    R: Serialize + Send,
    F: Fn(Arc<Context>, Socket, Speaker, A) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    let context = Arc::clone(context);
    chat.on(event, move |socket: Socket, args: A, ack: Ack| {
        let (context, handler) = (Arc::clone(&context), handler.clone());
        async move {
            let result = match speaker(&socket) {
                Some(me) => handler(context, socket.clone(), me, args).await,
                None => Err(Refusal::Unauthorized),
            };
            match result {
                Ok(reply) => ack.send(&reply),
                Err(refusal) => refuse(&socket, &refusal, ack),
            }
        }
    });
}

/// Tells a client why something was not done.
pub(super) fn refuse(socket: &Socket, refusal: &Refusal, ack: Ack) {
    let error = AppError::from(refusal);
    ack.send(&error);
    // A client that has gone, or is too slow, is not told.
    let _ = socket.emit("appError", &error);
}

/// What goes wrong before a handler runs.
pub(super) fn unhandled(socket: &Socket, refusal: Unhandled, ack: Ack) {
    match refused(refusal) {
        // The one answer that is the same on every namespace, with this one's fields beside it. Without
        // an ack there is nobody to tell; a newer client may simply know more events.
        Some(Refusal::UnknownEvent { .. }) => {
            let message = "Unknown event";
            ack.send(&json!({ "statusCode": 404, "error": message, "message": message }));
        }
        Some(refusal) => refuse(socket, &refusal, ack),
        None => say_goodbye(socket, "rate limit"),
    }
}

/// The answer to an ack that a handler leaves open: it took too long, or failed.
pub(super) fn out_of_order() -> AppError {
    AppError::from(&Refusal::Unavailable { retry_after: Duration::from_secs(1) })
}
