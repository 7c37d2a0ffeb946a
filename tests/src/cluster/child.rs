//! One program: killed, stopped, started again as it was, and gone when its owner is.

use crate::process::{self, Failure, Outcome};
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// A program that can be started again.
#[derive(Debug)]
pub struct Child {
    name: String,
    command: Command,
    running: Option<std::process::Child>,
}

impl Child {
    /// Starts a program, its output appended to `<name>.log` in a folder.
    ///
    /// The kernel kills it when the calling thread ends, however that comes about.
    ///
    /// # Errors
    /// When the log or the program cannot be opened.
    pub fn start(name: &str, command: &Command, folder: &Path) -> Outcome<Self> {
        let log =
            OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")));
        let log = log.map_err(|error| Failure::new(format!("{name}.log: {error}")))?;
        let errors =
            log.try_clone().map_err(|error| Failure::new(format!("{name}.log: {error}")))?;
        let mut mortal = mortal(command);
        mortal.stdout(log).stderr(errors);
        let mut child = Self { name: name.to_owned(), command: mortal, running: None };
        child.start_again()?;
        Ok(child)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(std::process::Child::id)
    }

    /// Starts it once more, as it was; does nothing where it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Outcome {
        if self.running.is_none() {
            let started = self.command.spawn();
            self.running =
                Some(started.map_err(|error| Failure::new(format!("{}: {error}", self.name)))?);
        }
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself.
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// Sends a signal: `TERM`, `STOP`, `CONT`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: &str) -> Outcome {
        let id = self.id().ok_or_else(|| Failure::new(format!("{} does not run", self.name)))?;
        let mut kill = process::command("kill");
        process::run(kill.args(["-s", signal, &id.to_string()]), Duration::from_secs(10))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `limit`; it is killed then.
    pub fn wait(&mut self, limit: Duration) -> Outcome<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        while let Some(running) = &mut self.running {
            let status = running.try_wait();
            match status.map_err(|error| Failure::new(format!("{}: {error}", self.name)))? {
                Some(status) => {
                    self.running = None;
                    return Ok(Some(status));
                }
                None if Instant::now() > deadline => {
                    self.kill();
                    return Err(Failure::new(format!("{}: no end after {limit:?}", self.name)));
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Ok(None)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(|running| !matches!(running.try_wait(), Ok(None)))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same command under `setpriv`, which has the kernel kill it with its parent. It is the same process:
/// `setpriv` becomes the program.
fn mortal(command: &Command) -> Command {
    let mut mortal = process::command("setpriv");
    mortal.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => mortal.env(name, value),
            None => mortal.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        mortal.current_dir(folder);
    }
    mortal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::TempDir;

    fn sleeper(folder: &TempDir) -> Child {
        let mut command = process::command("sleep");
        command.arg("1000");
        Child::start("sleeper", &command, folder.path()).unwrap()
    }

    /// A zombie is as dead as nothing.
    fn lives(id: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn a_program_dies_with_the_thread_that_started_it_whatever_becomes_of_its_owner() {
        let folder = TempDir::new("child").unwrap();
        let id = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let child = sleeper(&folder);
                let id = child.id().unwrap();
                // `setpriv` has done its part once it has become the program.
                let name = format!("/proc/{id}/comm");
                while std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
                    std::thread::yield_now();
                }
                // As if this process were killed: nothing is dropped.
                std::mem::forget(child);
                id
            });
            thread.join().unwrap()
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while lives(id) {
            assert!(Instant::now() < deadline, "it is still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_is_killed_and_started_again_as_it_was() {
        let folder = TempDir::new("child").unwrap();
        let mut child = sleeper(&folder);
        let first = child.id().unwrap();
        child.kill();
        assert_eq!((child.id(), child.has_ended(), lives(first)), (None, true, false));
        child.start_again().unwrap();
        assert!(lives(child.id().unwrap()) && !child.has_ended());
        child.signal("TERM").unwrap();
        let status = child.wait(Duration::from_secs(20)).unwrap().unwrap();
        assert!(!status.success());
    }
}
