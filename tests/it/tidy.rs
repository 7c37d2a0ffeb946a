//! Rules about the sources, as tests: what we depend on, who may use whom, where `unsafe` is.
//!
//! Works offline, on what `Cargo.lock` names for this machine's platform.

mod licences;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::process;
use tests::workspace::{cargo, root};

const LIMIT: Duration = Duration::from_secs(120);

/// Crates that must not come in, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "needs a system library; rustls is the TLS of this workspace"),
    ("native-tls", "needs a system library; rustls is the TLS of this workspace"),
    ("atty", "unmaintained and unsound: std::io::IsTerminal"),
    ("serde_yaml", "unmaintained"),
];

/// Versions below these have known faults or lack what we rely on: (crate, at least, why).
const FLOORS: &[(&str, [u64; 3], &str)] = &[
    ("jsonwebtoken", [11, 0, 0], "CVE-2026-25537: below 10.3 a claim of a wrong type is absent"),
    ("tungstenite", [0, 20, 1], "CVE-2023-43669: an endless header is parsed again and again"),
    ("tokio", [1, 44, 2], "RUSTSEC-2025-0023: its broadcast channel clones without Sync"),
    ("dashmap", [5, 1, 0], "RUSTSEC-2022-0002: references that outlive their entry"),
    ("smallvec", [1, 6, 1], "RUSTSEC-2021-0003: overflow in insert_many"),
    ("rustls", [0, 23, 5], "RUSTSEC-2024-0336: complete_io may loop for ever"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055: escape sequences in logs"),
];

/// Crates that do I/O, read clocks or draw random numbers: not in `crier-protocol`.
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "h2",
    "async-std",
    "smol",
    "getrandom",
    "rand",
    "redis",
    "tungstenite",
    "tracing",
    "chrono",
    "time",
];

/// Which of our crates each may depend on, tests aside. `crier-server` uses the sidecar in its
/// binary only, see [`the_sidecar_is_known_to_the_binary_only`].
const DIRECTION: &[(&str, &[&str])] = &[
    ("crier-protocol", &[]),
    ("crier-domain", &["crier-protocol"]),
    ("crier-server", &["crier-protocol", "crier-domain", "crier-rest"]),
    ("crier-rest", &["crier-protocol", "crier-domain"]),
    ("crier-bench", &["crier-protocol"]),
];

/// Which modules of the server a module must not use: those above it.
const ABOVE: &[(&str, &[&str])] = &[
    ("session", &["room", "adapter", "namespace", "driver", "apps", "http", "io", "start"]),
    ("room", &["session", "adapter", "namespace", "driver", "apps", "http", "io", "start"]),
    ("adapter", &["session", "room", "namespace", "driver", "apps", "http", "io", "start"]),
    ("namespace", &["driver", "apps", "http", "start"]),
    ("driver", &["apps", "http", "start"]),
    ("apps", &["session", "driver", "http", "start"]),
];

#[test]
fn every_dependency_has_a_permissive_licence() {
    for package in packages() {
        let name = text(&package, "name");
        let licence = package.get("license").and_then(Value::as_str);
        let licence = licence.unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(licences::is_permissive(licence), "{name}: {licence}");
    }
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    for package in packages() {
        let source = package.get("source").and_then(Value::as_str);
        let held =
            source.is_none_or(|it| it.starts_with("registry+") && it.ends_with("/crates.io-index"));
        assert!(held, "{} comes from {source:?}", text(&package, "name"));
        if source.is_none() {
            let manifest = text(&package, "manifest_path");
            assert!(Path::new(manifest).starts_with(root()), "{manifest} is outside the tree");
        }
    }
}

#[test]
fn no_banned_crate_comes_in() {
    for package in packages() {
        let name = text(&package, "name");
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            panic!("{name}: {why}");
        }
    }
}

#[test]
fn versions_are_not_below_their_floors() {
    for package in packages() {
        let (name, version) = (text(&package, "name"), text(&package, "version"));
        for (_, floor, why) in FLOORS.iter().filter(|(floored, ..)| *floored == name) {
            assert!(numbers(version) >= *floor, "{name} {version} < {floor:?}: {why}");
        }
    }
}

#[test]
fn the_protocol_touches_no_world() {
    let tree = tree_of("crier-protocol");
    let found: Vec<_> = IMPURE.iter().filter(|name| tree.contains(**name)).collect();
    assert!(found.is_empty(), "crier-protocol depends on {found:?}");
}

#[test]
fn the_server_speaks_http_1_only() {
    // HTTP/2 brings its own floods, and neither Socket.IO transport needs it. A client library (S3's) may
    // contain h2: what counts is what listens, and that is built on hyper's HTTP/1 connection alone.
    for folder in ["server/src", "rest/src"] {
        for (path, code) in sources(&root().join(folder)) {
            for listens in ["conn::http2", "conn::auto", "server::conn::Http"] {
                assert!(!code.contains(listens), "{} uses {listens}", path.display());
            }
        }
    }
    let listening = sources(&root().join("server/src"));
    assert!(listening.iter().any(|(_, code)| code.contains("conn::http1")), "who listens?");
    // The bytes themselves are tried in `hostile::tcp`.
}

#[test]
fn our_crates_depend_in_one_direction() {
    for package in packages() {
        let name = text(&package, "name");
        let Some((_, allowed)) = DIRECTION.iter().find(|(ours, _)| *ours == name) else {
            continue;
        };
        let dependencies = package.get("dependencies").and_then(Value::as_array).unwrap();
        for dependency in dependencies {
            let is_normal = dependency.get("kind").is_some_and(Value::is_null);
            let used = text(dependency, "name");
            if is_normal && used.starts_with("crier-") {
                assert!(allowed.contains(&used), "{name} must not depend on {used}");
            }
        }
    }
}

#[test]
fn the_sidecar_is_known_to_the_binaries_only() {
    let source = root().join("server/src");
    for (path, code) in sources(&source) {
        let is_binary = path.starts_with(source.join("bin"));
        assert!(is_binary || !code.contains("crier_rest"), "{} uses crier_rest", path.display());
    }
}

#[test]
fn modules_of_the_server_do_not_use_those_above_them() {
    for (module, above) in ABOVE {
        let source = root().join("server/src");
        for (path, code) in sources(&source.join(module)) {
            for name in *above {
                let used = code.contains(&format!("crate::{name}::"))
                    || code.contains(&format!("crate::{name};"));
                assert!(!used, "{} uses crate::{name}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let manifest = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    assert!(manifest(root()).contains("unsafe_code = \"forbid\""));
    for package in packages().iter().filter(|package| package["source"].is_null()) {
        let folder = Path::new(text(package, "manifest_path")).parent().unwrap();
        let follows = manifest(folder).contains("[lints]\nworkspace = true");
        assert!(follows, "{} does not take the workspace's lints", folder.display());
    }
}

/// Everything that is compiled for this machine, from `cargo metadata`.
fn packages() -> Vec<Value> {
    let mut rustc = process::command("rustc");
    let version = process::capture(rustc.arg("-vV"), LIMIT).unwrap().stdout;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    metadata.args(["--filter-platform", host]);
    let json = process::capture(&mut metadata, LIMIT).unwrap().successful("metadata").unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    json["packages"].as_array().unwrap().clone()
}

/// The names of what a crate of ours is built with, dev-dependencies aside.
fn tree_of(package: &str) -> BTreeSet<String> {
    let mut tree = cargo();
    tree.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"]);
    tree.args(["--locked", "--offline"]);
    let lines = process::capture(&mut tree, LIMIT).unwrap().successful("tree").unwrap();
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert!(names.contains(package), "{lines}");
    names
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// The three numbers of a version.
fn numbers(version: &str) -> [u64; 3] {
    let core = version.split(['-', '+']).next().unwrap();
    let mut parts = core.split('.').map(|part| part.parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// The Rust files of a module (a file, a folder, or both), without comment lines.
fn sources(module: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![module.to_owned(), module.with_extension("rs")];
    while let Some(path) = open.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            open.extend(entries.flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") && path.is_file() {
            let code = fs::read_to_string(&path).unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push((path, lines.collect::<Vec<_>>().join("\n")));
        }
    }
    found
}
