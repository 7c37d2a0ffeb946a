//! What `crier` has promised it keeps, also when it is killed: its folder of stores.

use serde_json::json;
use tests::raw::{Response, WebSocket, Wire};

use crate::binary::{Crier, err, out, run};

/// A token that backends publish with: the development key signs it for every `crier`.
fn token() -> String {
    out(&run(&["token", "--user", "backend", "--role", "service"])).trim().to_owned()
}

fn publish(crier: &Crier, token: &str, event: &str, id: &str) -> Response {
    let body = json!({ "event": event, "args": [1], "id": id }).to_string();
    let mut wire = Wire::connect(crier.sockets);
    wire.send(format!(
        "POST /api/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len(),
    ));
    wire.response()
}

fn client(crier: &Crier) -> WebSocket {
    let mut client = WebSocket::connect(crier.sockets);
    assert!(client.text().starts_with("42[\"connected\""));
    client
}

/// The next event is this one; behind its argument is where it is in the log.
fn expect(client: &mut WebSocket, event: &str) {
    let text = client.text();
    assert!(text.starts_with(&format!("42[\"{event}\",1")), "{event}: {text}");
}

#[test]
fn of_a_hundred_posts_under_one_id_one_is_delivered_and_all_are_answered_alike() {
    let (crier, token) = (Crier::start(&[]), token());
    let mut client = client(&crier);
    let answers: Vec<String> = std::thread::scope(|scope| {
        let post = || publish(&crier, &token, "once", "one id").expect_status(202).text();
        let posts: Vec<_> = (0..100).map(|_| scope.spawn(post)).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(answers[0].contains("\"id\":\"one id\""), "{}", answers[0]);
    publish(&crier, &token, "after", "another id").expect_status(202);
    expect(&mut client, "once");
    expect(&mut client, "after");
}

#[test]
fn a_retry_is_recognised_after_kill_9() {
    let (crier, token) = (Crier::start(&[]), token());
    let mut before = client(&crier);
    let answer = publish(&crier, &token, "once", "one id").expect_status(202).text();
    expect(&mut before, "once");

    let crier = crier.crash_and_start_again(&[]);
    let mut after = client(&crier);
    assert_eq!(publish(&crier, &token, "once", "one id").expect_status(202).text(), answer);
    publish(&crier, &token, "other", "one id").expect_status(409);
    publish(&crier, &token, "next", "another id").expect_status(202);
    expect(&mut after, "next");
}

#[test]
fn a_folder_that_cannot_be_used_is_named_and_nothing_is_started() {
    let crier = Crier::start(&[]);
    let used = crier.data();
    let blocked = used.join("crier.redb");
    for (folder, why) in [(&used, "another process"), (&blocked, "")] {
        let folder = folder.display().to_string();
        let mut args = vec!["--set".to_owned(), format!("data_dir={folder}")];
        for listener in ["listen", "rest_listen", "internal_listen"] {
            args.extend(["--set".to_owned(), format!("{listener}=127.0.0.1:0")]);
        }
        let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{folder}");
        let said = err(&output);
        assert!(said.contains(&folder) && said.contains(why), "{said}");
        assert!(said.contains("data_dir"), "{said}");
        assert!(output.stdout.is_empty());
    }
}
