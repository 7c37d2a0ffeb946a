//! Requests that are refused by their heads, before anything of ours has seen them: on the sidecar's
//! paths in the words of its errors, on all others as text.

use serde_json::{Value, json};
use tests::raw::Response;

use super::crier::Crier;

fn json_of(answer: &Response) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn what_is_refused_by_its_head_is_refused_in_the_words_of_whose_path_it_is() {
    let crier = Crier::start(&[]);
    let two = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n".to_owned();
    let much = format!("X: {}\r\n", "x".repeat(33_500));
    let long = "x".repeat(9_000);
    for (path, headers, status, code) in [
        ("/api/rooms", &two, 400, "BAD_REQUEST"),
        ("/api/rooms", &much, 431, "HEADERS_TOO_LARGE"),
        (&*format!("/api/rooms?q={long}"), &String::new(), 414, "URI_TOO_LONG"),
    ] {
        let request =
            |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        for answer in crier.ask(&request(path)) {
            let answer = answer.expect_status(status);
            let error = json_of(&answer)["error"].clone();
            assert_eq!(
                (&error["code"], &json_of(&answer)["success"]),
                (&json!(code), &json!(false))
            );
            assert_eq!(answer.header("connection"), Some("close"));
        }
        // The sidecar's own address has no other paths; on that of the sockets they are no JSON.
        let [of_sockets, of_sidecar] = crier.ask(&request(&path.replacen("/api", "/app", 1)));
        assert_eq!(
            of_sockets.expect_status(status).header("content-type"),
            Some("text/plain; charset=UTF-8")
        );
        json_of(&of_sidecar.expect_status(status));
    }
}

#[test]
fn what_is_no_http_at_all_is_answered_without_a_body() {
    for answer in Crier::start(&[]).ask("GET /api/rooms HTTP/1.1\r\nHost localhost\r\n\r\n") {
        assert_eq!(answer.expect_status(400).text(), "");
    }
}
