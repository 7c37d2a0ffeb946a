//! What a publisher says besides the payload, to fill the names of rooms.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected, Visitor},
};

use crate::identity::UserId;

/// Parameters that one publishing may have.
const PARAMS_MAX: usize = 32;

/// Ids in one parameter: the followers of one call (contract, section 5).
const IDS_MAX: usize = 1_000;

/// Named values. None occurs twice, and there are at most 32.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Param>);

/// A value: text or a whole number, or a list of 1 to 1,000 of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Param {
    /// One.
    One(UserId),
    /// A list; `followerIds` is one.
    Many(Vec<UserId>),
}

impl From<UserId> for Param {
    fn from(id: UserId) -> Self {
        Self::One(id)
    }
}

/// Why a parameter is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// More than 32.
    #[error("at most {PARAMS_MAX} parameters")]
    TooMany,
    /// The name is there already.
    #[error("duplicate parameter")]
    Duplicate,
}

impl Params {
    /// Adds a parameter.
    ///
    /// # Errors
    ///
    /// [`ParamsError`].
    pub fn insert(&mut self, name: String, value: impl Into<Param>) -> Result<(), ParamsError> {
        if self.0.contains_key(&name) {
            return Err(ParamsError::Duplicate);
        }
        if self.0.len() == PARAMS_MAX {
            return Err(ParamsError::TooMany);
        }
        self.0.insert(name, value.into());
        Ok(())
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.0.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut params = Params::default();
                while let Some((name, value)) = map.next_entry::<String, Param>()? {
                    params.insert(name, value).map_err(A::Error::custom)?;
                }
                Ok(params)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Param;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text, a whole number, or a list of 1 to {IDS_MAX} of them")
            }

            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Param, E> {
                Ok(Param::One(id.into()))
            }

            fn visit_i64<E: serde::de::Error>(self, id: i64) -> Result<Param, E> {
                Ok(Param::One(id.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, id: f64) -> Result<Param, E> {
                UserId::deserialize(id.into_deserializer()).map(Param::One)
            }

            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Param, E> {
                let id = UserId::parse(id);
                id.map(Param::One).ok_or_else(|| E::invalid_value(Unexpected::Other("text"), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Param, A::Error> {
                let mut ids = Vec::new();
                while let Some(id) = seq.next_element()? {
                    if ids.len() == IDS_MAX {
                        return Err(A::Error::invalid_length(IDS_MAX + 1, &self));
                    }
                    ids.push(id);
                }
                if ids.is_empty() {
                    return Err(A::Error::invalid_length(0, &self));
                }
                Ok(Param::Many(ids))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Params {
    fn schema_name() -> Cow<'static, str> {
        "Params".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<UserId>();
        json_schema!({
            "type": "object",
            "maxProperties": PARAMS_MAX,
            "additionalProperties": {
                "anyOf": [id, { "type": "array", "items": id, "minItems": 1, "maxItems": IDS_MAX }],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_few_scalars_each_named_once() {
        let params: Params = serde_json::from_str(r#"{"userId":5,"orderId":"o"}"#).unwrap();
        assert_eq!(params.get("userId"), Some(&Param::One(5_u64.into())));
        assert_eq!(params.get("orderId"), Some(&Param::One(UserId::parse("o").unwrap())));
        let many: Vec<String> = (0..33).map(|n| format!("\"p{n}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        for json in
            [r#"{"a":"1","a":"2"}"#, r#"{"a":{}}"#, r#"{"a":""}"#, r#"{"a":null}"#, "[]", &many]
        {
            assert!(serde_json::from_str::<Params>(json).is_err(), "{json:.20}");
        }
    }

    #[test]
    fn a_list_has_1_to_1000_ids() {
        let list = |len: usize| format!(r#"{{"ids":[{}]}}"#, vec!["1"; len].join(","));
        for (len, fine) in [(0, false), (1, true), (1_000, true), (1_001, false)] {
            assert_eq!(serde_json::from_str::<Params>(&list(len)).is_ok(), fine, "{len}");
        }
        assert!(serde_json::from_str::<Params>(r#"{"ids":[[1]]}"#).is_err());
    }
}
