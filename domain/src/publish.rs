//! What goes to the clients, and the one way there.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytestring::ByteString;
use crier_protocol::{Limits, Namespace, Room};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    event::{App, Class},
    identity::{Role, UserId},
    json::{self, JsonFault},
};

/// One event on its way to its receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where the receivers are connected.
    pub namespace: Namespace,
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub args: Args,
    /// The rooms that receive it, each socket once; empty = everyone of the namespace.
    pub rooms: Vec<Room>,
    /// Whoever is in one of these does not receive it.
    pub except: Vec<Room>,
    /// Whether it is logged for those who are away.
    pub class: Class,
    /// Where set, a receiver who is behind is owed only the newest event of this key.
    pub key: Option<String>,
    /// Whether it may be dropped for a receiver whose outbox is full.
    pub volatile: bool,
    /// Who of those in the rooms receives it.
    pub filter: Filter,
    /// Where set, and the namespace has at most so many sockets, everyone receives it, whatever
    /// `rooms` says. Decided when it is published, so that live and replayed receivers are the same.
    pub everyone_up_to: Option<usize>,
    /// Where set with a `key`: it waits for so long, a newer one of the key takes its place, and what
    /// is left is sent. Only for ephemeral events.
    pub settle: Option<Duration>,
    /// Makes a repetition harmless.
    pub idempotency: Option<Idempotency>,
}

/// Who of those in the rooms receives an event; the same live and on replay. The default is everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only sockets that have this app on.
    pub app: Option<App>,
    /// No anonymous sockets.
    pub signed_in: bool,
    /// Only sockets of these users; empty = all.
    pub users: Vec<UserId>,
    /// Only sockets of these roles; empty = all.
    pub roles: Vec<Role>,
}

/// Names one publishing, so that a retry of it is recognised for 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The caller's id, 1 to 64 bytes.
    pub key: String,
    /// SHA-256 of what was asked for; another one under the same key is a conflict.
    pub fingerprint: [u8; 32],
}

/// What became of a publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The same publishing was done before: nothing was sent now.
    pub repeated: bool,
}

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The idempotency key belongs to a publishing of other content.
    #[error("the id was used for another body")]
    Conflict,
    /// The bus cannot be reached.
    #[error("the bus is unavailable")]
    Unavailable {
        /// When a next try makes sense.
        retry_after: Duration,
    },
    /// The bus is reached and has no room now.
    #[error("the bus is overloaded")]
    Overloaded {
        /// When a next try makes sense.
        retry_after: Duration,
    },
}

/// The future that [`Bus::publish`] returns.
pub type PublishFuture<'a> = Pin<Box<dyn Future<Output = Result<Published, BusError>> + Send + 'a>>;

/// The future that [`Bus::was_published`] returns.
pub type WasPublishedFuture<'a> = Pin<Box<dyn Future<Output = Result<bool, BusError>> + Send + 'a>>;

/// The future that [`Bus::publish_all`] returns.
pub type PublishAllFuture<'a> =
    Pin<Box<dyn Future<Output = Vec<Result<Published, BusError>>> + Send + 'a>>;

/// Takes events to every replica, the publisher's own included.
///
/// `Ok` means that the event is where its [`Class`] says: recoverable ones are in the log, so that
/// every receiver gets them once, in the log's order, now or on coming back. `Err` means that nothing
/// was published. Two publishings of one idempotency key, however close together, make one event.
///
/// # Cancel safety
///
/// Dropping the future leaves open whether the event is published; a retry under the same
/// idempotency key settles it.
pub trait Bus: fmt::Debug + Send + Sync {
    /// Publishes one event.
    fn publish(&self, event: Publish) -> PublishFuture<'_>;

    /// Whether a publishing of this id was done before, for checks that may come out otherwise by now
    /// and must not stand in a retry's way. Changes nothing; [`BusError::Conflict`] as for publishing.
    ///
    /// A bus that remembers ids says so here. The default is for one that does not: no.
    fn was_published<'a>(&'a self, id: &'a Idempotency) -> WasPublishedFuture<'a> {
        let _ = id;
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Publishes events in this order, and says of each what became of it. Behind one for which the bus
    /// was not to be had, none is published; one that is refused for its id holds up nobody.
    fn publish_all(&self, events: Vec<Publish>) -> PublishAllFuture<'_> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(events.len());
            let mut away = None;
            for event in events {
                let outcome = match away {
                    Some(error) => Err(error),
                    None => self.publish(event).await,
                };
                if let Err(error @ (BusError::Unavailable { .. } | BusError::Overloaded { .. })) =
                    outcome
                {
                    away = Some(error);
                }
                outcomes.push(outcome);
            }
            outcomes
        })
    }
}

/// Where committed events go: into the log of this process, or out at once where they are ephemeral.
///
/// Called in the order of the commits, by one caller at a time; it must not wait for anything.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Takes one event. Its idempotency was settled by the commit and is not looked at.
    fn publish(&self, event: Publish);
}

/// The arguments of an event without its name, as the text of a JSON array. Cheap to clone.
///
/// Checked: well-formed, at most [`Limits::args_max`] arguments, no deeper than
/// [`Limits::depth_max`] and free of lone surrogates, so it may go to clients as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Args(ByteString);

/// Why a text is not the arguments of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// The text is no JSON array.
    #[error("expected an array")]
    NoArray,
    /// More arguments than an event may have.
    #[error("at most {max} arguments")]
    TooMany {
        /// The most arguments allowed.
        max: usize,
    },
    /// Clients could not read it.
    #[error(transparent)]
    Json(#[from] JsonFault),
}

impl Args {
    /// Takes a JSON array as it stands.
    ///
    /// # Errors
    ///
    /// See [`ArgsError`].
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ArgsError> {
        // Depth first: the parser below recurses.
        json::check(text, limits.depth_max)?;
        let Count(count) = serde_json::from_str(text).map_err(|_| ArgsError::NoArray)?;
        if count > limits.args_max {
            return Err(ArgsError::TooMany { max: limits.args_max });
        }
        Ok(Self(text.trim().into()))
    }

    /// The one argument that every event of the catalogue has.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Json`] where the payload is too deep, or has lone surrogates.
    pub fn payload(payload: &RawValue, limits: &Limits) -> Result<Self, ArgsError> {
        let text = format!("[{}]", payload.get());
        json::check(&text, limits.depth_max)?;
        Ok(Self(text.into()))
    }

    /// The array's text, brackets included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text between the brackets, to be put behind an event's name; empty without arguments.
    pub fn elements(&self) -> &str {
        let inner = self.0.strip_prefix('[').and_then(|s| s.strip_suffix(']'));
        inner.unwrap_or_default().trim()
    }
}

impl Default for Args {
    /// No arguments.
    fn default() -> Self {
        Self(ByteString::from_static("[]"))
    }
}

impl Serialize for Args {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are the users' own and stay out of logs.
        write!(f, "Args({} bytes)", self.0.len())
    }
}

/// How many elements an array has, without keeping any.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_array_of_bounded_size_and_depth() {
        let limits = Limits { args_max: 2, depth_max: 3, ..Limits::default() };
        let parse = |text: &str| Args::parse(text, &limits).map(|a| a.elements().to_owned());
        assert_eq!(parse("[]"), Ok(String::new()));
        assert_eq!(parse(" [ 1, {\"a\":[]} ] "), Ok("1, {\"a\":[]}".to_owned()));
        assert_eq!(parse("[1,2,3]"), Err(ArgsError::TooMany { max: 2 }));
        for text in ["{}", "", "[1", "[1]]", "null", "[1],[2]"] {
            assert_eq!(parse(text), Err(ArgsError::NoArray), "{text}");
        }
        assert_eq!(parse("[[[[]]]]"), Err(JsonFault::TooDeep { max: 3 }.into()));
        assert_eq!(parse(r#"["\ud800"]"#), Err(JsonFault::LoneSurrogate.into()));
    }

    #[test]
    fn payloads_stay_out_of_debug_output() {
        let args = Args::parse(r#"["secret"]"#, &Limits::default());
        assert_eq!(format!("{args:?}"), "Ok(Args(10 bytes))");
    }
}
