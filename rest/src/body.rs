//! Reading a body: its type, its size while it arrives, its JSON.

use std::{borrow::Cow, fmt, marker::PhantomData, pin::Pin, sync::Arc};

use bytes::{Buf, Bytes};
use crier_domain::{event::describe, json};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{config::SidecarConfig, error::ApiError};

/// A body as it arrives.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Boxes what warp gives.
pub(crate) fn boxed<S, B>(stream: S) -> BodyStream
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf,
{
    Box::pin(stream.map(|part| part.map(|mut part| part.copy_to_bytes(part.remaining()))))
}

/// A whole body. While it lives, its bytes count against those of all bodies.
#[derive(Debug)]
pub(crate) struct Body {
    text: String,
    _held: Option<OwnedSemaphorePermit>,
}

/// The bytes that all bodies may take together.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    room: Arc<Semaphore>,
    timeout: std::time::Duration,
}

impl Bodies {
    pub(crate) fn new(config: &SidecarConfig) -> Self {
        let bytes = config.bodies_bytes_max.min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(bytes)), timeout: config.body_timeout }
    }

    /// Reads a body of JSON of at most `max` bytes, and no further than the byte that crosses it. An
    /// `optional` one that is not there is `{}`.
    ///
    /// # Errors
    ///
    /// 415 for another type or an encoding, 413, 408, 400 where it breaks off, 422 where it is no
    /// UTF-8, 503 while other bodies take all the room.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        stream: BodyStream,
        max: usize,
        optional: bool,
    ) -> Result<Body, ApiError> {
        // Where none is needed, none has a type either.
        let typed = !optional || headers.contains_key(header::CONTENT_TYPE);
        if typed {
            check_type(headers)?;
        }
        check_encoding(headers)?;
        if announced(headers).is_some_and(|length| length > max) {
            return Err(ApiError::BodyTooLarge { max });
        }
        let collected = self.collect(stream, max);
        let mut body = match tokio::time::timeout(self.timeout, collected).await {
            Ok(body) => body?,
            Err(_) => return Err(ApiError::Timeout),
        };
        if optional && body.text.is_empty() {
            body.text.push_str("{}");
        } else if !typed {
            check_type(headers)?;
        }
        Ok(body)
    }

    async fn collect(&self, mut stream: BodyStream, max: usize) -> Result<Body, ApiError> {
        let mut bytes = Vec::new();
        let mut held: Option<OwnedSemaphorePermit> = None;
        while let Some(part) = stream.next().await {
            let part = part.map_err(|_| ApiError::BrokenBody)?;
            if part.len() > max.saturating_sub(bytes.len()) {
                return Err(ApiError::BodyTooLarge { max });
            }
            let more = self.hold(part.len())?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
            bytes.extend_from_slice(&part);
        }
        let text = String::from_utf8(bytes).map_err(|_| ApiError::invalid("", "expected UTF-8"))?;
        Ok(Body { text, _held: held })
    }

    fn hold(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        permit.map_err(|_| ApiError::Unavailable { retry_after: std::time::Duration::from_secs(1) })
    }
}

impl Body {
    /// The body as JSON of a type.
    ///
    /// # Errors
    ///
    /// 422 naming the path.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        parse(&self.text)
    }

    /// The body as a JSON object of a type.
    ///
    /// # Errors
    ///
    /// 422 naming the path.
    pub(crate) fn object<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        object(&self.text)
    }

    /// The body as a JSON object of a type that keeps nothing of it as text.
    ///
    /// # Errors
    ///
    /// 422 naming the path; for what is nested deeper, or no character, naming none.
    pub(crate) fn parse_owned<T: DeserializeOwned>(&self, depth_max: usize) -> Result<T, ApiError> {
        json::check(&self.text, depth_max)
            .map_err(|fault| ApiError::invalid("", fault.to_string()))?;
        object(&self.text)
    }
}

/// A JSON text as a type.
///
/// # Errors
///
/// 422 naming the path.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, message) = describe(&error);
        ApiError::invalid(path, message)
    })?;
    reader.end().map_err(|_| ApiError::invalid("", "text after the end of the JSON"))?;
    Ok(value)
}

/// A JSON text as a type that is an object. `serde` takes an array of the fields' values too, which
/// nobody means who sends one.
///
/// # Errors
///
/// 422 naming the path.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ApiError> {
    if text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('[') {
        return Err(ApiError::invalid("", "expected an object"));
    }
    parse(text)
}

/// The length that the headers announce.
pub(crate) fn announced(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

/// Only JSON, so that no form of a foreign page can be a call.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = only(headers, &header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::MediaType { message: "the content type must be application/json" })
}

/// Not compressed, so that the length limits what is read.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    match only(headers, &header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.trim().eq_ignore_ascii_case("identity") => Ok(()),
        Some(_) => Err(ApiError::MediaType { message: "the content encoding must be identity" }),
    }
}

/// A header's one value; two of them contradict each other.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().unwrap_or("?");
    if values.next().is_some() { Some("?") } else { Some(first) }
}

/// An array of at most `MAX` elements; the rest of a longer one is not read.
#[derive(Debug)]
pub(crate) struct List<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Elements<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an array of at most {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if list.len() == MAX {
                        return Err(A::Error::custom(format_args!("at most {MAX} elements")));
                    }
                    list.push(element);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

impl<T: JsonSchema, const MAX: usize> JsonSchema for List<T, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_{}_{MAX}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "array", "items": items, "maxItems": MAX })
    }
}
