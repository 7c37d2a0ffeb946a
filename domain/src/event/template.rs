//! Names of rooms with fields in them, `order:{orderId}`.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value, value::RawValue};

use super::{CatalogueError, Param, Params};
use crate::{
    identity::UserId,
    room::{RoomName, push_encoded},
};

/// A name with fields, read once when the catalogue is made.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(&'static str),
    Field(&'static str),
    /// `{x[]}`: one name for each value of a list.
    Each(&'static str),
}

/// Where the fields' values come from: the parameters, else the payload.
pub(super) struct Values<'a> {
    params: &'a Params,
    payload: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// Why a template has no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// Nobody names this field.
    Missing(&'static str),
    /// The field has a value that is no id.
    Invalid(&'static str),
    /// The field has a value that is no list of ids.
    NoList(&'static str),
    /// The name with the field's value is no legal one, or too long.
    Illegal(&'static str),
}

impl Template {
    pub(super) fn parse(text: &'static str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (field, after) = after.split_once('}').unwrap_or((after, ""));
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(match field.strip_suffix("[]") {
                Some(list) => Part::Each(list),
                None => Part::Field(field),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Self(parts)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|part| match part {
            Part::Field(field) | Part::Each(field) => Some(*field),
            Part::Text(_) => None,
        })
    }

    /// The text with every field's value encoded for a room's name. A list has no single text.
    pub(super) fn fill(&self, values: &Values<'_>) -> Result<String, Unfilled> {
        self.fill_with(values, "")
    }

    /// The same with this value for a list's place.
    fn fill_with(&self, values: &Values<'_>, each: &str) -> Result<String, Unfilled> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Field(field) => push_encoded(&mut text, &values.get(field)?),
                Part::Each(_) => push_encoded(&mut text, each),
            }
        }
        Ok(text)
    }

    /// Adds the rooms that it names, each once.
    pub(super) fn rooms(
        &self,
        values: &Values<'_>,
        rooms: &mut Vec<RoomName>,
    ) -> Result<(), Unfilled> {
        let last = self.fields().last().unwrap_or_default();
        let mut add = |name: String| {
            let room = RoomName::parse(&name).map_err(|_| Unfilled::Illegal(last))?;
            if !rooms.contains(&room) {
                rooms.push(room);
            }
            Ok(())
        };
        let list = self.0.iter().find_map(|part| match part {
            Part::Each(field) => Some(*field),
            Part::Text(_) | Part::Field(_) => None,
        });
        let Some(list) = list else {
            return add(self.fill(values)?);
        };
        let each = values.list(list)?;
        each.iter().try_for_each(|value| add(self.fill_with(values, value)?))
    }

    /// Whether anything is said for any of its fields.
    pub(super) fn is_named(&self, values: &Values<'_>) -> bool {
        self.fields().any(|field| !matches!(values.get(field), Err(Unfilled::Missing(_))))
    }

    /// Reads the one value out of a room's name, as it stands in there.
    pub(super) fn read<'a>(&self, room: &'a str) -> Option<(&'static str, &'a str)> {
        match self.0.as_slice() {
            [Part::Text(before), Part::Field(field)] => Some((field, room.strip_prefix(before)?)),
            _ => None,
        }
    }
}

/// Fills every template of a union, each room once. Those without a value are left out while any
/// other is filled.
///
/// # Errors
///
/// [`CatalogueError::Invalid`] naming the first field that lacks a value, or has an illegal one.
pub(super) fn fill_union(
    templates: &[Template],
    values: &Values<'_>,
) -> Result<Vec<RoomName>, CatalogueError> {
    let mut rooms: Vec<RoomName> = Vec::with_capacity(templates.len());
    let mut missing = None;
    for template in templates {
        match template.rooms(values, &mut rooms) {
            Ok(()) => {}
            Err(Unfilled::Missing(field)) => missing = missing.or(Some(field)),
            Err(unfilled) => return Err(unfilled.into_error(values)),
        }
    }
    match missing {
        Some(field) if rooms.is_empty() => Err(Unfilled::Missing(field).into_error(values)),
        _ => Ok(rooms),
    }
}

impl Unfilled {
    pub(super) fn into_error(self, values: &Values<'_>) -> CatalogueError {
        let (field, message) = match self {
            Self::Missing(field) => (field, "is required".to_owned()),
            Self::Invalid(field) => (field, "must be a text or a whole number".to_owned()),
            Self::NoList(field) => (field, "must be a list of texts or whole numbers".to_owned()),
            Self::Illegal(field) => (field, "is too long for the name of a room".to_owned()),
        };
        if values.payload.contains_key(field) && values.params.get(field).is_none() {
            CatalogueError::Invalid { path: field.to_owned(), message }
        } else {
            CatalogueError::Params { path: field.to_owned(), message }
        }
    }
}

impl<'a> Values<'a> {
    /// The values of these parameters and this payload, whose fields are looked up at the top level.
    pub(super) fn new(params: &'a Params, payload: &'a RawValue) -> Self {
        // No object has no fields.
        let payload = serde_json::from_str(payload.get()).unwrap_or_default();
        Self { params, payload }
    }

    /// The user that a parameter names; the payload is not asked.
    pub(super) fn param(&self, name: &'static str) -> Result<UserId, Unfilled> {
        match self.params.get(name) {
            Some(Param::One(id)) => Ok(id.clone()),
            Some(Param::Many(_)) => Err(Unfilled::Invalid(name)),
            None => Err(Unfilled::Missing(name)),
        }
    }

    /// The one value of a field, as text.
    pub(super) fn get(&self, field: &'static str) -> Result<Cow<'_, str>, Unfilled> {
        match self.params.get(field) {
            Some(Param::One(id)) => Ok(id.as_str().into()),
            Some(Param::Many(_)) => Err(Unfilled::Invalid(field)),
            None => match self.payload(field)? {
                Value::String(text) if !text.is_empty() => Ok(text.into()),
                Value::Number(n) if !n.is_f64() => Ok(n.to_string().into()),
                _ => Err(Unfilled::Invalid(field)),
            },
        }
    }

    /// The values of a list, as text.
    fn list(&self, field: &'static str) -> Result<Vec<Cow<'_, str>>, Unfilled> {
        match self.params.get(field) {
            Some(Param::Many(ids)) => Ok(ids.iter().map(|id| id.as_str().into()).collect()),
            Some(Param::One(_)) => Err(Unfilled::NoList(field)),
            None => {
                let Value::Array(items) = self.payload(field)? else {
                    return Err(Unfilled::NoList(field));
                };
                if items.is_empty() {
                    return Err(Unfilled::Missing(field));
                }
                let text = |item| match item {
                    Value::String(text) if !text.is_empty() => Ok(text.into()),
                    Value::Number(n) if !n.is_f64() => Ok(n.to_string().into()),
                    _ => Err(Unfilled::NoList(field)),
                };
                items.into_iter().map(text).collect()
            }
        }
    }

    /// A field of the payload; null is none.
    fn payload(&self, field: &'static str) -> Result<Value, Unfilled> {
        let raw = self.payload.get(field).ok_or(Unfilled::Missing(field))?;
        match serde_json::from_str(raw.get()) {
            Ok(Value::Null) => Err(Unfilled::Missing(field)),
            Ok(value) => Ok(value),
            Err(_) => Err(Unfilled::Invalid(field)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rooms, or the refusal's text.
    fn fill(templates: &[&'static str], params: &str, payload: &str) -> String {
        let templates: Vec<_> = templates.iter().map(|text| Template::parse(text)).collect();
        let params: Params = serde_json::from_str(params).unwrap();
        let payload: &RawValue = serde_json::from_str(payload).unwrap();
        match fill_union(&templates, &Values::new(&params, payload)) {
            Ok(rooms) => {
                let rooms: Vec<_> = rooms.iter().map(RoomName::as_str).collect();
                rooms.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn fields_come_from_the_parameters_else_from_the_payload() {
        let one = ["order:{orderId}"];
        assert_eq!(fill(&one, "{}", r#"{"orderId":"a b"}"#), "order:a%20b");
        assert_eq!(fill(&one, r#"{"orderId":7}"#, r#"{"orderId":"a"}"#), "order:7");
    }

    #[test]
    fn a_room_without_a_value_is_left_out_while_another_one_has_one() {
        let union = ["order:{orderId}", "orders:{userId}"];
        assert_eq!(fill(&union, "{}", r#"{"orderId":"o"}"#), "order:o");
        assert_eq!(fill(&union, r#"{"userId":"u"}"#, r#"{"orderId":"o"}"#), "order:o orders:u");
        assert_eq!(fill(&union, "{}", "{}"), "params.orderId is required");
        assert_eq!(fill(&union, "{}", "[1]"), "params.orderId is required");
    }

    #[test]
    fn a_room_is_named_once() {
        let same = ["user:{a}", "user:{b}"];
        assert_eq!(fill(&same, r#"{"a":1,"b":"1"}"#, "{}"), "user:1");
    }

    #[test]
    fn what_is_no_id_is_refused_and_not_left_out() {
        let union = ["order:{orderId}", "orders:{userId}"];
        let given = |user: &str| format!(r#"{{"orderId":"o","userId":{user}}}"#);
        for user in ["1.5", "true", "[]", "{}", r#""""#] {
            let expected = "userId: must be a text or a whole number";
            assert_eq!(fill(&union, "{}", &given(user)), expected);
        }
        let long = format!("\"{}\"", "x".repeat(200));
        assert_eq!(fill(&union, "{}", &given(&long)), "userId: is too long for the name of a room");
    }
}
