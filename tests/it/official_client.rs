//! The official JavaScript client, each transport and each parser, against the example
//! `conformance`; and the same tests against Node's own server, so that they test no taste of ours.

use tests::node::{Server, official_client};

const BOTH: &str = "polling,websocket";

/// Runs it, and fails with what the runner said.
fn check(server: Server, transports: &str, parser: &str) {
    if let Err(failure) = official_client(server, transports, parser) {
        panic!("{failure}");
    }
}

#[test]
fn over_polling() {
    check(Server::Conformance, "polling", "default");
}

#[test]
fn over_websocket() {
    check(Server::Conformance, "websocket", "default");
}

#[test]
fn over_polling_and_then_websocket() {
    check(Server::Conformance, BOTH, "default");
}

#[test]
fn over_polling_with_msgpack() {
    check(Server::Conformance, "polling", "msgpack");
}

#[test]
fn over_websocket_with_msgpack() {
    check(Server::Conformance, "websocket", "msgpack");
}

#[test]
fn over_polling_and_then_websocket_with_msgpack() {
    check(Server::Conformance, BOTH, "msgpack");
}

#[test]
fn the_same_tests_hold_on_nodes_own_server() {
    check(Server::Reference, BOTH, "default");
}
