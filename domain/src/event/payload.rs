//! The shape of an event's argument: checked against a type, and shown as a JSON schema.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use serde_path_to_error::Segment;

use super::CatalogueError;

/// An event's argument. Types refuse fields that they do not have, unless the contract allows any,
/// and put in what the publisher may leave to Crier, such as `timestamp`.
pub trait Payload: DeserializeOwned + Serialize + JsonSchema {}

impl<T: DeserializeOwned + Serialize + JsonSchema> Payload for T {}

/// A payload type as a value, for the rows of the catalogue.
#[derive(Clone, Copy)]
pub struct PayloadType {
    normalise: fn(&RawValue) -> Result<Box<RawValue>, CatalogueError>,
    schema: fn(&mut SchemaGenerator) -> Schema,
    name: fn() -> &'static str,
}

impl PayloadType {
    /// The value for a type.
    pub const fn of<T: Payload>() -> Self {
        Self {
            normalise: normalise::<T>,
            schema: SchemaGenerator::subschema_for::<T>,
            name: std::any::type_name::<T>,
        }
    }

    /// Checks a payload and writes it as clients get it: completed, without blanks, each field once.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::Invalid`] with the path within the payload.
    pub fn normalise(&self, data: &RawValue) -> Result<Box<RawValue>, CatalogueError> {
        (self.normalise)(data)
    }

    /// The JSON schema; shared types go into the generator.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

impl fmt::Debug for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((self.name)())
    }
}

fn normalise<T: Payload>(data: &RawValue) -> Result<Box<RawValue>, CatalogueError> {
    let mut reader = serde_json::Deserializer::from_str(data.get());
    let payload: T =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| invalid(&error))?;
    to_raw_value(&payload).map_err(|error| CatalogueError::Invalid {
        path: String::new(),
        message: error.to_string(),
    })
}

/// Bytes of a path or a message shown to a caller; both may quote input of any length.
const SHOWN_BYTES_MAX: usize = 200;

/// A refusal that names the field, also where `serde` names the object around it.
pub(super) fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> CatalogueError {
    let (path, message) = describe(error);
    CatalogueError::Invalid { path, message }
}

/// Where and what, for a caller to read: `location.latitude`, `missing field`.
pub fn describe(error: &serde_path_to_error::Error<serde_json::Error>) -> (String, String) {
    let mut path = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => push(&mut path, &index.to_string()),
            Segment::Map { key } => push(&mut path, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    describe_parts(path, &error.inner().to_string())
}

/// The same of a path with dots and a message as `serde_json` writes it.
pub fn describe_parts(mut path: String, message: &str) -> (String, String) {
    let mut message = message.to_owned();
    // "… at line 1 column 7": of no use to a caller who did not write the text by hand.
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    // The name of a type of ours says nothing to a caller.
    if let Some(at) = message.find(", expected struct ") {
        message.truncate(at);
        message.push_str(", expected an object");
    }
    for what in ["missing field", "unknown field", "duplicate field"] {
        let named = message
            .strip_prefix(what)
            .and_then(|rest| rest.trim_start().strip_prefix('`')?.split_once('`'));
        if let Some((field, rest)) = named {
            // For an unknown field the path may already end with its name.
            let ends_with = path.rsplit('.').next() == Some(field) && what == "unknown field";
            if !ends_with {
                push(&mut path, field);
            }
            message = format!("{what}{rest}");
            break;
        }
    }
    (shortened(path), shortened(message))
}

/// Appends a field's name to a path.
fn push(path: &mut String, field: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(field);
}

fn shortened(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
        text.push('…');
    }
    text
}
