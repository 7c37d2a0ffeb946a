//! The catalogue as documents see it: rows in order, with the schemas of what they carry.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{
    event::{App, Catalogue, Direction, PayloadType, Row, system::EVERYWHERE},
    time::Timestamp,
};

/// Where refs between schemas point to.
const DEFINITIONS: &str = "/components/schemas";

/// Every event that is on, and the schemas that they share.
#[derive(Debug)]
pub(super) struct Model {
    /// The events, in the contract's order.
    pub(super) events: Vec<Event>,
    /// The shared schemas by name.
    pub(super) definitions: Map<String, Value>,
}

/// One event in one direction.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) row: &'static Row,
    /// What it carries; may be a ref.
    pub(super) payload: Value,
    /// What it is answered with.
    pub(super) ack: Option<Value>,
}

/// The namespaces of Crier, each with what its channel is called in documents, and a prefix for types.
const NAMESPACES: [Namespace; 3] = [
    Namespace { name: "/", channel: "main", prefix: "" },
    Namespace { name: "/presence", channel: "presence", prefix: "Presence" },
    Namespace { name: "/chat", channel: "chat", prefix: "Chat" },
];

/// A namespace as documents call it.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: &'static str,
    pub(super) channel: &'static str,
    pub(super) prefix: &'static str,
}

impl Model {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        // What is taken and what is sent differ: `timestamp` may be left out, and is always there.
        let mut taken = generator(SchemaSettings::draft07().for_deserialize());
        let mut sent = generator(SchemaSettings::draft07().for_serialize());
        let events: Vec<Event> = catalogue
            .rows()
            .map(|row| Event {
                row,
                payload: match row.direction {
                    Direction::ToServer => schema(&row.payload, &mut taken),
                    Direction::ToClient => schema(&row.payload, &mut sent),
                },
                ack: row.ack.as_ref().map(|ack| schema(ack, &mut sent)),
            })
            .collect();
        let mut model = Self { events, definitions: sent.take_definitions(true) };
        model.add(taken.take_definitions(true));
        for definition in model.definitions.values_mut() {
            forget_absent_nulls(definition);
            say_plainly(definition);
        }
        model.tidy_names();
        model
    }

    /// Adds the schemas of what is taken; one that differs from what is sent gets a name of its own.
    fn add(&mut self, taken: Map<String, Value>) {
        let differs = |name: &str, schema: &Value| {
            self.definitions.get(name).is_some_and(|other| other != schema)
        };
        let renamed: Vec<String> = taken
            .iter()
            .filter(|(name, schema)| differs(name, schema))
            .map(|(name, _)| name.clone())
            .collect();
        let new_name =
            |name: &str| renamed.iter().any(|old| old == name).then(|| format!("{name}Input"));
        for event in &mut self.events {
            if event.row.direction == Direction::ToServer {
                rename_refs(&mut event.payload, &new_name);
            }
        }
        for (name, mut schema) in taken {
            rename_refs(&mut schema, &new_name);
            let name = new_name(&name).unwrap_or(name);
            self.definitions.insert(name, schema);
        }
    }

    /// Gives schemas of generic types names that people would.
    fn tidy_names(&mut self) {
        let taken: Vec<String> = self.definitions.keys().cloned().collect();
        let new_name = |name: &str| tidy(name).filter(|new| !taken.contains(new));
        for event in &mut self.events {
            rename_refs(&mut event.payload, &new_name);
            if let Some(ack) = &mut event.ack {
                rename_refs(ack, &new_name);
            }
        }
        for (name, mut schema) in std::mem::take(&mut self.definitions) {
            rename_refs(&mut schema, &new_name);
            self.definitions.insert(new_name(&name).unwrap_or(name), schema);
        }
    }

    /// The namespaces that there are with the apps that are on.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &'static Namespace> {
        let has_chat = self.events.iter().any(|event| event.row.app == Some(App::VendorChat));
        NAMESPACES.iter().filter(move |namespace| namespace.name == "/" || has_chat)
    }

    /// The events of a namespace in one direction; those that hold in every namespace too.
    pub(super) fn events(
        &self,
        namespace: &'static str,
        direction: Direction,
    ) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| {
            let row = event.row;
            let is_there = row.namespace == namespace || EVERYWHERE.contains(&row.name);
            row.direction == direction && is_there
        })
    }
}

/// The name that a ref points to.
pub(super) fn name_of(reference: &str) -> Option<&str> {
    reference.strip_prefix('#')?.strip_prefix(DEFINITIONS)?.strip_prefix('/')
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    let settings = settings.with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = DEFINITIONS.into();
    });
    settings.into_generator()
}

fn schema(payload: &PayloadType, generator: &mut SchemaGenerator) -> Value {
    let mut schema = payload.schema(generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

/// `Reply_of_Page_of_X_and_string` → `XPageReply`; `None` where a name is tidy already.
fn tidy(name: &str) -> Option<String> {
    let list = |name: &str| match name.strip_prefix("Page_of_") {
        Some(item) => format!("{item}Page"),
        None => match name.strip_prefix("Array_of_") {
            Some(item) => format!("{item}List"),
            None => name.to_owned(),
        },
    };
    let Some(reply) = name.strip_prefix("Reply_of_") else {
        return name.starts_with("Page_of_").then(|| list(name));
    };
    let (data, message) = reply.split_once("_and_")?;
    let with = match message {
        "string" | "Nullable_string" | "AnyJson" => String::new(),
        other => format!("With{other}"),
    };
    Some(format!("{}Reply{with}", list(data)))
}

/// Texts without what only readers of the source can follow ([`crate::a::B`] becomes `B`), and no
/// default that is the moment at which the document is made.
fn say_plainly(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let text = fields.get("default").and_then(Value::as_str);
            if text.is_some_and(|text| Timestamp::parse(text).is_some()) {
                fields.remove("default");
            }
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "description" => *text = plain(text),
                    _ => say_plainly(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(say_plainly),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn plain(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, after) = part.split_once("`]").unwrap_or((part, ""));
        let name = link.rsplit("::").next().unwrap_or(link);
        said.push_str(&format!("`{name}`{after}"));
    }
    said
}

/// Points refs to other names.
fn rename_refs(schema: &mut Value, new_name: &impl Fn(&str) -> Option<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(name) = name_of(reference).and_then(new_name) {
                            *reference = format!("#{DEFINITIONS}/{name}");
                        }
                    }
                    _ => rename_refs(value, new_name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_refs(item, new_name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A field that may be left out is left out where it has no value, and never null.
fn forget_absent_nulls(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        return;
    };
    let required: Vec<String> = fields
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
        .unwrap_or_default();
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        for (name, property) in properties {
            if !required.contains(name) {
                forget_null(property);
            }
            forget_absent_nulls(property);
        }
    }
    for part in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(branches)) = fields.get_mut(part) {
            branches.iter_mut().for_each(forget_absent_nulls);
        }
    }
}

fn forget_null(property: &mut Value) {
    let Value::Object(fields) = property else {
        return;
    };
    if let Some(Value::Array(kinds)) = fields.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            fields.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(branches)) = fields.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(branch)] = branches.as_slice() {
            let branch = branch.clone();
            fields.remove("anyOf");
            // A ref has no fields beside it in this version of JSON Schema.
            if branch.contains_key("$ref") && !fields.is_empty() {
                fields.insert("allOf".to_owned(), Value::Array(vec![Value::Object(branch)]));
            } else {
                fields.extend(branch);
            }
        }
    }
}
