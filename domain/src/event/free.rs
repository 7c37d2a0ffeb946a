//! Parts of payloads that the contract leaves to their senders.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

/// How deep arrays and objects may lie in each other within a free part. 32: an event's frame around
/// it stays within what packets may have, 64.
const DEPTH_MAX: usize = 32;

/// An object with any fields, at most 32 levels deep.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object(Map<String, Value>);

/// Any JSON value, at most 32 levels deep.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Json(Value);

impl Object {
    /// The fields.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Sets a field to a value that is flat.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl Json {
    /// The value.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self(Value::Object(object.0))
    }
}

/// Whether a value is at most so many levels deep; reads no further than that.
fn fits(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| fits(item, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.values().all(|value| fits(value, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if fits(&value, DEPTH_MAX) {
            Ok(Self(value))
        } else {
            Err(D::Error::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)?.0 {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(D::Error::custom("invalid type: expected an object")),
        }
    }
}

impl JsonSchema for Object {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnyObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": true })
    }
}

impl JsonSchema for Json {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnyJson".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any JSON value." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_has_a_depth_all_the_same() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(serde_json::from_str::<Json>(&nested(32)).is_ok());
        assert!(serde_json::from_str::<Json>(&nested(33)).is_err());
        let object = |levels| format!(r#"{{"a":{}}}"#, nested(levels));
        assert!(serde_json::from_str::<Object>(&object(31)).is_ok());
        assert!(serde_json::from_str::<Object>(&object(32)).is_err());
        for json in ["[]", "1", "null", r#""a""#] {
            assert!(serde_json::from_str::<Object>(json).is_err(), "{json}");
        }
    }
}
