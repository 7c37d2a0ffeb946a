//! The query of a request, and single values of its path, read into types.

use std::borrow::Cow;

use crier_domain::event::describe_parts;
use percent_encoding::percent_decode_str;
use serde::{
    Deserializer,
    de::{DeserializeOwned, IntoDeserializer, Visitor, value},
    forward_to_deserialize_any,
};

use crate::error::ApiError;

/// Parameters that a query may have; the URI's own limit bounds their bytes.
const PARAMETERS_MAX: usize = 32;

/// Reads a query, as it stands behind the `?`, into a struct.
///
/// # Errors
///
/// 422 naming the parameter: unknown, given twice, not UTF-8, or of the wrong shape.
pub(crate) fn parse<T: DeserializeOwned>(query: Option<&str>) -> Result<T, ApiError> {
    let pairs = pairs(query.unwrap_or_default())?;
    let pairs = pairs.into_iter().map(|(name, value)| (name, Text(value)));
    let mut track = serde_path_to_error::Track::new();
    let reader = value::MapDeserializer::<_, value::Error>::new(pairs);
    let reader = serde_path_to_error::Deserializer::new(reader, &mut track);
    T::deserialize(reader).map_err(|error| {
        // The path of the whole is a dot.
        let path = track.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let (path, message) = describe_parts(path, &error.to_string());
        ApiError::invalid(path, message)
    })
}

/// Refuses a query where none is taken.
///
/// # Errors
///
/// 422 naming the first parameter.
pub(crate) fn expect_none(query: Option<&str>) -> Result<(), ApiError> {
    match pairs(query.unwrap_or_default())?.into_iter().next() {
        None => Ok(()),
        Some((name, _)) => Err(ApiError::invalid(shown(&name), "unknown query parameter")),
    }
}

/// Reads one decoded value of a path into a type.
///
/// # Errors
///
/// 422 naming the parameter.
pub(crate) fn value<T: DeserializeOwned>(name: &str, text: String) -> Result<T, ApiError> {
    T::deserialize(Text(text))
        .map_err(|error: value::Error| ApiError::invalid(name, error.to_string()))
}

/// Decodes `%XX`.
///
/// # Errors
///
/// 422 naming the parameter, where it is no UTF-8.
pub(crate) fn decode(name: &str, text: &str) -> Result<String, ApiError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| ApiError::invalid(name, "expected UTF-8"))
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, text) = part.split_once('=').unwrap_or((part, ""));
        let name = decode("", &name.replace('+', " "))?;
        let text = decode(&shown(&name), &text.replace('+', " "))?;
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(ApiError::invalid(shown(&name), "given twice"));
        }
        if pairs.len() == PARAMETERS_MAX {
            return Err(ApiError::invalid("", format!("at most {PARAMETERS_MAX} parameters")));
        }
        pairs.push((name, text));
    }
    Ok(pairs)
}

/// A name for an answer, which need not repeat all of a long one.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A text that is read as whatever is wanted: a number, a switch, a word.
struct Text(String);

impl IntoDeserializer<'_, value::Error> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $expected:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom(concat!("expected ", $expected))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Text {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    parsed! {
        deserialize_bool visit_bool "true or false"
        deserialize_u8 visit_u8 "a whole number"
        deserialize_u16 visit_u16 "a whole number"
        deserialize_u32 visit_u32 "a whole number"
        deserialize_u64 visit_u64 "a whole number"
        deserialize_i64 visit_i64 "a whole number"
        deserialize_f64 visit_f64 "a number"
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, rename_all = "lowercase")]
    struct Wanted {
        page: Option<u32>,
        kind: Option<Kind>,
        before: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Direct,
    }

    fn read(query: &str) -> Result<Wanted, (String, String)> {
        parse(Some(query)).map_err(|error| match error {
            ApiError::Invalid { path, message } => (path, message),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_query_is_read_into_its_type() {
        let some =
            Wanted { page: Some(2), kind: Some(Kind::Direct), before: Some("a b/é".into()) };
        assert_eq!(read("page=2&kind=direct&before=a+b%2F%C3%A9"), Ok(some));
        let none = Wanted { page: None, kind: None, before: None };
        assert_eq!(read(""), Ok(none));
    }

    #[test]
    fn each_bad_parameter_is_named() {
        for (query, path) in [
            ("page=x", "page"),
            ("page=-1", "page"),
            ("page=", "page"),
            ("page", "page"),
            ("page=1&page=2", "page"),
            ("kind=group", "kind"),
            ("limits=2", "limits"),
            ("before=%ff", "before"),
        ] {
            let refused = read(query).map_err(|(path, _)| path);
            assert_eq!(refused, Err(path.to_owned()), "{query}");
        }
        assert!(expect_none(Some("a=b")).is_err());
        assert!(expect_none(Some("")).is_ok() && expect_none(None).is_ok());
    }
}
