//! The same audit on Node with its streams adapter, which is known to lose under load: so the audit can see.

use super::Options;
use super::audit::Report;
use super::crowd::{Clients, Crowd, Publishers};
use super::random::Random;
use crate::cluster::{Child, Cutter, Fsync, Redis, free_port};
use crate::light;
use crate::node;
use crate::process::{self, Failure, Outcome, Running, TempDir};
use crate::report::line;
use crate::workspace;
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Rooms, each client in four of them.
const ROOMS: usize = 10;

pub(super) fn run(options: &Options, logs: &Path) -> Outcome {
    // Clients, events a second, cuts.
    let (clients, rate, cuts) = if options.short { (6, 800, 60) } else { (12, 2_000, 480) };
    let folder = TempDir::new("baseline")?;
    let redis = Redis::start(folder.path(), Fsync::Everysec)?;
    let mut servers = Vec::new();
    let mut ports = Vec::new();
    for _ in 0..2 {
        let port = free_port()?;
        let options = json!({ "port": port, "redis": redis.url() });
        let mut command = node::node()?;
        command.arg("chaos/baseline.mjs").arg(options.to_string()).stdin(Stdio::piped());
        let server = Running::start(&mut command)?;
        server.wait_for_line("ready", Duration::from_secs(60))?;
        servers.push(server);
        ports.push(port);
    }
    let (balancer, front) = balancer(folder.path(), &ports)?;
    let cutter = Cutter::start(front)?;
    let rooms = light::rooms(ROOMS);
    let official = Crowd::clients(
        &Clients {
            url: format!("http://127.0.0.1:{}", cutter.port),
            tokens: &["none".to_owned()],
            kinds: (clients, 0, 0),
            rooms: &rooms,
            each: 4,
            churn: Duration::ZERO,
            join: "plain",
        },
        logs,
    )?;
    // Each publisher stays with one server, so that its events have one order.
    let urls: Vec<String> = ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
    let publishers = Crowd::publishers(
        &Publishers {
            urls: &urls,
            token: "none",
            load: (16, rate),
            rooms: &rooms,
            outbox: true,
            fill: 0,
        },
        logs,
    )?;
    let mut random = Random::new(options.seed);
    let mut cut = 0;
    while cut < cuts {
        std::thread::sleep(random.around(Duration::from_millis(125)));
        cut += cutter.cut(1, |count| random.below(count));
    }
    publishers.stop()?;
    official.stop()?;
    drop((balancer, servers, redis));
    let report = Report::of(logs, 1)?;
    line(&format!("  connections cut                    {cut}"));
    for row in report.table().lines() {
        line(row);
    }
    let found = report.count("lost") + report.count("doubled") + report.count("reordered");
    if found > 0 && report.count("recovered") > 0 {
        line(&format!("  found: {}", report.faults().join(", ")));
        return Ok(());
    }
    Err(Failure::new("the audit found nothing wrong with Node's recovery, which is known to lose"))
}

/// haproxy in front of the two, websockets in turn.
fn balancer(folder: &Path, ports: &[u16]) -> Outcome<(Child, u16)> {
    let path = workspace::root().join("tests/balancer/haproxy.cfg");
    let sample = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let (defaults, _) = sample.split_once("frontend ").unwrap_or((&sample, ""));
    let front = free_port()?;
    let mut text = defaults.replace("option httpchk\n", "\n");
    text = text.lines().filter(|line| !line.contains("http-check")).collect::<Vec<_>>().join("\n");
    text.push_str(&format!(
        "\nfrontend sockets\n    bind 127.0.0.1:{front}\n    default_backend nodes\nbackend nodes\n    balance roundrobin\n"
    ));
    for port in ports {
        text.push_str(&format!("    server node{port} 127.0.0.1:{port}\n"));
    }
    let own = folder.join("baseline.cfg");
    std::fs::write(&own, text)
        .map_err(|error| Failure::new(format!("{}: {error}", own.display())))?;
    let mut command = process::command("haproxy");
    command.arg("-db").arg("-f").arg(&own);
    let child = Child::start("balancer", &command, folder)?;
    std::thread::sleep(Duration::from_millis(500));
    Ok((child, front))
}
