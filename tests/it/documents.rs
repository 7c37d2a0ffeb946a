//! What is made from the catalogue: types that `socket.io-client` takes, an AsyncAPI document that is
//! one, and README's table.

use std::{fs, time::Duration};

use crier_domain::{App, Catalogue, docs};
use tests::{
    node,
    process::{self, TempDir},
    report, workspace,
};

const LIMIT: Duration = Duration::from_secs(120);

fn catalogue() -> Catalogue {
    Catalogue::new(App::ALL)
}

#[test]
fn a_client_compiles_against_the_types_and_its_mistakes_do_not() {
    let folder = TempDir::new("types").unwrap();
    let types = folder.path().join("events.d.ts");
    fs::write(&types, docs::events_d_ts(&catalogue())).unwrap();
    let source = workspace::node_dir().join("types");
    let project = serde_json::json!({
        "extends": source.join("tsconfig.json"),
        "compilerOptions": { "paths": { "crier-events": [types] } },
        // In `errors.ts` each line has to be refused.
        "files": [source.join("client.ts"), source.join("errors.ts")],
    });
    let file = folder.path().join("tsconfig.json");
    fs::write(&file, project.to_string()).unwrap();

    let mut tsc = node::node().unwrap();
    tsc.args(["node_modules/typescript/bin/tsc", "--project"]).arg(&file);
    let said = process::capture(&mut tsc, LIMIT).unwrap();
    assert!(said.status.success(), "{}\n{}", said.stdout, said.stderr);

    // That the compiler looks at all: without the types, hardly a line of the client is right.
    fs::write(&types, "export {};").unwrap();
    let said = process::capture(&mut tsc, LIMIT).unwrap();
    assert!(!said.status.success());
}

#[test]
fn the_asyncapi_document_is_one() {
    let folder = TempDir::new("asyncapi").unwrap();
    let file = folder.path().join("asyncapi.json");
    let check = |document: &str| {
        fs::write(&file, document).unwrap();
        let mut check = node::node().unwrap();
        check.arg("asyncapi.mjs").arg(&file);
        process::capture(&mut check, LIMIT).unwrap()
    };
    let document = docs::asyncapi(&catalogue()).to_string();
    let said = check(&document);
    assert!(said.status.success(), "{}{}", said.stdout, said.stderr);
    report::line(&format!("asyncapi: {}", said.stdout.trim()));

    // That the check is one.
    for (right, wrong) in [
        (r#""action":"send""#, r#""action":"sent""#),
        ("components/schemas/OrderDone", "components/schemas/Nothing"),
        (r#""type":"boolean""#, r#""type":"bool""#),
    ] {
        assert!(!check(&document.replacen(right, wrong, 1)).status.success(), "{wrong}");
    }
    assert!(check(&docs::asyncapi(&Catalogue::new([])).to_string()).status.success());
}

#[test]
fn the_documents_are_the_same_each_time() {
    assert_eq!(docs::asyncapi(&catalogue()), docs::asyncapi(&catalogue()));
    assert_eq!(docs::events_d_ts(&catalogue()), docs::events_d_ts(&catalogue()));
    assert!(
        !docs::asyncapi(&catalogue()).to_string().contains("\"default\":\"20"),
        "no time of day"
    );
}

#[test]
fn readme_has_the_table_of_events() {
    let page = fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let parts: Vec<&str> = page.split("<!-- events -->").collect();
    let [_, table, _] = parts.as_slice() else {
        panic!("README.md has no table between two markers <!-- events -->");
    };
    let wanted = docs::events_markdown(&catalogue());
    assert_eq!(table.trim(), wanted.trim(), "print it anew: crier print-events");
}

#[test]
fn the_program_prints_them() {
    let data = TempDir::new("print-events").unwrap();
    let crier = workspace::binary(workspace::Target::Bin("crier-server", "crier")).unwrap();
    let print = |format: &str, apps: &str| {
        let mut command = process::command(&crier);
        command.current_dir(data.path()).args(["--set", apps, "print-events", "--format", format]);
        process::capture(&mut command, LIMIT).unwrap().successful(format).unwrap()
    };
    let all = "apps=marketplace,storefront,shop,vendor-chat";
    assert_eq!(print("markdown", all), docs::events_markdown(&catalogue()));
    assert_eq!(print("typescript", all), docs::events_d_ts(&catalogue()));
    let asyncapi: serde_json::Value =
        serde_json::from_str(&print("asyncapi", "apps=shop")).unwrap();
    assert_eq!(asyncapi, docs::asyncapi(&Catalogue::new([App::Shop])), "of the apps that are on");
}
