//! A redis-server of the test's own, on a socket in a temporary folder.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crier_domain::redis::{Redis, RedisOptions, RedisUrl};
use tempfile::TempDir;

/// A server; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    arguments: Vec<String>,
    /// TCP besides the socket; 0 = none.
    port: String,
    child: Option<Child>,
}

impl Server {
    /// One that keeps nothing on disk, with these arguments besides.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let bare = ["--save", "", "--appendonly", "no"];
        Self::run(bare.iter().chain(arguments).map(|a| (*a).to_owned()).collect())
    }

    /// One with exactly these arguments, besides where it listens and keeps its files.
    pub(crate) fn run(arguments: Vec<String>) -> Self {
        Self::listening(tempfile::tempdir().unwrap(), arguments, "0")
    }

    /// One that keeps nothing on disk, and listens on loopback too.
    pub(crate) fn on_port(port: &str, arguments: &[&str]) -> Self {
        let bare = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
        let arguments = bare.iter().chain(arguments).map(|a| (*a).to_owned()).collect();
        Self::listening(tempfile::tempdir().unwrap(), arguments, port)
    }

    /// A sentinel; its file is its own, it writes to it.
    pub(crate) fn sentinel(port: &str, lines: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, lines.join("\n")).unwrap();
        let arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
        Self::listening(folder, arguments, port)
    }

    fn listening(folder: TempDir, arguments: Vec<String>, port: &str) -> Self {
        let mut server = Self { folder, arguments, port: port.to_owned(), child: None };
        server.up();
        server
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The append-only file that is written to now.
    pub(crate) fn newest_append_only_file(&self) -> PathBuf {
        let folder = self.folder.path().join("appendonlydir");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).collect();
        files.sort();
        files.pop().expect("there is an append-only file")
    }

    /// Starts it, again, and waits until it answers.
    pub(crate) fn up(&mut self) {
        let folder = self.folder.path().display().to_string();
        let socket = self.socket();
        // A killed server leaves it behind.
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--port", &self.port, "--unixsocket", &socket.display().to_string()])
            .args(["--dir", &folder, "--daemonize", "no", "--logfile", "redis.log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed: apt-get install redis-server");
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !answers(&socket) {
            assert!(Instant::now() < deadline, "redis-server does not answer: {}", self.log());
            let exited = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(exited.is_none(), "redis-server has ended: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn options(&self, prefix: &str) -> RedisOptions {
        RedisOptions {
            url: RedisUrl::parse(&format!("redis+unix://{}", self.socket().display())).unwrap(),
            username: None,
            password: None,
            prefix: prefix.to_owned(),
            secrets: vec![b"a secret of the tests".to_vec()],
            connections: 2,
            timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn redis(&self, prefix: &str) -> Redis {
        Redis::new(self.options(prefix)).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether somebody is there and has loaded its data: an error for want of a password is an answer too.
fn answers(socket: &std::path::Path) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return false };
    let mut answer = [0; 64];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read(&mut answer).is_ok_and(|n| n > 0)
        && !answer.starts_with(b"-LOADING")
}
