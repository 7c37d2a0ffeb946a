//! The short sizes of what `cargo run --release -p tests --bin chaos` does in full: things are killed under load, and an
//! audit that reads only logs counts what clients got. First the audit itself.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tests::chaos::{self, audit, crowd::Crowd};
use tests::cluster::{BalancerKind, Cluster, Options};
use tests::process::{self, TempDir};
use tests::{light, workspace};

/// One at a time: each has some thirty clients and wants its share of two cores.
static TURN: Mutex<()> = Mutex::new(());

fn short(name: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let options = chaos::Options { short: true, seed: 4, keep: None, sidecars: None };
    if let Err(failure) = chaos::run(name, &options) {
        panic!("{name}: {failure}");
    }
}

#[test]
fn the_audit_is_green_on_honest_logs_and_red_on_each_planted_fault() {
    let mut python = process::command("python3");
    python.arg("test_audit.py").current_dir(workspace::root().join("tests/python"));
    let captured = process::capture(&mut python, Duration::from_secs(300)).unwrap();
    captured.successful("test_audit.py").unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn cut_connections_cost_nothing() {
    short("cuts");
}

#[test]
fn everyone_dropped_at_once_comes_back_with_everything() {
    short("storm-alone");
}

#[test]
fn both_sample_balancers_carry_clients_and_backends() {
    for balancer in [BalancerKind::Haproxy, BalancerKind::Nginx] {
        let options =
            Options { replicas: 1, sidecars: 0, redis: false, balancer, ..Options::default() };
        let cluster = Cluster::start(&options).unwrap();
        let logs = TempDir::new("balancers").unwrap();
        let rooms = light::rooms(2);
        let clients = light::Crowd::start(
            light::Options {
                ports: vec![cluster.balancer.sockets],
                tokens: vec![cluster.token("someone", "user").unwrap()],
                rooms: rooms.clone(),
                count: 4,
                narrow: 0,
                pace: 100,
                delay: (Duration::from_millis(50), Duration::from_millis(500)),
            },
            logs.path(),
        )
        .unwrap();
        clients.wait_inside(4, Duration::from_secs(30)).unwrap();
        let urls = [format!("http://127.0.0.1:{}", cluster.balancer.rest)];
        let service = cluster.token("backend", "service").unwrap();
        Crowd::exactly(&urls, &service, &rooms, 5, logs.path()).unwrap();
        clients.wait_events(20, Duration::from_secs(30)).unwrap();
        clients.stop();
        let report = audit::Report::of(logs.path(), 20).unwrap();
        assert_eq!(report.faults(), Vec::<String>::new(), "{balancer:?}");
    }
}

#[test]
fn the_readme_shows_the_balancer_that_is_tested() {
    let read = |path: &str| std::fs::read_to_string(workspace::root().join(path)).unwrap();
    let sample = read("tests/balancer/haproxy.cfg");
    let (_, shown) = sample.split_once("\nfrontend sockets\n").unwrap();
    assert!(read("README.md").contains(shown.trim()), "README.md shows another haproxy.cfg");
    let folder = TempDir::new("samples").unwrap();
    let pid = format!("pid {};", folder.path().join("pid").display());
    for (program, arguments) in [
        ("haproxy", vec!["-c", "-f", "tests/balancer/haproxy.cfg"]),
        (
            "nginx",
            vec!["-t", "-e", "stderr", "-p", ".", "-c", "tests/balancer/nginx.conf", "-g", &pid],
        ),
    ] {
        let mut check = process::command(program);
        check.args(arguments).current_dir(PathBuf::from(workspace::root()));
        let captured = process::capture(&mut check, Duration::from_secs(30)).unwrap();
        captured.successful(program).unwrap_or_else(|failure| panic!("{failure}"));
    }
}
