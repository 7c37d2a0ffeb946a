//! A program in the background whose output is read line by line.

use super::{Failure, Outcome, kill_tree, spawn};
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A program in the background; it and its children are killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Arc<Output>,
}

/// Everything printed so far; both pipes end when all writers are gone.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stdout: Vec<String>,
    stderr: Vec<String>,
    pipes_ended: u8,
}

#[derive(Clone, Copy)]
enum Pipe {
    Stdout,
    Stderr,
}

impl Running {
    /// Starts the command and begins to read what it prints.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Outcome<Self> {
        let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let output = Arc::new(Output::default());
        read(child.stdout.take(), Pipe::Stdout, &output);
        read(child.stderr.take(), Pipe::Stderr, &output);
        Ok(Self { child, output })
    }

    /// Says a line to its standard input, which must have been made a pipe.
    ///
    /// # Errors
    /// When it has none, or has ended.
    pub fn say(&mut self, line: &str) -> Outcome {
        use std::io::Write as _;
        let input = self.child.stdin.as_mut().ok_or_else(|| Failure::new("no standard input"))?;
        let said = writeln!(input, "{line}").and_then(|()| input.flush());
        said.map_err(|error| {
            Failure::new(format!("saying `{line}`: {error}\n{}", self.transcript()))
        })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `find` is satisfied with the lines that standard output has so far.
    ///
    /// # Errors
    /// With everything printed, when the program ends before, or after `limit`.
    pub fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut find: impl FnMut(&[String]) -> Option<T>,
    ) -> Outcome<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.output.lock();
        loop {
            if let Some(found) = find(&state.stdout) {
                return Ok(found);
            }
            let now = Instant::now();
            let why = match (state.pipes_ended, deadline.checked_duration_since(now)) {
                (2, _) => "it ended",
                (_, None) => "it took too long",
                (_, Some(left)) => {
                    let waited = self.output.changed.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
            };
            drop(state);
            return Err(Failure::new(format!("no {what}: {why}\n{}", self.transcript())));
        }
    }

    /// Waits for a line that starts with `prefix` and gives what follows it.
    ///
    /// # Errors
    /// See [`Running::wait_for`].
    pub fn wait_for_line(&self, prefix: &str, limit: Duration) -> Outcome<String> {
        self.wait_for(&format!("line `{prefix}`"), limit, |lines| {
            lines
                .iter()
                .find_map(|line| line.strip_prefix(prefix))
                .map(|rest| rest.trim().to_owned())
        })
    }

    /// Everything printed so far, for a message: standard output, then standard error.
    #[must_use]
    pub fn transcript(&self) -> String {
        let state = self.output.lock();
        let lines: Vec<&str> =
            state.stdout.iter().chain(&state.stderr).map(String::as_str).collect();
        lines.join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_tree(self.child.id());
        // Reaps it; a child that is gone already is no matter.
        let _ = self.child.wait();
    }
}

impl Output {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

fn read(pipe: Option<impl Read + Send + 'static>, kind: Pipe, output: &Arc<Output>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n')) {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            output.change(|state| match kind {
                Pipe::Stdout => state.stdout.push(line),
                Pipe::Stderr => state.stderr.push(line),
            });
        }
        output.change(|state| state.pipes_ended += 1);
    });
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    fn shell(script: &str) -> Running {
        Running::start(command("sh").args(["-c", script])).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_line_is_waited_for_and_children_go_with_their_parent() {
        let running = shell("sleep 1000 & echo \"child $!\"; wait");
        let child = running.wait_for_line("child ", LONG).unwrap();
        let alive = format!("/proc/{child}/stat");
        assert!(std::path::Path::new(&alive).exists());
        drop(running);
        // Killed at once; who reaps an orphan, and when, is the system's business.
        let gone = || std::fs::read_to_string(&alive).is_ok_and(|stat| !stat.contains(") Z "));
        let deadline = Instant::now() + LONG;
        while gone() {
            assert!(Instant::now() < deadline, "the child is still alive");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_ends_early_shows_what_it_said() {
        let message =
            shell("echo hello; echo trouble >&2").wait_for_line("ready", LONG).unwrap_err();
        let message = message.to_string();
        for part in ["it ended", "hello", "trouble"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
