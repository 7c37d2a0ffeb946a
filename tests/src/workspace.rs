//! Where the sources and the binaries are.

use crate::process::{self, Failure, Outcome};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `cargo ci` tells its tests here where it has built the binaries; unset, a test builds what it needs.
pub const BIN_DIR: &str = "CRIER_BIN_DIR";

/// Long enough to build one binary from nothing on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// The top of the source tree.
#[must_use]
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The folder of the Node packages and scripts.
#[must_use]
pub fn node_dir() -> PathBuf {
    root().join("tests/node")
}

/// What to build, and from which package.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// A program: `cargo build --package PACKAGE --bin NAME`.
    Bin(&'static str, &'static str),
    /// An example: `cargo build --package PACKAGE --example NAME`.
    Example(&'static str, &'static str),
}

/// The path of a binary of ours: `cargo ci`'s if it runs the tests, else built now.
///
/// # Errors
/// With the compiler's words when it does not build.
pub fn binary(target: Target) -> Outcome<PathBuf> {
    let (kind, package, name, folder) = match target {
        Target::Bin(package, name) => ("--bin", package, name, ""),
        Target::Example(package, name) => ("--example", package, name, "examples"),
    };
    if let Some(built) = std::env::var_os(BIN_DIR) {
        let path = Path::new(&built).join(folder).join(name);
        if path.is_file() {
            return Ok(path);
        }
        return Err(Failure::new(format!("{}: not built", path.display())));
    }
    let mut cargo = cargo();
    cargo.args(["build", "--package", package, kind, name, "--message-format", "json"]);
    // What is measured or tried by a release build is a release build.
    if cfg!(not(debug_assertions)) {
        cargo.arg("--release");
    }
    let messages = process::capture(&mut cargo, BUILD_LIMIT)?.successful(name)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|found| found == name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .ok_or_else(|| Failure::new(format!("Cargo named no executable for {name}")))
}

/// Cargo at the top of the tree, with a clean environment.
#[must_use]
pub fn cargo() -> std::process::Command {
    let mut cargo = process::command("cargo");
    cargo.current_dir(root());
    cargo
}

/// The folder that Cargo builds into.
///
/// # Errors
/// When Cargo cannot read the workspace.
pub fn target_dir() -> Outcome<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let text = process::capture(&mut cargo, Duration::from_secs(120))?.successful("metadata")?;
    serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| value.get("target_directory")?.as_str().map(PathBuf::from))
        .ok_or_else(|| Failure::new("Cargo named no target directory"))
}
