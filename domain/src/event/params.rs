//! What a publisher says besides the payload, to fill the names of rooms.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};

use crate::identity::UserId;

/// Parameters that one publishing may have.
const PARAMS_MAX: usize = 32;

/// Named values: text, or whole numbers. None occurs twice, and there are at most 32.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, UserId>);

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
    pub fn insert(&mut self, name: String, value: UserId) -> Result<(), ParamsError> {
        if self.0.contains_key(&name) {
            return Err(ParamsError::Duplicate);
        }
        if self.0.len() == PARAMS_MAX {
            return Err(ParamsError::TooMany);
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The value of a parameter, as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(UserId::as_str)
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
                while let Some((name, value)) = map.next_entry()? {
                    params.insert(name, value).map_err(A::Error::custom)?;
                }
                Ok(params)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_few_scalars_each_named_once() {
        let params: Params = serde_json::from_str(r#"{"userId":5,"orderId":"o"}"#).unwrap();
        assert_eq!(params.get("userId"), Some("5"));
        assert_eq!(params.get("orderId"), Some("o"));
        let many: Vec<String> = (0..33).map(|n| format!("\"p{n}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        for json in
            [r#"{"a":"1","a":"2"}"#, r#"{"a":{}}"#, r#"{"a":""}"#, r#"{"a":null}"#, "[]", &many]
        {
            assert!(serde_json::from_str::<Params>(json).is_err(), "{json:.20}");
        }
    }
}
