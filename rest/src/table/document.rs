//! The table as an OpenAPI document, version 3.1, whose schemas are JSON Schema 2020-12.

use http::{Method, StatusCode};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

use super::operation::{Access, Content, Operation, Success};
use crate::error;

/// The document of these operations.
pub(crate) fn openapi(operations: &[Operation]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.template.as_str()).or_insert_with(|| json!({}));
        for (index, method) in operation.methods.iter().enumerate() {
            let described = describe(operation, method, index == 0, &mut generator);
            if let Some(path) = path.as_object_mut() {
                path.insert(method.as_str().to_lowercase(), described);
            }
        }
    }
    let error = error::schema(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".to_owned(), error.to_value());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Crier",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses(operations),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A user's JWT, or, where the operation says so, an API key.",
                },
            },
        },
    })
}

const DESCRIPTION: &str = "Publishing to the sockets, and what the shop does. Every refusal is \
    `{ success: false, error: { code, message, details? } }`. `OPTIONS` answers everywhere, `HEAD` \
    wherever `GET` does. The events of the sockets: `/asyncapi.json`, `/events.d.ts`.";

fn describe(
    operation: &Operation,
    method: &Method,
    main: bool,
    generator: &mut SchemaGenerator,
) -> Value {
    let id = match main {
        true => operation.id.to_owned(),
        false => format!("{}By{}", operation.id, capitalised(method)),
    };
    let mut described = json!({
        "operationId": id,
        "tags": [tag(operation)],
        "summary": operation.summary,
        "description": operation.access.who(),
        "security": security(operation.access),
        "responses": answers(operation, generator),
    });
    let parameters = parameters(operation, generator);
    if let Some(described) = described.as_object_mut() {
        if !parameters.is_empty() {
            described.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = &operation.body {
            let mut content = Map::new();
            if let Some(schema) = body.json {
                content.insert("application/json".to_owned(), media(schema(generator)));
            }
            if let Some(schema) = body.form {
                content.insert("multipart/form-data".to_owned(), media(schema(generator)));
            }
            let body = json!({ "required": !body.optional, "content": content });
            described.insert("requestBody".to_owned(), body);
        }
    }
    described
}

fn capitalised(method: &Method) -> String {
    let name = method.as_str();
    name.chars().take(1).chain(name.to_lowercase().chars().skip(1)).collect()
}

/// The resource: `events` of `/api/events/{event}`.
fn tag(operation: &Operation) -> &'static str {
    let path = operation.template.as_str();
    let Some(rest) = path.strip_prefix("/api/") else { return "about" };
    rest.split('/').next().unwrap_or(rest)
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Anyone => json!([{}, { "bearer": [] }]),
        Access::User | Access::UserOrKey | Access::Backend => json!([{ "bearer": [] }]),
    }
}

fn parameters(operation: &Operation, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in operation.template.parameters() {
        let declared = operation.parameters.iter().find(|(other, _)| *other == name);
        let schema = match declared {
            Some((_, schema)) => schema(generator),
            None => json_schema!({ "type": "string", "minLength": 1 }),
        };
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    if let Some(schema) = operation.query {
        parameters.extend(fields(schema(generator)));
    }
    if operation.idempotent {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            // Like an id in a body, but of what a header can hold.
            "schema": { "type": "string", "pattern": "^[!-~]([ -~]{0,62}[!-~])?$" },
            "description": "Makes a retry harmless for 24 h.",
        }));
    }
    parameters
}

/// The fields of a struct as parameters of a query.
fn fields(schema: Schema) -> Vec<Value> {
    let schema = schema.to_value();
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object).cloned();
    let field = |(name, mut schema): (String, Value)| {
        // A parameter that is not given is not there, and never null.
        without_null(&mut schema);
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let required = required.iter().any(|other| other == &name);
        let mut field =
            json!({ "name": name, "in": "query", "required": required, "schema": schema });
        if let (Some(field), Some(description)) = (field.as_object_mut(), description) {
            field.insert("description".to_owned(), description);
        }
        field
    };
    properties.unwrap_or_default().into_iter().map(field).collect()
}

fn without_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [only] = choices.as_slice() {
            let (only, described) = (only.clone(), object.get("description").cloned());
            *schema = only;
            if let (Some(object), Some(described)) = (schema.as_object_mut(), described) {
                object.insert("description".to_owned(), described);
            }
        }
    }
}

fn media(schema: Schema) -> Value {
    json!({ "schema": schema })
}

fn answers(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut answers = Map::new();
    for success in &operation.answers {
        let status = success.status.as_u16().to_string();
        answers.insert(status, answer(operation, success, generator));
    }
    for status in operation.refusal_statuses() {
        let reference = json!({ "$ref": format!("#/components/responses/{}", status.as_u16()) });
        answers.entry(status.as_u16().to_string()).or_insert(reference);
    }
    answers.into()
}

fn answer(operation: &Operation, success: &Success, generator: &mut SchemaGenerator) -> Value {
    let mut answer = json!({ "description": success.description });
    let content = match success.content {
        Content::Empty => None,
        Content::Json(schema) => {
            let schema = schema(generator);
            let schema = if operation.is_wrapped() { wrapped(&schema) } else { schema };
            Some(json!({ "application/json": media(schema) }))
        }
        Content::Other(kind) => Some(json!({ kind: {} })),
    };
    if let Some(answer) = answer.as_object_mut() {
        if let Some(content) = content {
            answer.insert("content".to_owned(), content);
        }
        if !operation.links.is_empty() {
            let links: Map<String, Value> = operation
                .links
                .iter()
                .map(|link| {
                    let parameters: Map<String, Value> = link
                        .parameters
                        .iter()
                        .map(|(name, from)| ((*name).to_owned(), (*from).into()))
                        .collect();
                    let value = json!({ "operationId": link.to, "parameters": parameters });
                    (link.name.to_owned(), value)
                })
                .collect();
            answer.insert("links".to_owned(), links.into());
        }
    }
    answer
}

fn wrapped(data: &Schema) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["success", "data"],
        "properties": { "success": { "const": true }, "data": data },
    })
}

/// The refusals, one for each status that any operation has.
fn responses(operations: &[Operation]) -> Value {
    let mut statuses: Vec<StatusCode> =
        operations.iter().flat_map(Operation::refusal_statuses).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let described = statuses.into_iter().map(|status| {
        let mut response = json!({
            "description": error::meaning(status),
            "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Error" } },
            },
        });
        let waits = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        if let (true, Some(response)) = (waits.contains(&status), response.as_object_mut()) {
            let header = json!({
                "description": "Seconds until a next try makes sense.",
                "required": true,
                "schema": { "type": "integer", "minimum": 1 },
            });
            response.insert("headers".to_owned(), json!({ "Retry-After": header }));
        }
        (status.as_u16().to_string(), response)
    });
    described.collect::<Map<String, Value>>().into()
}
