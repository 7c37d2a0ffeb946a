//! Runs the steps of a page.

use super::{Action, Step, shows};
use crate::process::{self, Captured, Failure, Outcome, Running, TempDir};
use crate::{report, workspace};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A block may build everything for release, on two slow cores.
const LIMIT: Duration = Duration::from_secs(1200);

/// Runs the steps in a fresh clone of what is committed in `repository`.
///
/// What Cargo builds goes to the repository's own target folder, so that a second run is quick.
///
/// # Errors
/// Naming the line of the first block that fails or prints something else.
pub fn run(steps: &[Step], repository: &Path) -> Outcome {
    let folder = TempDir::new("readme")?;
    let clone = folder.path().join("clone");
    clone_into(repository, &clone, folder.path())?;
    let target = workspace::target_dir()?;
    let mut background = Vec::new();
    for step in steps {
        let begin = std::time::Instant::now();
        let terminal = Terminal { folder: folder.path(), clone: &clone, target: &target };
        let outcome = match &step.action {
            Action::Write { path, text } => write(&clone.join(path), text),
            Action::Run { script, background: false, output } => {
                terminal.run(script, output.as_deref())
            }
            Action::Run { script, background: true, output } => {
                terminal.start(script, output.as_deref().unwrap_or_default()).map(|running| {
                    background.push(running);
                })
            }
        };
        if let Err(failure) = outcome {
            let servers: Vec<String> = background.iter().map(Running::transcript).collect();
            let servers = servers.join("\n");
            let message = format!("README.md, line {}: {failure}\n{servers}", step.line);
            return Err(Failure::new(message));
        }
        let seconds = begin.elapsed().as_secs_f64();
        report::line(&format!("README.md, line {}: ok ({seconds:.1} s)", step.line));
    }
    Ok(())
}

fn clone_into(repository: &Path, clone: &Path, folder: &Path) -> Outcome {
    // On a build machine the checkout may belong to somebody else, which Git would refuse. The
    // program that reads the repository for a local clone heeds this only from a file.
    let config = folder.join("gitconfig");
    write(&config, "[safe]\n\tdirectory = *\n")?;
    let mut git = process::command("git");
    git.args(["clone", "--quiet"]).args([repository, clone]);
    git.env("GIT_CONFIG_GLOBAL", config);
    process::capture(&mut git, LIMIT)?.successful("git clone").map(drop)
}

fn write(path: &Path, text: &str) -> Outcome {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// What the blocks share, as if typed into one terminal: variables and the current folder.
struct Terminal<'a> {
    folder: &'a Path,
    clone: &'a Path,
    target: &'a Path,
}

impl Terminal<'_> {
    fn run(&self, script: &str, expected: Option<&[String]>) -> Outcome {
        let captured = process::capture(&mut self.shell(script)?, LIMIT)?;
        let Captured { status, stdout, stderr } = captured;
        let all = || format!("\n--- printed\n{stdout}--- on standard error\n{stderr}---");
        if !status.success() {
            return Err(Failure::new(format!("ended with {status}{}", all())));
        }
        let lines: Vec<String> = stdout.lines().map(str::to_owned).collect();
        if expected.is_some_and(|expected| !shows(expected, &lines, false)) {
            return Err(Failure::new(format!("prints something else{}", all())));
        }
        Ok(())
    }

    fn start(&self, script: &str, ready: &[String]) -> Outcome<Running> {
        let running = Running::start(&mut self.shell(script)?)?;
        running.wait_for("ready lines", LIMIT, |lines| shows(ready, lines, true).then_some(()))?;
        Ok(running)
    }

    fn shell(&self, script: &str) -> Outcome<Command> {
        let (state, block) = (self.folder.join("state"), self.folder.join("block"));
        if !state.exists() {
            write(&state, "")?;
        }
        write(&block, script)?;
        // Every variable is exported (-a), so that the next block finds it. A background block
        // never ends and so leaves nothing, as in a terminal of its own.
        let wrapper = "state=$1; block=$2; source \"$state\"; set -aeuo pipefail; \
             trap 'code=$?; { export -p; printf \"cd %q\\n\" \"$PWD\"; } >\"$state\"; exit $code' EXIT; \
             source \"$block\"";
        let mut bash = process::command("bash");
        bash.args(["-c", wrapper, "bash"]).args([&state, &block]);
        bash.current_dir(self.clone).env("CARGO_TARGET_DIR", self.target);
        // The commands are checked, not the speed of what they build: a clone is always built anew, and
        // optimising across crates is two thirds of that.
        bash.env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        Ok(bash)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// A repository with one file, and a page run in a clone of it.
    fn run_page(page: &str) -> Outcome {
        let repository = TempDir::new("readme-self-test").unwrap();
        let script = "git init -q && echo hello >file && git add file && git -c user.name=n \
                      -c user.email=e@localhost commit -qm first && echo changed >file";
        let mut shell = process::command("bash");
        shell.args(["-ec", script]).current_dir(repository.path());
        process::run(&mut shell, LIMIT).unwrap();
        run(&parse(page).unwrap(), repository.path())
    }

    #[test]
    fn blocks_run_in_a_clone_and_share_a_terminal() {
        let page = "```sh\ncat file\nNAME=\"a  b\"\nmkdir deep && cd deep\n```\n\
            ```text\nhello\n```\n```txt title=deep/x\nwritten\n```\n\
            ```sh\ncat x\necho \"$NAME\"\n```\n```text\nwritten\na  b\n```\n";
        run_page(page).unwrap();
    }

    #[test]
    fn a_background_block_is_waited_for() {
        let page = "```sh background\necho not yet\necho port 17\necho up >mark\necho ready\n\
            exec sleep 1000\n```\n```text\nport <port>\nready\n```\n```sh\ncat mark\n```\n\
            ```text\nup\n```\n";
        run_page(page).unwrap();
    }

    #[test]
    fn a_block_that_fails_is_named_by_its_line() {
        for (page, expected) in [
            ("```sh\nfalse\necho goes on\n```\n", "line 1: ended with"),
            ("```sh\nfalse | cat\n```\n", "line 1: ended with"),
            ("\n```sh\necho a\n```\n```text\nb\n```\n", "line 2: prints something else"),
            ("```sh background\nexit\n```\n```text\nready\n```\n", "line 1: no ready lines"),
        ] {
            let failure = run_page(page).unwrap_err().to_string();
            assert!(failure.contains(expected), "{failure}");
        }
    }
}
