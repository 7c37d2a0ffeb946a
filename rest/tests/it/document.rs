//! The table of operations and the document are one: what is described is there, and nothing else.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::client::{call, get, rig};

async fn document() -> Value {
    let answer = get("/openapi.json").send(&rig()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE];

#[tokio::test]
async fn every_path_answers_the_methods_that_it_is_described_with_and_no_others() {
    let (rig, document) = (rig(), document().await);
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 15, "{}", paths.len());
    for (template, described) in paths {
        let path: String =
            template.split('{').enumerate().fold(String::new(), |path, (n, part)| {
                let rest = if n == 0 { part } else { part.split_once('}').unwrap().1 };
                path + if n == 0 { "" } else { "x" } + rest
            });
        let described: BTreeSet<String> =
            described.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        for method in METHODS {
            let answer = call(method.clone(), &path).send(&rig).await;
            let is_there = answer.status != 405;
            assert_eq!(is_there, described.contains(method.as_str()), "{method} {path}");
            assert!(
                answer.status != 404 || !answer.text.contains("there is nothing here"),
                "{method} {path}"
            );
            let options = call(Method::OPTIONS, &path).send(&rig).await;
            let allow: BTreeSet<&str> = options.header("allow").unwrap().split(", ").collect();
            assert_eq!(allow.contains(method.as_str()), is_there, "{method} {path}: {allow:?}");
            assert!(allow.contains("OPTIONS"));
            assert_eq!(allow.contains("HEAD"), described.contains("GET"), "{path}");
            if !is_there {
                assert_eq!(answer.header("allow"), options.header("allow"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_operation_says_who_may_call_it_and_it_is_so() {
    let (rig, document) = (rig(), document().await);
    for (template, methods) in document["paths"].as_object().unwrap() {
        let path = template.replace(['{', '}'], "");
        for (method, operation) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = call(method.clone(), &path).send(&rig).await;
            let closed = operation["security"] == json!([{ "bearer": [] }]);
            assert_eq!(answer.status == 401, closed, "{method} {path}: {}", answer.text);
            let documented = operation["responses"].as_object().unwrap();
            let status = answer.status.as_u16().to_string();
            assert!(documented.contains_key(&status), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_every_reference_leads_somewhere() {
    let document = document().await;
    let mut names = BTreeSet::new();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    for (_, operation) in operations {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} twice");
        assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{name}");
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for links in operations_links(&document) {
        let to = links["operationId"].as_str().unwrap();
        assert!(names.contains(to), "a link to {to}");
    }
}

fn collect<'v>(value: &'v Value, references: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => references.push(reference),
                    value => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

fn operations_links(document: &Value) -> Vec<&Value> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let answers =
        operations.flat_map(|operation| operation["responses"].as_object().unwrap().values());
    let links = answers.filter_map(|answer| answer["links"].as_object());
    links.flat_map(|links| links.values()).collect()
}

#[tokio::test]
async fn documents_are_public_and_sent_once() {
    let rig = rig();
    for (path, kind) in [
        ("/openapi.json", "application/json"),
        ("/asyncapi.json", "application/json"),
        ("/events.d.ts", "text/plain; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/events", "text/html; charset=utf-8"),
    ] {
        let first = get(path).send(&rig).await;
        assert_eq!((first.status.as_u16(), first.header("content-type")), (200, Some(kind)));
        let etag = first.header("etag").unwrap();
        for tag in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let again = get(path).header("if-none-match", &tag).send(&rig).await;
            assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path} {tag}");
            assert_eq!(again.header("etag"), Some(etag));
        }
        let other = get(path).header("if-none-match", "\"x\"").send(&rig).await;
        assert_eq!(other.status, 200);
        let head = call(Method::HEAD, path).header("if-none-match", etag).send(&rig).await;
        assert_eq!(head.status, 304);
        assert_eq!(get(&format!("{path}?x=1")).send(&rig).await.status, 200);
    }
}

#[tokio::test]
async fn the_pages_are_whole_without_scripts_and_run_none_that_is_inline() {
    let rig = rig();
    let docs = get("/docs").send(&rig).await;
    for part in ["POST /api/events/{event}", "/docs/events", "/openapi.json", "integrity=\"sha384-"]
    {
        assert!(docs.text.contains(part), "{part}");
    }
    let events = get("/docs/events").send(&rig).await;
    for part in ["order_cancelled", "refundAmount", "token_refresh", "C→S"] {
        assert!(events.text.contains(part), "{part}");
    }
    for page in [docs, events] {
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        let scripts = page.text.matches("<script").count();
        assert_eq!(scripts, page.text.matches("<script defer src=").count(), "none inline");
        assert!(!page.text.contains("<style") && !page.text.contains(" onclick"));
    }
}
