//! Handlers whose result is the answer.

use std::{future::Future, sync::Arc};

use crier_domain::{Refusal, event::describe_parts};
use crier_protocol::socket::Args;
use serde::{Serialize, de::DeserializeOwned};

use super::{Context, dotted, reply};
use crate::namespace::{
    Namespace,
    handler::{Ack, Payload},
    socket::Socket,
};

/// Registers a handler of a payload with fields.
pub(super) fn on<T, R, F, Fut>(main: &Namespace, context: &Arc<Context>, event: &str, handler: F)
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: Fn(Arc<Context>, Socket, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    let context = Arc::clone(context);
    main.on(event, move |socket: Socket, Payload(payload): Payload<T>, ack: Ack| {
        let done = handler(Arc::clone(&context), socket.clone(), payload);
        async move { reply(&socket, ack, done.await) }
    });
}

/// Registers a handler of a payload that is one bare value; refusals call it by this name.
pub(super) fn on_bare<T, R, F, Fut>(
    main: &Namespace,
    context: &Arc<Context>,
    event: &str,
    name: &'static str,
    handler: F,
) where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: Fn(Arc<Context>, Socket, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    let context = Arc::clone(context);
    main.on(event, move |socket: Socket, args: Args, ack: Ack| {
        let done =
            args.get::<T>(0).map(|value| handler(Arc::clone(&context), socket.clone(), value));
        async move {
            let result = match done {
                Ok(done) => done.await,
                Err(error) => {
                    let (path, message) = describe_parts(dotted(&error.path), &error.reason);
                    let path = if path.is_empty() { name.to_owned() } else { path };
                    Err(Refusal::Invalid { path, message })
                }
            };
            reply(&socket, ack, result);
        }
    });
}
