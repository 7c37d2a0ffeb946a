//! redis-server with the shipped `redis.conf`, in a folder of its own.

use super::{START_LIMIT, child::Child, ports};
use crate::process::{self, Failure, Outcome};
use crate::workspace;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// When the append-only file is on disk (`appendfsync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fsync {
    /// Before each answer, as shipped.
    Always,
    /// Once a second.
    Everysec,
}

/// A redis-server.
#[derive(Debug)]
pub struct Redis {
    /// The process.
    pub child: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    /// Starts it in a folder of its own below `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(folder: &Path, fsync: Fsync) -> Outcome<Self> {
        let port = ports::free_port()?;
        let folder = folder.join("redis");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        let mut command = process::command("redis-server");
        // What is behind the file's name overrides what is in it.
        command.arg(workspace::root().join("redis.conf")).args(["--port", &port.to_string()]);
        command.arg("--dir").arg(&folder);
        command.args([
            "--appendfsync",
            match fsync {
                Fsync::Always => "always",
                Fsync::Everysec => "everysec",
            },
        ]);
        let log = folder.parent().unwrap_or(&folder);
        let child = Child::start("redis", &command, log)?;
        let redis = Self { child, port, folder };
        redis.wait_until_ready()?;
        Ok(redis)
    }

    /// `redis://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where its append-only files are.
    #[must_use]
    pub fn aof_folder(&self) -> PathBuf {
        self.folder.join("appendonlydir")
    }

    /// Starts it again and waits until it has read its file.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Outcome {
        self.child.start_again()?;
        self.wait_until_ready()
    }

    /// How often each command was called since the start (`INFO commandstats`), those inside scripts too.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn calls(&self) -> Outcome<BTreeMap<String, u64>> {
        let text = self.ask("INFO commandstats")?;
        let calls = text.lines().filter_map(|line| {
            // cmdstat_get:calls=1,usec=…
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        });
        Ok(calls.collect())
    }

    /// One command's answer: a simple string or a bulk of text.
    ///
    /// # Errors
    /// When it does not answer within five seconds, or with an error.
    pub fn ask(&self, command: &str) -> Outcome<String> {
        self.try_ask(command).map_err(|error| Failure::new(format!("redis {command}: {error}")))
    }

    fn try_ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        reader.read_line(&mut head)?;
        let head = head.trim_end();
        if let Some(length) = head.strip_prefix('$') {
            let length: u64 = length.parse().map_err(std::io::Error::other)?;
            let mut text = String::new();
            reader.take(length).read_to_string(&mut text)?;
            return Ok(text);
        }
        match head.strip_prefix(['+', ':']) {
            Some(text) => Ok(text.to_owned()),
            None => Err(std::io::Error::other(head.to_owned())),
        }
    }

    fn wait_until_ready(&self) -> Outcome {
        let deadline = Instant::now() + START_LIMIT;
        // LOADING is an error until its file is read.
        while self.try_ask("PING").is_err() {
            if Instant::now() > deadline {
                return Err(Failure::new("redis-server: not ready in time"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
