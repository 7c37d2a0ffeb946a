//! One replica or sidecar: its addresses, its settings, its life.

use super::{START_LIMIT, child::Child, ports};
use crate::process::{self, Failure, Outcome};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// A process `crier` or `crier-rest`.
#[derive(Debug)]
pub struct Member {
    /// The process.
    pub child: Child,
    /// Where clients, or backends, reach it: the port on the loopback.
    pub public: u16,
    /// The embedded sidecar's port, where a replica has one.
    pub rest: Option<u16>,
    /// Its internal listener's port.
    pub internal: u16,
}

impl Member {
    /// Starts `crier`.
    pub(super) fn replica(
        binary: &Path,
        name: &str,
        folder: &Path,
        settings: &[(String, String)],
        embedded: bool,
    ) -> Outcome<Self> {
        let (public, internal) = (ports::free_port()?, ports::free_port()?);
        let rest = if embedded { Some(ports::free_port()?) } else { None };
        let mut command = process::command(binary);
        command.env("CRIER_LISTEN", address(public));
        command.env("CRIER_REST_LISTEN", rest.map_or("off".to_owned(), address));
        Self::start(command, name, folder, settings, (public, rest, internal))
    }

    /// Starts `crier-rest`.
    pub(super) fn sidecar(
        binary: &Path,
        name: &str,
        folder: &Path,
        settings: &[(String, String)],
    ) -> Outcome<Self> {
        let (public, internal) = (ports::free_port()?, ports::free_port()?);
        let mut command = process::command(binary);
        command.env("CRIER_REST_LISTEN", address(public));
        Self::start(command, name, folder, settings, (public, None, internal))
    }

    fn start(
        mut command: std::process::Command,
        name: &str,
        folder: &Path,
        settings: &[(String, String)],
        (public, rest, internal): (u16, Option<u16>, u16),
    ) -> Outcome<Self> {
        command
            .env("CRIER_INTERNAL_LISTEN", address(internal))
            .env("CRIER_DATA_DIR", folder.join(name))
            .env("CRIER_LOG", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .current_dir(folder);
        let child = Child::start(name, &command, folder)?;
        Ok(Self { child, public, rest, internal })
    }

    /// Whether its `/readyz` says so now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        is_ready(self.internal)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not at the deadline.
    pub fn wait_until_ready(&self, deadline: Instant) -> Outcome {
        while !self.is_ready() {
            let gone = self.child.id().is_none_or(|id| !is_alive(id));
            if gone || Instant::now() > deadline {
                let why = if gone { "it ended" } else { "not ready in time" };
                return Err(Failure::new(format!("{}: {why}", self.child.name())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// SIGTERM, its drain, its end, its next life.
    ///
    /// # Errors
    /// When it does not end within 40 s (its drain has 25 s) or is not ready again within a minute.
    pub fn roll(&mut self) -> Outcome<Duration> {
        let begin = Instant::now();
        self.child.signal("TERM")?;
        self.child.wait(Duration::from_secs(40))?;
        let drained = begin.elapsed();
        self.child.start_again()?;
        self.wait_until_ready(Instant::now() + START_LIMIT)?;
        Ok(drained)
    }
}

/// Whether the internal listener on this port of the loopback says that it is ready.
#[must_use]
pub fn is_ready(internal: u16) -> bool {
    status(internal, "/readyz") == Some(200)
}

/// The status of a GET, or none where there is no answer within a second.
fn status(port: u16, path: &str) -> Option<u16> {
    let limit = Duration::from_secs(1);
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    // `HTTP/1.1 200`
    std::str::from_utf8(&head).ok()?.split_whitespace().nth(1)?.parse().ok()
}

/// A process that has ended and was not waited for is a zombie until then.
fn is_alive(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
