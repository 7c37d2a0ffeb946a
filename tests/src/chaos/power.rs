//! What of Redis's append-only file was on disk for certain when its power went.
//!
//! `kill -9` leaves everything that was written with the kernel, synced or not. So `strace` notes each `write` to the file and
//! each `fdatasync` of it; whatever was written behind the last `fdatasync` that had returned is cut off before
//! the restart, as a loss of power would have.

use crate::cluster::{Child, Redis};
use crate::process::{self, Failure, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Notes the writes and syncs of one redis-server.
#[derive(Debug)]
pub(super) struct Recorder {
    strace: Child,
    log: PathBuf,
}

impl Recorder {
    /// Begins; ready when this returns.
    ///
    /// # Errors
    /// When `strace` is not installed or may not attach.
    pub(super) fn attach(redis: &Redis, log: &Path) -> Outcome<Self> {
        let id = redis.child.id().ok_or_else(|| Failure::new("Redis does not run"))?;
        let mut command = process::command("strace");
        // -y: files by name; -s 0: no contents.
        command.args(["-f", "-y", "-s", "0", "-e", "trace=write,pwrite64,fdatasync,fsync", "-o"]);
        command.arg(log).args(["-p", &id.to_string()]);
        let folder = log.parent().unwrap_or(log);
        let recorder =
            Self { strace: Child::start("strace", &command, folder)?, log: log.to_owned() };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_traced(id) {
            if Instant::now() > deadline {
                let why = std::fs::read_to_string(folder.join("strace.log")).unwrap_or_default();
                return Err(Failure::new(format!("strace did not attach to Redis: {why}")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(recorder)
    }

    /// Cuts the file of a Redis that was just killed back to what was synced. The bytes that are gone.
    ///
    /// # Errors
    /// When the notes or the file cannot be read.
    pub(super) fn cut_back(mut self, redis: &Redis) -> Outcome<u64> {
        // It ends with the process that it watches.
        self.strace.wait(Duration::from_secs(20))?;
        let notes = std::fs::read_to_string(&self.log)
            .map_err(|error| Failure::new(format!("{}: {error}", self.log.display())))?;
        let folder = redis.aof_folder();
        let mut gone = 0;
        for (path, bytes) in unsynced(&notes) {
            let path = Path::new(&path);
            if bytes == 0 || !path.starts_with(&folder) {
                continue;
            }
            let cut = || -> std::io::Result<()> {
                let file = std::fs::OpenOptions::new().write(true).open(path)?;
                let length = file.metadata()?.len();
                file.set_len(length.saturating_sub(bytes))?;
                file.sync_all()
            };
            cut().map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            gone += bytes;
        }
        Ok(gone)
    }
}

/// Bytes written to each file behind its last sync.
///
/// Lines are `PID write(8</path>, ""..., 123) = 123`; a call that another thread's interrupts is in two parts,
/// `PID write(8</path>,  <unfinished ...>` and `PID <... write resumed>""..., 123) = 123`.
fn unsynced(notes: &str) -> BTreeMap<String, u64> {
    let mut files: BTreeMap<String, u64> = BTreeMap::new();
    let mut unfinished: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for line in notes.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let result = call.rsplit_once(" = ").and_then(|(_, value)| value.split(' ').next());
        let result = result.and_then(|value| value.parse::<u64>().ok());
        let (name, path) = if call.starts_with("<... ") {
            match unfinished.remove(thread) {
                Some(begun) => begun,
                None => continue,
            }
        } else {
            let Some((name, rest)) = call.split_once('(') else { continue };
            let path = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            let Some((path, _)) = path else { continue };
            if call.contains("<unfinished") {
                unfinished.insert(thread, (name, path.to_owned()));
                // One that never returns was under way at the kill. It counts as nothing: what it may have
                // written was acknowledged to nobody.
                continue;
            }
            (name, path.to_owned())
        };
        let Some(result) = result else { continue };
        let bytes = files.entry(path).or_default();
        match name {
            "write" | "pwrite64" => *bytes += result,
            _ if result == 0 => *bytes = 0,
            _ => {}
        }
    }
    files
}

/// Whether a tracer is attached.
fn is_traced(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|id| id.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_the_last_sync_is_counted() {
        let aof = |notes: &str| unsynced(notes).get("/d/a.aof").copied();
        for (notes, bytes) in [
            ("", None),
            ("7 write(8</d/a.aof>, \"\"..., 10) = 10\n", Some(10)),
            ("7 write(8</d/a.aof>, \"\"..., 10) = 10\n7 fdatasync(8</d/a.aof>) = 0\n", Some(0)),
            (
                "7 write(8</d/a.aof>, \"\"..., 10) = 10\n7 fdatasync(8</d/a.aof>) = -1 EIO (x)\n",
                Some(10),
            ),
            (
                "7 write(8</d/a.aof>, \"\"..., 10) = 10\n7 fdatasync(8</d/a.aof>) = 0\n\
                 7 write(9<TCP:[1]>, \"\"..., 5) = 5\n7 write(8</d/a.aof>, \"\"..., 4) = 4\n",
                Some(4),
            ),
            // The kill came while it synced: not certain, so not on disk.
            (
                "7 write(8</d/a.aof>, \"\"..., 4) = 4\n7 fdatasync(8</d/a.aof> <unfinished ...>\n",
                Some(4),
            ),
            (
                "7 write(8</d/a.aof>,  <unfinished ...>\n9 write(3</x>, \"\"..., 1) = 1\n\
                 7 <... write resumed>\"\"..., 4) = 4\n",
                Some(4),
            ),
        ] {
            assert_eq!(aof(notes), bytes, "{notes}");
        }
    }
}
