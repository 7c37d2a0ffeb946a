//! Long-polling: which GET and which POST gets which answer.

use bytes::Bytes;
use crier_protocol::{CloseReason, engine::Input};

use crate::engine_script::Script;

#[test]
fn a_get_takes_what_waits() {
    let mut client = Script::polling();
    client.send("a");
    client.send("b");
    client.expect_nothing();
    client.get();
    client.expect(&["GET 200: 4a + 4b"]);
}

#[test]
fn a_get_is_held_until_there_is_something() {
    let mut client = Script::polling();
    client.get();
    client.wait(250);
    client.expect_nothing();
    client.send("a");
    client.expect(&["GET 200: 4a"]);
}

#[test]
fn a_ping_ends_a_held_get() {
    let mut client = Script::polling();
    client.get();
    client.wait(300);
    client.expect(&["GET 200: 2"]);
}

#[test]
fn a_second_get_ends_the_session_once() {
    let mut client = Script::polling();
    client.get();
    client.get();
    client.expect(&["GET 400", "GET 200: 1", "session closed: transport error"]);
    client.get();
    client.wait(60_000);
    client.expect_nothing();
}

#[test]
fn gets_one_after_the_other_do_not_overlap() {
    let mut client = Script::polling();
    for text in ["a", "b", "c"] {
        client.get();
        client.send(text);
    }
    client.expect(&["GET 200: 4a", "GET 200: 4b", "GET 200: 4c"]);
}

#[test]
fn a_held_get_that_its_client_drops_ends_the_session() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::PollAborted);
    client.expect(&["session closed: transport error"]);
}

#[test]
fn an_answered_get_cannot_be_aborted() {
    let mut client = Script::polling();
    client.get();
    client.send("a");
    client.input(Input::PollAborted);
    client.expect(&["GET 200: 4a"]);
}

#[test]
fn a_post_delivers_its_messages_in_order() {
    let mut client = Script::polling();
    client.post("4hello\u{1e}4\u{1e}bAQID\u{1e}4€uro");
    client.expect(&[
        "message: hello",
        "message: ",
        r#"message: b"\x01\x02\x03""#,
        "message: €uro",
        "POST 200",
    ]);
}

#[test]
fn a_bad_packet_lets_those_before_it_through() {
    for bad in ["7", "A", "", "b!!!", "\u{1e}", "é"] {
        let mut client = Script::polling();
        client.get();
        client.post(&format!("4before\u{1e}{bad}\u{1e}4after"));
        client.expect(&[
            "message: before",
            "POST 200",
            "GET 200: 1",
            "session closed: parse error",
        ]);
    }
}

#[test]
fn an_empty_body_is_a_bad_packet() {
    let mut client = Script::polling();
    client.post("");
    client.expect(&["POST 200", "session closed: parse error"]);
}

#[test]
fn a_body_that_is_not_utf8_delivers_nothing() {
    let mut client = Script::polling();
    client.input(Input::PostOpened);
    client.input(Input::PostBody(Bytes::from_static(b"4a\x1e4\xff")));
    client.expect(&["POST 200", "session closed: parse error"]);
}

#[test]
fn a_second_post_ends_the_session_and_cuts_the_first() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::PostOpened);
    client.input(Input::PostOpened);
    client.expect(&[
        "second POST 400",
        "POST cut",
        "GET 200: 1",
        "session closed: transport error",
    ]);
    client.input(Input::PostBody(Bytes::from_static(b"4late")));
    client.expect_nothing();
}

#[test]
fn posts_one_after_the_other_do_not_overlap() {
    let mut client = Script::polling();
    client.post("4a");
    client.post("4b");
    client.expect(&["message: a", "POST 200", "message: b", "POST 200"]);
}

#[test]
fn a_post_that_its_client_drops_ends_the_session() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::PostOpened);
    client.input(Input::PostAborted);
    client.expect(&["GET 200: 1", "session closed: transport error"]);
}

#[test]
fn a_body_that_is_too_large_costs_only_the_post() {
    let mut client = Script::polling();
    client.input(Input::PostOpened);
    client.input(Input::PostRefused);
    client.expect(&["POST 413"]);
    client.post("4still here");
    client.expect(&["message: still here", "POST 200"]);
}

#[test]
fn an_octet_stream_ends_the_session() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::PostOpened);
    client.input(Input::PostIllegal);
    client.expect(&["POST 400", "GET 200: 1", "session closed: transport error"]);
}

#[test]
fn a_close_packet_ends_the_held_get_with_a_noop() {
    let mut client = Script::polling();
    client.get();
    client.post("1");
    client.expect(&["POST 200", "GET 200: 6", "session closed: transport close"]);
}

#[test]
fn what_stands_behind_a_close_packet_is_not_read() {
    let mut client = Script::polling();
    client.post("4a\u{1e}1\u{1e}4b\u{1e}7");
    client.expect(&["message: a", "POST 200", "session closed: transport close"]);
}

#[test]
fn a_ping_of_the_client_ends_the_session() {
    for ping in ["2", "2probe"] {
        let mut client = Script::polling();
        client.post(&format!("{ping}\u{1e}4after"));
        client.expect(&["POST 200", "session closed: transport error"]);
    }
}

#[test]
fn packets_without_a_meaning_here_are_ignored() {
    let mut client = Script::polling();
    client.post("0{}\u{1e}5\u{1e}6\u{1e}4a");
    client.expect(&["message: a", "POST 200"]);
}

#[test]
fn a_close_between_two_messages_stops_the_rest() {
    let mut client = Script::polling();
    client.get();
    let now = client.connection.poll_timeout().unwrap();
    client.connection.handle(Input::PostOpened, now);
    let body = Bytes::from_static(b"4bad\x1e4more");
    client.connection.handle(Input::PostBody(body), now);
    let first = client.connection.poll_output();
    assert!(first.is_some_and(|output| format!("{output:?}").contains("bad")));
    client.close(CloseReason::ForcedClose);
    client.expect(&["POST 200", "GET 200: 1", "session closed: forced close"]);
}

#[test]
fn a_caller_that_leaves_outputs_lying_loses_none() {
    let mut client = Script::polling();
    let now = client.connection.poll_timeout().unwrap();
    client.connection.handle(Input::PostOpened, now);
    let body = Bytes::from_static(b"4a\x1e4b");
    client.connection.handle(Input::PostBody(body), now);
    client.post("4c");
    client.expect(&["message: a", "message: b", "POST 200", "message: c", "POST 200"]);
}
