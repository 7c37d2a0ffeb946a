//! Programs that `cargo ci` and the tests start.
//!
//! Three promises: a program sees nothing of this process's own settings ([`command`]), it has a
//! limit to run ([`run`], [`capture`]), and it does not outlive its owner, nor do its children
//! ([`Running`], [`kill_tree`]).

mod running;
mod signals;
mod tree;

pub use running::Running;
pub use signals::Signals;
pub use tree::{kill_descendants, kill_tree};

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Why a step or a test cannot hold: one message for a reader.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The result of a step.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A command whose environment says nothing about us.
///
/// Left out: what Cargo tells the program it runs (a nested Cargo would take it for its own),
/// Crier's own settings, and what would change the behaviour of the programs we start.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn is_ours(name: &str) -> bool {
    const PREFIXES: [&str; 5] =
        ["CRIER_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CFG_"];
    const NAMES: [&str; 13] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
        "LD_LIBRARY_PATH",
        "RUST_LOG",
        "RUST_TEST_THREADS",
        "RUST_RECURSION_COUNT",
        "NODE_OPTIONS",
        "NODE_PATH",
        "NODE_TEST_CONTEXT",
        "DEBUG",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Runs a command to its end, its output passed on as it comes.
///
/// # Errors
/// When it cannot be started, runs longer than `limit`, or does not end with success.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    let child = spawn(command)?;
    succeeded(command, wait(child, limit)?)
}

/// What a program left behind.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, bytes that are no UTF-8 replaced.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
}

/// Runs a command to its end and keeps what it prints.
///
/// # Errors
/// When it cannot be started or runs longer than `limit`. A failing exit code is no error here:
/// see [`Captured::status`] and [`Captured::successful`].
pub fn capture(command: &mut Command, limit: Duration) -> Outcome<Captured> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(child, limit)?;
    // The pipes end with the last program that holds them, at the latest when the tree is gone.
    let text = |bytes: mpsc::Receiver<Vec<u8>>| {
        let bytes = bytes.recv_timeout(limit).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Captured { status, stdout: text(stdout), stderr: text(stderr) })
}

impl Captured {
    /// The standard output of a program that ended well.
    ///
    /// # Errors
    /// With everything it printed, when it did not.
    pub fn successful(self, what: &str) -> Outcome<String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        Err(Failure::new(format!(
            "{what}: {}\n{}\n{}",
            self.status,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        )))
    }
}

/// A port of the loopback that nobody listens on at this moment.
///
/// # Errors
/// When the system gives none.
pub fn free_port() -> Outcome<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port: {error}")))
}

/// Whether a program of this name is on the search path.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// A folder that is gone with its owner.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new empty folder among the system's temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(purpose: &str) -> Outcome<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("crier-{purpose}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn spawn(command: &mut Command) -> Outcome<Child> {
    command.spawn().map_err(|error| {
        Failure::new(format!("{} cannot be started: {error}", command.get_program().display()))
    })
}

fn succeeded(command: &Command, status: ExitStatus) -> Outcome {
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", describe(command))))
}

fn describe(command: &Command) -> String {
    let arguments = command.get_args().map(OsStr::to_string_lossy);
    let words: Vec<_> =
        std::iter::once(command.get_program().to_string_lossy()).chain(arguments).collect();
    words.join(" ")
}

/// Waits in a thread, so that the limit needs no polling.
fn wait(mut child: Child, limit: Duration) -> Outcome<ExitStatus> {
    let id = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait()));
    match ended.recv_timeout(limit) {
        Ok(status) => status.map_err(|error| Failure::new(format!("waiting: {error}"))),
        Err(_) => {
            kill_tree(id);
            Err(Failure::new(format!("still running after {} s: killed", limit.as_secs())))
        }
    }
}

fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A broken pipe ends the output; what came before counts.
            let _ = pipe.read_to_end(&mut bytes);
        }
        send.send(bytes)
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = command("sh");
        shell.args(["-c", script]);
        shell
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn output_and_exit_code_are_kept() {
        let captured = capture(&mut shell("echo out; echo err >&2; exit 3"), LONG).unwrap();
        assert_eq!(captured.status.code(), Some(3));
        assert_eq!((captured.stdout.as_str(), captured.stderr.as_str()), ("out\n", "err\n"));
        let message = captured.successful("the script").unwrap_err().to_string();
        assert!(message.contains("the script") && message.contains("err"), "{message}");
    }

    #[test]
    fn a_program_over_its_limit_is_killed_with_its_children() {
        let failure = capture(&mut shell("sleep 1000 & wait"), Duration::from_millis(100));
        assert!(failure.unwrap_err().to_string().contains("killed"));
    }

    #[test]
    fn a_failing_command_is_named() {
        let message = run(&mut shell("exit 4"), LONG).unwrap_err().to_string();
        assert!(message.contains("sh -c exit 4") && message.contains('4'), "{message}");
    }

    #[test]
    fn the_settings_of_the_parent_stay_with_the_parent() {
        for (name, ours) in [
            ("CRIER_LISTEN", true),
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO", true),
            ("NODE_OPTIONS", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("PATH", false),
            ("SSL_CERT_FILE", false),
        ] {
            assert_eq!(is_ours(name), ours, "{name}");
        }
    }

    #[test]
    fn a_temporary_folder_goes_with_its_owner() {
        let folder = TempDir::new("self-test").unwrap();
        let path = folder.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
