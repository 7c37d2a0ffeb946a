//! What the tests need beside Rust: redis-server, balancers, Chromium, Node and its packages, Python and its.

use super::schemathesis;
use crate::process::{self, Failure, Outcome};
use crate::{report, workspace};
use std::time::Duration;

/// Downloads on a slow line.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// Programs the tests start, and the Debian package that has each.
const PROGRAMS: [(&str, &str); 8] = [
    ("redis-server", "redis-server"),
    ("haproxy", "haproxy"),
    ("nginx", "nginx"),
    // Tells which writes were on disk when the power was cut.
    ("strace", "strace"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
];

/// Gets what is missing.
///
/// # Errors
/// When something is missing that this machine does not let us install: one line says what.
pub(super) fn install() -> Outcome {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !process::is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    report::line("     npm ci (tests/node)");
    let mut npm = process::command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
    process::run(npm.current_dir(workspace::node_dir()), DOWNLOAD_LIMIT)?;
    // Debian splits Python: without the package, environments cannot be made.
    let mut ensurepip = process::command("python3");
    let whole = process::capture(ensurepip.args(["-c", "import ensurepip, venv"]), DOWNLOAD_LIMIT)?;
    if !whole.status.success() {
        install_packages(&["python3-venv"])?;
    }
    schemathesis::install()
}

fn install_packages(missing: &[&str]) -> Outcome {
    let list = missing.join(" ");
    let by_hand = || Failure::new(format!("please install: {list}"));
    if !process::is_installed("apt-get") {
        return Err(by_hand());
    }
    let quiet = |program: &str, arguments: &[&str]| {
        let mut command = process::command(program);
        let captured = process::capture(command.args(arguments), DOWNLOAD_LIMIT)?;
        captured.successful(program)
    };
    let is_root = quiet("id", &["-u"])?.trim() == "0";
    let sudo: &[&str] = if is_root { &[] } else { &["sudo", "-n"] };
    if !is_root && quiet("sudo", &["-n", "true"]).is_err() {
        return Err(by_hand());
    }
    report::line(&format!("     apt-get install {list}"));
    let apt = |arguments: &[&str]| {
        // A service of the package must not start: the tests start their own servers.
        let prefix = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"];
        let words: Vec<&str> =
            sudo.iter().copied().chain(prefix).chain(arguments.iter().copied()).collect();
        let Some((program, rest)) = words.split_first() else {
            return Ok(String::new());
        };
        quiet(program, rest)
    };
    // Old package lists often still do; a fresh machine may have none.
    let install = [&["install", "-y", "--no-install-recommends"], missing].concat();
    if apt(&install).is_ok() {
        return Ok(());
    }
    apt(&["update"])?;
    apt(&install).map_err(|failure| Failure::new(format!("{}\n{failure}", by_hand())))?;
    Ok(())
}
