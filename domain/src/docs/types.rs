//! From a JSON schema to a type of TypeScript.

use serde_json::{Map, Value};

use super::model::name_of;

/// The type of a schema, on one line but for objects, which are indented by `indent`.
pub(super) fn type_of(schema: &Value, indent: usize) -> String {
    let Value::Object(fields) = schema else {
        return "unknown".to_owned();
    };
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        return name_of(reference).unwrap_or("unknown").to_owned();
    }
    if let Some(value) = fields.get("const") {
        return value.to_string();
    }
    if let Some(Value::Array(values)) = fields.get("enum") {
        return union(values.iter().map(Value::to_string));
    }
    for part in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = fields.get(part) {
            return union(branches.iter().map(|branch| type_of(branch, indent)));
        }
    }
    if let Some(Value::Array(parts)) = fields.get("allOf") {
        let parts: Vec<String> = parts.iter().map(|part| type_of(part, indent)).collect();
        return parts.join(" & ");
    }
    match fields.get("type") {
        Some(Value::String(kind)) => of_kind(kind, fields, indent),
        Some(Value::Array(kinds)) => {
            union(kinds.iter().filter_map(|kind| Some(of_kind(kind.as_str()?, fields, indent))))
        }
        _ => "unknown".to_owned(),
    }
}

/// A comment in front of a declaration, where there is something to say.
pub(super) fn comment(schema: &Value, indent: usize) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    say(text, indent)
}

/// The same of a text.
pub(super) fn say(text: &str, indent: usize) -> String {
    if text.is_empty() {
        return String::new();
    }
    let pad = " ".repeat(indent);
    // One line each: what is wrapped in our source need not be there.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "* /");
    format!("{pad}/** {text} */\n")
}

/// The fields of an object, one a line, or nothing where it has none of its own.
pub(super) fn fields_of(schema: &Map<String, Value>, indent: usize) -> Option<String> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
    let pad = " ".repeat(indent);
    let mut text = String::new();
    for (name, property) in properties {
        let mark = if is_required(name) { "" } else { "?" };
        text.push_str(&comment(property, indent));
        text.push_str(&format!("{pad}{name}{mark}: {};\n", type_of(property, indent)));
    }
    if schema.get("additionalProperties").is_some_and(|more| more == &Value::Bool(true)) {
        text.push_str(&format!("{pad}[further: string]: unknown;\n"));
    }
    Some(text)
}

fn of_kind(kind: &str, fields: &Map<String, Value>, indent: usize) -> String {
    match kind {
        "integer" | "number" => "number".to_owned(),
        "string" | "boolean" | "null" => kind.to_owned(),
        "array" => {
            let item = fields.get("items").map_or("unknown".to_owned(), |i| type_of(i, indent));
            if item.contains([' ', '|']) { format!("Array<{item}>") } else { format!("{item}[]") }
        }
        "object" => match fields_of(fields, indent + 2) {
            Some(inner) => format!("{{\n{inner}{}}}", " ".repeat(indent)),
            None => "Record<string, unknown>".to_owned(),
        },
        _ => "unknown".to_owned(),
    }
}

/// Each once, in order.
fn union(types: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for one in types {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen.join(" | ")
}
