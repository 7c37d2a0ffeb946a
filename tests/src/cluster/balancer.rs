//! haproxy or nginx, from the sample files in `tests/balancer`: what the README shows is what is tested.

use super::{child::Child, member::Member, ports};
use crate::process::{self, Failure, Outcome};
use crate::workspace;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `tests/balancer/haproxy.cfg`; it asks `/readyz`.
    Haproxy,
    /// `tests/balancer/nginx.conf`; it leaves out who refuses connections.
    Nginx,
}

/// The balancer's process.
#[derive(Debug)]
pub struct Balancer {
    /// The process.
    pub child: Child,
    /// Its port for clients.
    pub sockets: u16,
    /// Its port for backends.
    pub rest: u16,
    statistics: PathBuf,
}

/// Addresses in the samples: the first of a group is the line that is written for each member.
const REPLICAS: [&str; 3] = ["127.0.0.1:3000", "127.0.0.1:3010", "127.0.0.1:3020"];
const SIDECARS: [&str; 2] = ["127.0.0.1:3030", "127.0.0.1:3040"];
const FRONT: [&str; 2] = ["127.0.0.1:3100", "127.0.0.1:3101"];

impl Balancer {
    pub(super) fn start(
        kind: Kind,
        folder: &Path,
        replicas: &[Member],
        sidecars: &[Member],
        front: Option<(u16, u16)>,
    ) -> Outcome<Self> {
        let (sockets, rest) = match front {
            Some(front) => front,
            None => (ports::free_port()?, ports::free_port()?),
        };
        let statistics = folder.join("balancer.sock");
        let (sample, program) = match kind {
            Kind::Haproxy => ("haproxy.cfg", "haproxy"),
            Kind::Nginx => ("nginx.conf", "nginx"),
        };
        let path = workspace::root().join("tests/balancer").join(sample);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let mut text = render(&text, replicas, sidecars, (sockets, rest));
        if kind == Kind::Haproxy {
            // How many answers of which kind there were is asked here.
            let line = format!("global\n    stats socket {}\n", statistics.display());
            text = text.replacen("global\n", &line, 1);
        }
        let own = folder.join(sample);
        std::fs::write(&own, text)
            .map_err(|error| Failure::new(format!("{}: {error}", own.display())))?;
        let mut command = process::command(program);
        match kind {
            // -db: in the foreground, one process.
            Kind::Haproxy => command.arg("-db").arg("-f").arg(&own),
            Kind::Nginx => {
                let pid = folder.join("nginx.pid");
                let globals = format!("daemon off; master_process off; pid {};", pid.display());
                command.arg("-c").arg(&own).arg("-e").arg("stderr").args(["-g", &globals])
            }
        };
        let child = Child::start("balancer", &command, folder)?;
        let balancer = Self { child, sockets, rest, statistics };
        balancer.wait_until_ready()?;
        Ok(balancer)
    }

    /// Answers to HTTP requests of clients so far, by hundreds: `[1xx, 2xx, 3xx, 4xx, 5xx]`. haproxy only.
    ///
    /// # Errors
    /// When it does not tell.
    pub fn answers(&self) -> Outcome<[u64; 5]> {
        let failure =
            |error: std::io::Error| Failure::new(format!("haproxy's statistics: {error}"));
        let mut socket = UnixStream::connect(&self.statistics).map_err(failure)?;
        socket.write_all(b"show stat\n").map_err(failure)?;
        let mut csv = String::new();
        socket.read_to_string(&mut csv).map_err(failure)?;
        let mut lines =
            csv.lines().map(|line| line.trim_start_matches("# ").split(',').collect::<Vec<_>>());
        let names = lines.next().unwrap_or_default();
        let row =
            lines.find(|row| row.first() == Some(&"sockets") && row.get(1) == Some(&"FRONTEND"));
        let row = row.ok_or_else(|| Failure::new("haproxy's statistics: no row `sockets`"))?;
        let value = |hundred: usize| {
            let column = names.iter().position(|name| *name == format!("hrsp_{hundred}xx"));
            column
                .and_then(|column| row.get(column))
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        Ok([1, 2, 3, 4, 5].map(value))
    }

    fn wait_until_ready(&self) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.sockets)).is_err() {
            if Instant::now() > deadline {
                return Err(Failure::new("the balancer does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Members count as down until they were asked once.
        std::thread::sleep(Duration::from_millis(700));
        Ok(())
    }
}

/// The sample with these members in place of its own.
fn render(sample: &str, replicas: &[Member], sidecars: &[Member], front: (u16, u16)) -> String {
    let public = |member: &Member| (member.public, member.internal);
    // Without sidecars of their own, replicas answer for them.
    let rest = |member: &Member| (member.rest.unwrap_or(member.public), member.internal);
    let groups = [
        (&REPLICAS[..], "replica", "port 3002", replicas.iter().map(public).collect::<Vec<_>>()),
        (&SIDECARS[..], "sidecar", "port 3032", sidecars.iter().map(rest).collect()),
    ];
    let mut text = String::new();
    'lines: for line in sample.lines() {
        for (addresses, name, port, members) in &groups {
            let Some(found) = addresses.iter().position(|address| line.contains(address)) else {
                continue;
            };
            for (number, (public, internal)) in members.iter().enumerate().filter(|_| found == 0) {
                let own = line
                    .replace(addresses.first().unwrap_or(&""), &format!("127.0.0.1:{public}"))
                    .replace(&format!("{name}1"), &format!("{name}{}", number + 1))
                    .replace(port, &format!("port {internal}"));
                text.push_str(&own);
                text.push('\n');
            }
            continue 'lines;
        }
        let [sockets, rest] = FRONT;
        let line = line.replace(sockets, &format!("127.0.0.1:{}", front.0));
        text.push_str(&line.replace(rest, &format!("127.0.0.1:{}", front.1)));
        text.push('\n');
    }
    text
}
