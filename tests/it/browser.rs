//! One page in a real browser: `crier` as a reader of README starts it, its tester page, a token,
//! a subscription, and an event that a backend publishes.

use std::time::Duration;
use tests::node;
use tests::process::{self, Running, TempDir};
use tests::report;
use tests::workspace::{self, Target};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn the_tester_page_connects_subscribes_and_shows_an_event() {
    let data = TempDir::new("browser").unwrap();
    let [sockets, rest, internal] =
        [(); 3].map(|()| format!("127.0.0.1:{}", process::free_port().unwrap()));
    let mut crier =
        process::command(workspace::binary(Target::Bin("crier-server", "crier")).unwrap());
    crier
        .current_dir(data.path())
        .env("CRIER_DATA_DIR", data.path().join("data"))
        .env("CRIER_LISTEN", &sockets)
        .env("CRIER_REST_LISTEN", &rest)
        .env("CRIER_INTERNAL_LISTEN", &internal)
        // The client comes from this server, not from the network.
        .env("CRIER_CLIENT_DIST", workspace::node_dir().join("node_modules/socket.io-client/dist"));
    let crier = Running::start(&mut crier).unwrap();
    let [user_token, service_token] =
        ["user token", "service token"].map(|name| token(&crier, name));

    let mut page = node::node().unwrap();
    page.arg("page.mjs")
        .env("PAGE", format!("http://{sockets}/ws-tester.html"))
        .env("REST", format!("http://{rest}"))
        .env("USER_TOKEN", user_token)
        .env("SERVICE_TOKEN", service_token);
    let outcome = process::capture(&mut page, LIMIT).unwrap().successful("page.mjs");
    let held = outcome.is_ok();
    let (passed, failed) = (usize::from(held), usize::from(!held));
    report::line(&format!("browser: {passed} passed, {failed} failed"));
    outcome.unwrap_or_else(|failure| panic!("{failure}\ncrier:\n{}", crier.transcript()));
}

/// The token that `crier` prints on the line of this name, its last word.
fn token(crier: &Running, name: &str) -> String {
    let found = crier.wait_for(name, LIMIT, |lines| {
        let line = lines.iter().find(|line| line.contains(name))?;
        line.split_whitespace().last().map(str::to_owned)
    });
    found.unwrap_or_else(|failure| panic!("{failure}"))
}
