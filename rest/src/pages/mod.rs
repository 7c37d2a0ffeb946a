//! The pages that describe Crier: `/docs`, the operations; `/docs/events`, what goes over the sockets.
//!
//! Both are whole without any script and without a network. Where the public CDN can be reached, Swagger
//! UI takes the place of the list: its files are named with their digests, so that the browser takes
//! these and no others. No page has an inline script or style, and the policy forbids them.

use std::fmt::Write as _;

use crier_domain::{Catalogue, Direction, Row};
use schemars::generate::SchemaSettings;

use crate::table::Operation;

/// What `/docs` may load. Swagger UI's own pictures are `data:` URLs.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self' https://cdn.jsdelivr.net; \
    style-src https://cdn.jsdelivr.net; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/docs.js`.
pub(crate) const SCRIPT: &str = include_str!("docs.js");

/// Swagger UI's two files, and their SHA-384.
const SWAGGER: &str = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0";
const CSS_DIGEST: &str = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I";
const JS_DIGEST: &str = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9";

/// `/docs`.
pub(crate) fn operations(operations: &[Operation]) -> String {
    let mut rows = String::new();
    for operation in operations {
        let methods: Vec<&str> = operation.methods.iter().map(http::Method::as_str).collect();
        let (path, summary) = (operation.template.as_str(), escaped(operation.summary));
        let who = operation.access.who();
        let methods = methods.join(", ");
        // A text only fails to take more where memory does.
        let _ = writeln!(
            rows,
            "<dt><code>{methods} {}</code></dt>\n<dd>{summary} <small>{who}</small></dd>",
            escaped(path)
        );
    }
    let head = format!(
        "<link rel=\"stylesheet\" href=\"{SWAGGER}/swagger-ui.css\" integrity=\"{CSS_DIGEST}\" \
         crossorigin=\"anonymous\">\n\
         <script defer src=\"{SWAGGER}/swagger-ui-bundle.js\" integrity=\"{JS_DIGEST}\" \
         crossorigin=\"anonymous\"></script>\n<script defer src=\"/docs.js\"></script>"
    );
    let body = format!(
        "<p><a href=\"/docs/events\">Events of the sockets</a> · \
         <a href=\"/openapi.json\">openapi.json</a></p>\n<div id=\"swagger\"></div>\n\
         <dl id=\"list\">\n{rows}</dl>"
    );
    page("Crier: operations", &head, &body)
}

/// `/docs/events`.
pub(crate) fn events(catalogue: &Catalogue) -> String {
    let mut rows: Vec<&Row> = catalogue.rows().collect();
    rows.sort_by_key(|row| {
        (row.namespace, row.app, row.name, row.direction == Direction::ToClient)
    });
    let mut body = String::from(
        "<p><a href=\"/docs\">Operations</a>. C→S goes from a client to the server, S→C from the \
         server to clients; backends publish with <code>POST /api/events/{event}</code>.</p>\n",
    );
    for row in rows {
        let way = match row.direction {
            Direction::ToServer => "C→S",
            Direction::ToClient => "S→C",
        };
        let app = row.app.map_or("every app", |app| app.as_str());
        let _ = writeln!(
            body,
            "<details><summary><code>{}</code> {way} <code>{}</code> {app}</summary>\n\
             <pre>{}</pre></details>",
            escaped(row.name),
            escaped(row.namespace),
            escaped(&schema(row)),
        );
    }
    page("Crier: events", "", &body)
}

/// The schema of an event's payload, by itself.
fn schema(row: &Row) -> String {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let schema = row.payload.schema(&mut settings.into_generator());
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         {head}\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
