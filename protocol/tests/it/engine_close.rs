//! The server ends a session.

use bytes::Bytes;
use crier_protocol::{CloseReason, engine::Input};

use crate::engine_script::Script;

#[test]
fn a_held_get_is_told() {
    let mut client = Script::polling();
    client.get();
    client.close(CloseReason::ForcedClose);
    client.expect(&["GET 200: 1", "session closed: forced close"]);
}

#[test]
fn without_a_held_get_the_next_one_is_told() {
    let mut client = Script::polling();
    client.close(CloseReason::ForcedClose);
    client.wait(199);
    client.expect_nothing();
    assert!(client.connection.is_closing());
    assert_eq!(client.connection.is_closed(), None);
    client.get();
    client.expect(&["GET 200: 6 + 1", "session closed: forced close"]);
    assert_eq!(client.connection.is_closed(), Some(CloseReason::ForcedClose));
}

#[test]
fn nobody_is_told_after_the_time_that_a_pong_may_take() {
    let mut client = Script::polling();
    client.close(CloseReason::ServerShuttingDown);
    client.wait(200);
    client.expect(&["session closed: server shutting down"]);
    client.get();
    client.expect_nothing();
}

#[test]
fn what_waits_is_taken_before_the_close() {
    let mut client = Script::polling();
    client.send("41");
    client.close(CloseReason::ForcedServerClose);
    client.get();
    client.expect(&["GET 200: 441"]);
    client.get();
    client.expect(&["GET 200: 6 + 1", "session closed: forced server close"]);
}

#[test]
fn what_a_client_says_to_a_closing_session_is_not_delivered() {
    let mut client = Script::polling();
    client.close(CloseReason::ForcedClose);
    client.post("4late");
    client.post("7");
    client.post("1");
    client.expect(&["POST 200", "POST 200", "POST 200"]);
}

#[test]
fn a_closing_session_ends_early_if_its_client_goes() {
    let mut client = Script::polling();
    client.close(CloseReason::ForcedClose);
    client.input(Input::PostOpened);
    client.input(Input::PostAborted);
    client.expect(&["session closed: forced close"]);
}

#[test]
fn a_second_close_changes_nothing() {
    let mut client = Script::polling();
    client.close(CloseReason::ForcedClose);
    client.wait(200);
    client.close(CloseReason::HandlerPanic);
    client.wait(10_000);
    client.expect(&["session closed: forced close"]);
}

#[test]
fn an_upgrade_of_a_closing_session_ends_it_there() {
    let mut client = Script::probing();
    client.send("a");
    client.close(CloseReason::ForcedClose);
    client.probe("5");
    client.expect(&["upgraded", "frame: 4a", "websocket closed", "session closed: forced close"]);
}

#[test]
fn only_a_close_of_the_servers_own_waits_for_a_get() {
    use CloseReason::*;
    for reason in CloseReason::ALL {
        let mut client = Script::polling();
        client.close(reason);
        let waits = !matches!(reason, TransportClose | TransportError | PingTimeout | ParseError);
        assert_eq!(client.connection.is_closing(), waits, "{reason}");
        assert_eq!(client.connection.is_closed(), (!waits).then_some(reason));
    }
}

#[test]
fn a_websocket_is_closed_at_once() {
    let mut client = Script::websocket();
    client.close(CloseReason::SlowConsumer);
    client.expect(&["websocket closed", "session closed: slow consumer"]);
    client.close(CloseReason::ForcedClose);
    client.expect_nothing();
}

#[test]
fn a_post_under_way_is_cut_if_the_session_ends_now() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::PostOpened);
    client.close(CloseReason::ForcedClose);
    client.expect(&["POST cut", "GET 200: 1", "session closed: forced close"]);
    client.input(Input::PostBody(Bytes::from_static(b"4late")));
    client.expect_nothing();
}
