//! The official client behind a balancer that hands each of its connections to the next replica.

use std::time::Duration;

use tests::{node, process};

use super::rig::{Proxy, two};

#[test]
fn the_official_client_needs_no_sticky_sessions() {
    let (one, two) = two();
    let balancer = Proxy::to(&[one.sockets, two.sockets]);
    for transports in ["polling", "polling,websocket", "websocket"] {
        let mut command = node::node().unwrap();
        command
            .arg("balanced.mjs")
            .env("CRIER_URL", format!("http://{}", balancer.address))
            .env("TRANSPORTS", transports);
        let run = process::capture(&mut command, Duration::from_secs(60)).unwrap();
        let said = run.successful("balanced.mjs").unwrap();
        // Clients of both were there, and each was answered by one of them to its end.
        assert_eq!(said.trim(), "6 clients on replicas 1 and 2, 600 echoes", "{transports}");
    }
}
