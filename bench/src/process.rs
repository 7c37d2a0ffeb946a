//! What a process uses, out of `/proc`.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A process on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process(PathBuf);

/// Why a process cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such process, or it is not ours to look at.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// What was read.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
    /// The kernel writes it in another form than this expects.
    #[error("{}: cannot be understood", .0.display())]
    Unknown(PathBuf),
}

/// `USER_HZ`, the unit of CPU times in `/proc`: 100 on every platform that Linux still has
/// (proc_pid_stat(5) gives `sysconf(_SC_CLK_TCK)`, which has no safe call).
const TICKS_PER_SECOND: u64 = 100;

impl Process {
    /// A process by its id.
    pub fn by_id(id: u32) -> Self {
        Self(format!("/proc/{id}").into())
    }

    /// This process.
    pub fn this() -> Self {
        Self("/proc/self".into())
    }

    /// CPU time since its start, in user and kernel mode, of all threads. Resolution 10 ms.
    ///
    /// # Errors
    ///
    /// The process is gone.
    pub fn cpu(&self) -> Result<Duration, ProcessError> {
        self.read("stat", cpu_of)
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    ///
    /// The process is gone.
    pub fn memory(&self) -> Result<u64, ProcessError> {
        self.read("status", memory_of)
    }

    fn read<T>(&self, file: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, ProcessError> {
        let path = self.0.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => parse(&text).ok_or(ProcessError::Unknown(path)),
            Err(error) => Err(ProcessError::Unreadable { path, error }),
        }
    }
}

/// Measures a stretch of a run.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    server: Option<(Process, Duration)>,
    generator: Duration,
}

/// What a stretch of a run used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// How long it was.
    pub time: Duration,
    /// CPU time of the server, where its process is known.
    pub server: Option<Duration>,
    /// CPU time of this process.
    pub generator: Duration,
}

impl Meter {
    /// Starts now.
    ///
    /// # Errors
    ///
    /// As for [`Process::cpu`].
    pub fn start(server: Option<&Process>) -> Result<Self, ProcessError> {
        let server = match server {
            Some(server) => Some((server.clone(), server.cpu()?)),
            None => None,
        };
        Ok(Self { generator: Process::this().cpu()?, start: Instant::now(), server })
    }

    /// What was used since the start.
    ///
    /// # Errors
    ///
    /// As for [`Process::cpu`].
    pub fn stop(&self) -> Result<Usage, ProcessError> {
        let server = match &self.server {
            Some((server, before)) => Some(server.cpu()?.saturating_sub(*before)),
            None => None,
        };
        Ok(Usage {
            time: self.start.elapsed(),
            server,
            generator: Process::this().cpu()?.saturating_sub(self.generator),
        })
    }
}

/// `utime` and `stime`, the 14th and 15th field of `/proc/PID/stat`. The second field is the name in
/// parentheses, and may have spaces and parentheses in it.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + kernel) * 1_000 / TICKS_PER_SECOND))
}

/// `VmRSS:   1234 kB`.
fn memory_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_be_anything() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 123 45 0 0 20 0 3 0 9 9 9";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1_680)));
        assert_eq!(cpu_of("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_in_kib() {
        let status = "Name:\tpeer\nVmHWM:\t    9999 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(memory_of(status), Some(1234 * 1024));
        assert_eq!(memory_of("Name:\tpeer\n"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        assert!(Process::this().memory().unwrap() > 0);
        assert!(Process::this().cpu().is_ok());
        assert!(Process::by_id(u32::MAX).cpu().is_err());
    }
}
