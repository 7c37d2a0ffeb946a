//! What an application registers, and how its handlers are called.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use crier_protocol::{
    AckId, CloseReason, Room, SocketId,
    socket::{ArgError, Args},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{server_side::ServerSideHandler, socket::Socket};
use crate::recovery::Recovery;

/// A handler at work.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) type ConnectHandler = Arc<dyn Fn(Socket) -> Running + Send + Sync>;
pub(crate) type EventHandler = Arc<dyn Fn(Socket, Args, Ack) -> Running + Send + Sync>;
pub(crate) type DisconnectHandler = Arc<dyn Fn(Socket, CloseReason) -> Running + Send + Sync>;
pub(crate) type RestoreHook = Arc<dyn Fn(Socket, Vec<Room>) -> Choosing + Send + Sync>;
pub(crate) type RoomHook = Arc<dyn Fn(&Socket, &Room) + Send + Sync>;
pub(crate) type ShutdownHook = Arc<dyn Fn(&Socket) + Send + Sync>;
pub(crate) type RefusalHandler = Arc<dyn Fn(&Socket, &str, Refusal, Ack) + Send + Sync>;
pub(crate) type Guard = Arc<dyn Fn(&Socket, &str, Ack) -> Option<Ack> + Send + Sync>;
pub(crate) type FirstWords =
    Arc<dyn Fn(&Socket, &Arrival) -> Option<(&'static str, Args)> + Send + Sync>;
pub(crate) type Middleware = Arc<dyn Fn(Socket) -> Deciding + Send + Sync>;

/// A restore hook at work.
pub(crate) type Choosing = Pin<Box<dyn Future<Output = Vec<Room>> + Send>>;

/// A middleware at work.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Result<(), ConnectError>> + Send>>;

/// How a client comes in, while it is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The public id that the socket has from now on.
    pub id: SocketId,
    /// Whether it goes on as the socket that it was.
    pub recovery: Recovery,
}

/// Why a client may not join a namespace: it reaches the client as `connect_error`, and the client
/// does not try again by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    /// `err.message` in the client.
    pub message: String,
    /// `err.data` in the client.
    pub data: Option<serde_json::Value>,
}

impl ConnectError {
    /// A refusal with a message alone.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds what the client finds in `err.data`.
    #[must_use]
    pub fn with_data(mut self, data: serde_json::Value) -> Self {
        self.data = Some(data);
        self
    }
}

/// Why an event did not reach a handler.
#[derive(Debug)]
pub enum Refusal {
    /// No handler of that name.
    UnknownEvent,
    /// The arguments are not what the handler takes.
    BadPayload(ArgError),
    /// The arguments have more bytes than this namespace takes ([`Handlers::payload_max`](super::Handlers::payload_max)).
    PayloadTooLarge {
        /// The most that it takes.
        max: usize,
    },
    /// Too many events; the next is welcome after this time.
    RateLimited(Duration),
    /// Too many events for too long: the connection is closed after this.
    Expelled,
}

/// What a handler takes as its arguments.
pub trait FromArgs: Sized + Send + 'static {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Says which argument, and which field in it, is not as expected.
    fn from_args(args: Args) -> Result<Self, ArgError>;
}

/// The first argument, as an application type. An absent one reads as `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromArgs for Payload<T> {
    fn from_args(args: Args) -> Result<Self, ArgError> {
        args.get(0).map(Payload)
    }
}

impl FromArgs for Args {
    fn from_args(args: Args) -> Result<Self, ArgError> {
        Ok(args)
    }
}

impl FromArgs for () {
    fn from_args(_args: Args) -> Result<Self, ArgError> {
        Ok(())
    }
}

/// Several arguments as a tuple; further ones are ignored, as a function in JavaScript would.
macro_rules! tuple_from_args {
    ($($name:ident $index:literal),+) => {
        impl<$($name: DeserializeOwned + Send + 'static),+> FromArgs for ($($name,)+) {
            fn from_args(args: Args) -> Result<Self, ArgError> {
                Ok(($(args.get::<$name>($index)?,)+))
            }
        }
    };
}
tuple_from_args!(A 0);
tuple_from_args!(A 0, B 1);
tuple_from_args!(A 0, B 1, C 2);
tuple_from_args!(A 0, B 1, C 2, D 3);

/// The client's callback, if it gave one. Only one answer can be sent, so sending consumes it; an
/// `Ack` that is dropped leaves the client waiting until its own timeout, unless
/// [`Handlers::answer_open_acks`](super::Handlers::answer_open_acks) says what to answer.
#[must_use = "a client that asked for an acknowledgement waits for it"]
pub struct Ack {
    target: Option<(Socket, AckId)>,
}

impl Ack {
    pub(crate) fn new(socket: &Socket, id: Option<AckId>) -> Self {
        Self { target: id.map(|id| (socket.clone(), id)) }
    }

    /// Whether the client waits for an answer.
    pub fn is_wanted(&self) -> bool {
        self.target.is_some()
    }

    /// Answers with one value; does nothing where no answer is wanted.
    pub fn send<T: Serialize + ?Sized>(self, value: &T) {
        if self.target.is_none() {
            return;
        }
        match Args::one(value) {
            Ok(args) => self.send_args(args),
            Err(error) => tracing::error!(%error, "an acknowledgement cannot be written as JSON"),
        }
    }

    /// Answers with any number of values.
    pub fn send_args(mut self, args: Args) {
        if let Some((socket, id)) = self.target.take() {
            socket.send_ack(id, args);
        }
    }
}

/// A handler that ended, panicked or was dropped at its deadline has not answered: where the
/// namespace says what to answer then, the client is not left waiting.
impl Drop for Ack {
    fn drop(&mut self) {
        if let Some((socket, id)) = self.target.take()
            && let Some(args) = socket.behaviour().open_acks.clone()
        {
            socket.send_ack(id, args);
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack").field("wanted", &self.is_wanted()).finish()
    }
}

/// Everything that an application registered on a namespace. Each socket keeps the version that was in
/// force when it connected.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    pub(crate) middleware: Vec<Middleware>,
    pub(crate) on_connect: Vec<ConnectHandler>,
    pub(crate) on_disconnect: Vec<DisconnectHandler>,
    pub(crate) on_restore: Option<RestoreHook>,
    pub(crate) first_words: Option<FirstWords>,
    pub(crate) on_room: Option<RoomHook>,
    pub(crate) events: std::collections::HashMap<Box<str>, EventHandler>,
    pub(crate) server_side: std::collections::HashMap<Box<str>, ServerSideHandler>,
    pub(crate) refusal: Option<RefusalHandler>,
    pub(crate) guard: Option<Guard>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) payload_max: Option<usize>,
    pub(crate) open_acks: Option<Args>,
    pub(crate) before_shutdown: Option<ShutdownHook>,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}

/// Wraps a typed handler: reads its arguments, or refuses the event.
pub(crate) fn event_handler<T, F, Fut>(event: &str, handler: F) -> EventHandler
where
    T: FromArgs,
    F: Fn(Socket, T, Ack) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let event: Arc<str> = event.into();
    Arc::new(move |socket, args, ack| match T::from_args(args) {
        Ok(payload) => match socket.behaviour().deadline {
            None => Box::pin(handler(socket, payload, ack)),
            Some(deadline) => {
                let running = handler(socket, payload, ack);
                let event = Arc::clone(&event);
                Box::pin(async move {
                    if tokio::time::timeout(deadline, running).await.is_err() {
                        tracing::error!(%event, "a handler took too long and was dropped");
                    }
                })
            }
        },
        Err(error) => {
            socket.refuse(&event, Refusal::BadPayload(error), ack);
            Box::pin(std::future::ready(()))
        }
    })
}

/// How a server without an application of its own words refuses: an ack `{ error }`, or an `error`
/// event where the client did not ask for one. Unknown events are ignored, as in the reference.
pub(crate) fn default_refusal(socket: &Socket, event: &str, refusal: &Refusal, ack: Ack) {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    }
    #[derive(Serialize)]
    struct ErrorEvent<'a> {
        code: &'a str,
        message: &'a str,
        details: serde_json::Value,
    }
    let (code, message, retry_after) = match refusal {
        Refusal::UnknownEvent => return,
        Refusal::Expelled => ("RATE_LIMITED", "Rate limit exceeded".to_owned(), None),
        Refusal::BadPayload(error) => ("BAD_PAYLOAD", error.to_string(), None),
        Refusal::PayloadTooLarge { max } => {
            ("BAD_PAYLOAD", format!("the payload has more than {max} bytes"), None)
        }
        Refusal::RateLimited(after) => {
            let seconds = after.as_secs().max(1);
            ("RATE_LIMITED", "Rate limit exceeded".to_owned(), Some(seconds))
        }
    };
    if ack.is_wanted() {
        ack.send(&Reply { error: &message, retry_after });
    } else {
        let details = serde_json::json!({ "event": event });
        // A full outbox closes the session by itself; nothing is left to do here.
        let _ = socket.emit_direct("error", &ErrorEvent { code, message: &message, details });
    }
}
