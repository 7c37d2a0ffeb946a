//! SIGTERM: out of the balancer first, then clients one batch after the other, and nothing cut short.

use std::time::Duration;

use tests::raw::{Response, WAIT, WebSocket, Wire, eventually};

use crate::binary::{Crier, out, run};

/// Three batches: at once, after six seconds, after twelve.
const CLIENTS: usize = 2 * 128 + 1;

/// A server with clients of three batches, which is told to go.
fn draining() -> (Crier, Vec<WebSocket>) {
    let crier = Crier::start(&["shutdown.drain=40s"]);
    let clients: Vec<_> = (0..CLIENTS).map(|_| WebSocket::open(crier.sockets)).collect();
    eventually(WAIT, || match status(&crier, "/readyz") {
        200 => Ok(()),
        status => Err(format!("{status}")),
    });
    (crier, clients)
}

fn status(crier: &Crier, path: &str) -> u16 {
    Crier::get(crier.internal, path, "localhost").status
}

fn expect_not_ready(crier: &Crier) {
    eventually(WAIT, || match status(crier, "/readyz") {
        503 => Ok(()),
        status => Err(format!("{status}")),
    });
}

/// How many of them have ended by now.
fn ended(clients: &mut [WebSocket]) -> usize {
    clients.iter_mut().filter_map(|client| client.wire().has_ended().then_some(())).count()
}

#[test]
fn clients_go_in_batches_and_requests_are_finished() {
    let (mut crier, mut clients) = draining();
    // A backend in the middle of its request.
    let token = out(&run(&["token", "--user", "backend", "--role", "service"]));
    let url = crier.lines.iter().find_map(|line| line.strip_prefix("sidecar")).unwrap();
    let sidecar = url.trim().strip_prefix("http://").unwrap().split('/').next().unwrap();
    let sidecar = sidecar.parse().unwrap();
    let mut backend = Wire::connect(sidecar);
    let body = r#"{"event":"news","args":[1]}"#;
    let (first, rest) = body.split_at(10);
    backend.send(format!(
        "POST /api/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        token.trim(),
        body.len()
    ));
    crier.signal("TERM");
    expect_not_ready(&crier);
    assert_eq!(status(&crier, "/livez"), 200);
    // No new sessions; whoever asks is sent away for a moment.
    let mut wire = Wire::connect(crier.sockets);
    wire.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let refused = Response::read_head(&mut wire, WAIT);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    // Some are gone, and others are not yet.
    let first = eventually(WAIT, || match ended(&mut clients) {
        0 => Err("none has ended".to_owned()),
        n => Ok(n),
    });
    assert!(first < CLIENTS, "all {CLIENTS} at once");
    backend.send(rest);
    let answer = backend.response();
    assert!((200..300).contains(&answer.status), "{answer:?}");
    eventually(4 * WAIT, || match ended(&mut clients) {
        CLIENTS => Ok(()),
        n => Err(format!("{n} of {CLIENTS} have ended")),
    });
    assert_eq!(crier.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_is_now() {
    let (mut crier, mut clients) = draining();
    crier.signal("TERM");
    expect_not_ready(&crier);
    crier.signal("TERM");
    let status =
        eventually(WAIT, || crier.child.try_wait().unwrap().ok_or_else(|| "it goes on".to_owned()));
    assert_eq!(status.code(), Some(0));
    // Not one after the other.
    eventually(Duration::from_secs(1), || match ended(&mut clients) {
        CLIENTS => Ok(()),
        n => Err(format!("{n} of {CLIENTS} have ended")),
    });
}
