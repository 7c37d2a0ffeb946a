//! The runner of the public suites, tried on Node's own server: what fails there is the runner's fault.

use std::path::Path;
use tests::node::Server;
use tests::suites;

#[test]
#[ignore = "needs CRIER_SUITES, a checkout of socketio/socket.io"]
fn the_public_suites_hold_on_nodes_own_server() {
    let checkout = std::env::var_os(suites::FOLDER).expect("CRIER_SUITES");
    let counts = suites::run(Path::new(&checkout), Server::Reference);
    let counts = counts.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(counts.failed, 0);
}
