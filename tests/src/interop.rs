//! Two Node servers with the official adapter and one Crier on one Redis, driven by the official client.

use crate::node;
use crate::process::{self, Failure, Outcome, Running};
use crate::report::{self, Counts};
use crate::workspace::{self, Target};
use std::time::Duration;

/// Longer than any start of a server on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// All tests of one form.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// How the servers talk to each other, as the command lines name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Only the emitter talks to Crier.
    Emitter,
    /// `createAdapter`.
    Classic,
    /// The same with `publishOnSpecificResponseChannel`.
    ClassicSpecific,
    /// `createShardedAdapter`, subscription mode `static`.
    ShardedStatic,
    /// The same, mode `dynamic`.
    ShardedDynamic,
    /// The same, mode `dynamic-private`.
    ShardedDynamicPrivate,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Emitter => "emitter",
            Self::Classic => "classic",
            Self::ClassicSpecific => "classic-specific",
            Self::ShardedStatic => "sharded-static",
            Self::ShardedDynamic => "sharded-dynamic",
            Self::ShardedDynamicPrivate => "sharded-dynamic-private",
        }
    }

    /// What the Node servers do: beside an emitter they are of a cluster of their own.
    fn of_node(self) -> &'static str {
        if self == Self::Emitter { Self::Classic.name() } else { self.name() }
    }
}

/// Who is the third server, called `crier`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Third {
    /// Crier.
    Crier,
    /// A Node server as the others: what does not hold then is our taste.
    Node,
}

/// Runs the tests of a form, prints its table (a row a feature, a column for who acts) and
/// `interop, <form>: N passed, N failed`.
///
/// # Errors
/// When a test failed, with what Node says of it, or when fewer ran than there are cells.
pub fn run(form: Form, third: Third, cells: usize) -> Outcome {
    let redis = Redis::start()?;
    let mut servers = Vec::new();
    for name in ["node-a", "node-b", "crier"] {
        let mut command = if name == "crier" && third == Third::Crier {
            let binary = workspace::binary(Target::Example("crier-server", "conformance"))?;
            let mut command = process::command(binary);
            command.args(["--suite", "mixed", "--adapter", form.name()]);
            command
        } else {
            let mut command = node::node()?;
            command.args(["interop/server.mjs", "--adapter", form.of_node()]);
            command
        };
        command.args(["--name", name, "--redis-url", &redis.url]);
        servers.push((name, start(&mut command)?));
    }

    let mut command = node::node()?;
    let addresses = servers.iter().map(|(name, (_, address))| format!("{name}=http://{address}"));
    let file = if form == Form::Emitter { "emitter" } else { "mixed" };
    command
        .args(["--test", "--test-reporter=tap", &format!("interop/{file}.test.mjs")])
        .env("SERVERS", addresses.collect::<Vec<_>>().join(","))
        .env("REDIS_URL", &redis.url)
        .env("FORM", form.name());
    let tap = process::capture(&mut command, RUN_LIMIT)?;
    let counts = node::tap_counts(&tap.stdout);
    let among = if third == Third::Crier { "" } else { " among Node servers" };
    if third == Third::Crier {
        report::line(&table(form, &tap.stdout));
    }
    let Counts { passed, failed, .. } = counts;
    report::line(&format!("interop, {}{among}: {passed} passed, {failed} failed", form.name()));
    if tap.status.success() && failed == 0 && passed == cells {
        return Ok(());
    }
    let failures = node::tap_failures(&tap.stdout);
    let crier = servers.last().map(|(_, (running, _))| running.transcript()).unwrap_or_default();
    Err(Failure::new(format!(
        "{passed} of {cells} cells hold\n{failures}\n{}\ncrier:\n{crier}",
        tap.stderr
    )))
}

/// What the packages publish, a line each; see `tests/node/interop/vectors.mjs`.
///
/// # Errors
/// When the script fails.
pub fn vectors() -> Outcome<String> {
    let mut command = node::node()?;
    let captured = process::capture(command.arg("interop/vectors.mjs"), RUN_LIMIT)?;
    if captured.status.success() { Ok(captured.stdout) } else { Err(Failure::new(captured.stderr)) }
}

/// Two replicas of Crier and a Node server, without a log that the replicas have in common: so it shows which
/// of them takes what Node emits. The holder of the lease is killed meanwhile.
///
/// # Errors
/// When a test failed, with what Node says of it.
pub fn replicas(form: Form) -> Outcome {
    let redis = Redis::start()?;
    let mut node = node::node()?;
    node.args(["interop/server.mjs", "--adapter", form.name(), "--name", "node-a"]);
    let node = start(node.args(["--redis-url", &redis.url]))?;
    let mut criers = Vec::new();
    for name in ["crier-1", "crier-2"] {
        let binary = workspace::binary(Target::Example("crier-server", "conformance"))?;
        let mut crier = process::command(binary);
        crier.args(["--suite", "mixed", "--adapter", form.name(), "--several", "--name", name]);
        criers.push((name, start(crier.args(["--redis-url", &redis.url]))?));
    }
    let servers = criers.iter().map(|(name, (_, address))| format!("{name}=http://{address}"));
    let pids = criers.iter().map(|(name, (crier, _))| format!("{name}={}", crier.id()));
    let mut command = node::node()?;
    command
        .args(["--test", "--test-reporter=tap", "interop/replicas.test.mjs"])
        .env(
            "SERVERS",
            [vec![format!("node-a=http://{}", node.1)], servers.collect()].concat().join(","),
        )
        .env("PIDS", pids.collect::<Vec<_>>().join(","))
        .env("REDIS_URL", &redis.url)
        .env("FORM", form.name());
    let tap = process::capture(&mut command, RUN_LIMIT)?;
    let Counts { passed, failed, .. } = node::tap_counts(&tap.stdout);
    report::line(&format!("interop, replicas, {}: {passed} passed, {failed} failed", form.name()));
    if tap.status.success() && failed == 0 && passed > 0 {
        return Ok(());
    }
    Err(Failure::new(format!("{}\n{}", node::tap_failures(&tap.stdout), tap.stderr)))
}

fn start(command: &mut std::process::Command) -> Outcome<(Running, String)> {
    let running = Running::start(command.args(["--listen", "127.0.0.1:0"]))?;
    let address = running.wait_for_line("listening on ", START_LIMIT)?;
    Ok((running, address))
}

/// A redis-server that keeps nothing; gone with its owner.
struct Redis {
    url: String,
    _running: Running,
}

impl Redis {
    fn start() -> Outcome<Self> {
        let port = process::free_port()?.to_string();
        let mut command = process::command("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let running = Running::start(&mut command)?;
        running.wait_for("Redis", START_LIMIT, |lines| {
            lines.iter().any(|line| line.contains("Ready to accept connections")).then_some(())
        })?;
        Ok(Self { url: format!("redis://127.0.0.1:{port}"), _running: running })
    }
}

/// The tests of a run, named `FEATURE / WHO ACTS`, as a table.
fn table(form: Form, tap: &str) -> String {
    let mut actors: Vec<&str> = Vec::new();
    let mut rows: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for line in tap.lines() {
        let (mark, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => ("FAILED", rest),
            None => match line.strip_prefix("ok ") {
                Some(rest) => ("ok", rest),
                None => continue,
            },
        };
        let name = rest.split_once(" - ").map_or(rest, |(_, name)| name);
        let Some((feature, actor)) = name.split_once(" / ") else { continue };
        if !actors.contains(&actor) {
            actors.push(actor);
        }
        match rows.iter_mut().find(|(known, _)| *known == feature) {
            Some((_, cells)) => cells.push((actor, mark)),
            None => rows.push((feature, vec![(actor, mark)])),
        }
    }
    let mut text = format!("| {:<44} |", form.name());
    for actor in &actors {
        text.push_str(&format!(" {actor:<7} |"));
    }
    for (feature, cells) in rows {
        text.push_str(&format!("\n| {feature:<44} |"));
        for actor in &actors {
            let mark = cells.iter().find(|(known, _)| known == actor).map_or("", |(_, mark)| mark);
            text.push_str(&format!(" {mark:<7} |"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_cell_for_each_test() {
        let tap = "ok 1 - emit / node-a\nnot ok 2 - emit / crier\nok 3 - fetch / crier\n# pass 2\n";
        let table = table(Form::Classic, tap);
        let cells: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(
            cells,
            [vec!["classic", "node-a", "crier"], vec!["emit", "ok", "FAILED"], vec!["fetch", "ok"],]
        );
    }
}
