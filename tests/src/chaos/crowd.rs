//! Official clients and publishers: Node processes that write logs (`tests/node/chaos`).

use crate::node;
use crate::process::{Failure, Outcome, Running};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Clients of one process: more, and a core is busy with Node.
const EACH: usize = 500;

/// All clients connected and in their rooms.
const READY: Duration = Duration::from_secs(180);
/// From the last event to the end of the logs.
const DONE: Duration = Duration::from_secs(240);

/// Some Node processes of one kind.
#[derive(Debug)]
pub struct Crowd {
    processes: Vec<Running>,
}

/// What official clients do.
#[derive(Debug)]
pub struct Clients<'a> {
    /// Where they connect.
    pub url: String,
    /// Tokens of the users that they are, in turn.
    pub tokens: &'a [String],
    /// How many: websocket only, polling only, polling with upgrade.
    pub kinds: (usize, usize, usize),
    /// The rooms that there are.
    pub rooms: &'a [String],
    /// How many of them each is in.
    pub each: usize,
    /// How long it stays in one, on average.
    pub churn: Duration,
    /// How rooms are joined: `request` or `plain`.
    pub join: &'a str,
}

/// What publishers do.
#[derive(Debug)]
pub struct Publishers<'a> {
    /// Where they send.
    pub urls: &'a [String],
    /// Whom they are.
    pub token: &'a str,
    /// How many, and how many events a second of all together.
    pub load: (usize, u32),
    /// The rooms that they send to, by chance.
    pub rooms: &'a [String],
    /// Whether each stays with one of the urls, as what two outboxes keep has no common order.
    pub outbox: bool,
    /// Bytes that make each event larger.
    pub fill: usize,
}

impl Crowd {
    /// Starts clients and waits until all are in their rooms.
    ///
    /// # Errors
    /// When Node fails, or they are not in within three minutes.
    pub fn clients(clients: &Clients<'_>, logs: &Path) -> Outcome<Self> {
        let (websocket, polling, upgrade) = clients.kinds;
        let count = (websocket + polling + upgrade).div_ceil(EACH);
        let share = |all: usize, number: usize| {
            // The first processes have one more where it does not come out even.
            all / count.max(1) + usize::from(number < all % count.max(1))
        };
        let mut processes = Vec::new();
        let mut first = 0;
        for number in 0..count {
            let kinds = [websocket, polling, upgrade].map(|all| share(all, number));
            let options = json!({
                "url": clients.url, "tokens": clients.tokens, "first": first,
                "kinds": { "websocket": kinds[0], "polling": kinds[1], "upgrade": kinds[2] },
                "rooms": clients.rooms, "each": clients.each, "join": clients.join,
                "churn": u64::try_from(clients.churn.as_millis()).unwrap_or(0),
                "log": logs.join(format!("clients-{number}.jsonl")),
            });
            processes.push(start("clients", &options)?);
            first += kinds.iter().sum::<usize>();
        }
        let crowd = Self { processes };
        crowd.wait("ready", READY)?;
        Ok(crowd)
    }

    /// Starts publishers.
    ///
    /// # Errors
    /// When Node cannot be started.
    pub fn publishers(publishers: &Publishers<'_>, logs: &Path) -> Outcome<Self> {
        let (count, rate) = publishers.load;
        let options = json!({
            "urls": publishers.urls, "token": publishers.token, "count": count, "rate": rate,
            "rooms": publishers.rooms, "outbox": publishers.outbox, "fill": publishers.fill,
            "log": logs.join("publishers-0.jsonl"),
        });
        Ok(Self { processes: vec![start("publishers", &options)?] })
    }

    /// Publishes so many events in each room, from one publisher a room, and waits until all are acknowledged.
    ///
    /// # Errors
    /// When they are not within four minutes.
    pub fn exactly(
        urls: &[String],
        token: &str,
        rooms: &[String],
        each: u64,
        logs: &Path,
    ) -> Outcome {
        let options = json!({
            "urls": urls, "token": token, "count": rooms.len(), "rate": 100_000, "rooms": rooms, "each": each,
            "log": logs.join("publishers-0.jsonl"),
        });
        Self { processes: vec![start("publishers", &options)?] }.wait("done", DONE)
    }

    /// Tells them to come to an end, and waits for their logs to be complete.
    ///
    /// # Errors
    /// When they do not within four minutes.
    pub fn stop(mut self) -> Outcome {
        for process in &mut self.processes {
            process.say("stop")?;
        }
        self.wait("done", DONE)
    }

    fn wait(&self, line: &str, limit: Duration) -> Outcome {
        for process in &self.processes {
            process.wait_for(line, limit, |lines| lines.iter().any(|l| l == line).then_some(()))?;
        }
        Ok(())
    }
}

fn start(script: &str, options: &Value) -> Outcome<Running> {
    let mut command = node::node()?;
    // The end of this pipe is the end of the process, however ours comes about.
    command.arg(format!("chaos/{script}.mjs")).arg(options.to_string()).stdin(Stdio::piped());
    Running::start(&mut command).map_err(|failure| Failure::new(format!("{script}: {failure}")))
}

/// Writers of durable records, which read them back at the end.
#[derive(Debug)]
pub struct Durable(Running);

impl Durable {
    /// Starts four of them.
    ///
    /// # Errors
    /// When Node cannot be started.
    pub fn start(urls: &[String], token: &str) -> Outcome<Self> {
        start("durable", &json!({ "urls": urls, "token": token, "count": 4 })).map(Self)
    }

    /// How many of those that were acknowledged are missing: `0 of 1234`.
    ///
    /// # Errors
    /// When it is not known within four minutes.
    pub fn stop(mut self) -> Outcome<String> {
        self.0.say("stop")?;
        self.0.wait_for_line("missing ", DONE)
    }
}
