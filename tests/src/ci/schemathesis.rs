//! The sidecar against its own document: schemathesis reads `/openapi.json` and asks for everything in
//! it, with what the schemas allow and with what they do not.
//!
//! What is left out of the checks stands in `tests/python/schemathesis.toml`, each with its reason.

use crate::process::{self, Failure, Outcome, Running, TempDir};
use crate::{report, workspace};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Packages on a slow line.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// Until `crier` is ready.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Several times what a run takes on two cores.
const RUN_LIMIT: Duration = Duration::from_secs(900);

/// Limits that would answer 429 instead of what is to be checked.
const SETTINGS: [&str; 7] = [
    "rest.requests_per_second=1000000",
    "rest.refusals_per_second=1000000",
    "chat.messages_per_minute=1000000",
    "chat.new_per_minute=1000000",
    "notifications.per_minute=1000000",
    "shop.messages_per_minute=1000000",
    "shop.orders_per_minute=1000000",
];

/// Gets schemathesis, at the versions of `requirements.txt`, into a folder of Cargo's target.
pub(super) fn install() -> Outcome {
    let folder = environment()?;
    let requirements = folder_of_python().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .map_err(|error| Failure::new(format!("{}: {error}", requirements.display())))?;
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|is| is == wanted) {
        return Ok(());
    }
    report::line("     pip install (tests/python)");
    let mut venv = process::command("python3");
    process::run(venv.args(["-m", "venv", "--clear"]).arg(&folder), DOWNLOAD_LIMIT)?;
    let mut pip = process::command(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--requirement"]);
    process::run(pip.arg(&requirements), DOWNLOAD_LIMIT)?;
    std::fs::write(&installed, wanted)
        .map_err(|error| Failure::new(format!("{}: {error}", installed.display())))
}

/// Starts `crier` with the development key and has everything in its document asked for.
pub(super) fn run(crier: &Path) -> Outcome {
    let data = TempDir::new("schemathesis")?;
    let mut command = process::command(crier);
    for flag in ["--listen", "--rest-listen", "--internal-listen"] {
        command.args([flag, "127.0.0.1:0"]);
    }
    command.args(["--log", "warn", "--data-dir"]).arg(data.path().join("data"));
    for setting in SETTINGS {
        command.args(["--set", setting]);
    }
    // Its own `crier.toml`, if there is one, is not ours.
    let crier = Running::start(command.current_dir(data.path()))?;
    let sidecar = crier.wait_for_line("sidecar", START_LIMIT)?;
    let address = sidecar.split("/api").next().unwrap_or(&sidecar);
    let token = crier.wait_for_line("service token", START_LIMIT)?;
    let mut schemathesis = process::command(environment()?.join("bin/schemathesis"));
    schemathesis
        .arg("--config-file")
        .arg(folder_of_python().join("schemathesis.toml"))
        .args(["run", &format!("{address}/openapi.json"), "--no-color"])
        .args(["--wait-for-schema", "20"])
        .env("CRIER_TOKEN", token)
        .current_dir(data.path());
    process::run(&mut schemathesis, RUN_LIMIT)
        .map_err(|failure| Failure::new(format!("{failure}\n{}", crier.transcript())))
}

fn environment() -> Outcome<PathBuf> {
    Ok(workspace::target_dir()?.join("schemathesis"))
}

fn folder_of_python() -> PathBuf {
    workspace::root().join("tests/python")
}
