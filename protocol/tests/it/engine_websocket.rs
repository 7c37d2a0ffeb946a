//! A session on a websocket, from its start or after an upgrade.

use bytes::Bytes;
use crier_protocol::{Message, engine::Input};

use crate::engine_script::Script;

#[test]
fn text_and_binary_messages_arrive_in_order() {
    let mut client = Script::websocket();
    client.frame("4hello");
    client.input(Input::Frame(Message::Binary(Bytes::from_static(b"\x04\x01"))));
    client.frame("bAQI=");
    client.expect(&["message: hello", r#"message: b"\x04\x01""#, r#"message: b"\x01\x02""#]);
}

#[test]
fn a_close_packet_ends_the_session_at_once() {
    let mut client = Script::websocket();
    client.frame("1");
    client.expect(&["websocket closed", "session closed: transport close"]);
    client.frame("4late");
    client.input(Input::TransportClosed);
    client.expect_nothing();
}

#[test]
fn a_ping_of_the_client_ends_the_session() {
    for ping in ["2", "2probe"] {
        let mut client = Script::websocket();
        client.frame(ping);
        client.expect(&["websocket closed", "session closed: transport error"]);
    }
}

#[test]
fn a_bad_packet_ends_the_session() {
    for bad in ["", "7", "A", "b!!!", "é"] {
        let mut client = Script::websocket();
        client.frame(bad);
        client.expect(&["websocket closed", "session closed: parse error"]);
    }
}

#[test]
fn packets_without_a_meaning_here_are_ignored() {
    let mut client = Script::websocket();
    for packet in ["0{}", "5", "6"] {
        client.frame(packet);
    }
    client.expect_nothing();
}

#[test]
fn a_websocket_that_is_gone_needs_no_close() {
    let mut client = Script::websocket();
    client.input(Input::TransportClosed);
    client.expect(&["session closed: transport close"]);

    let mut client = Script::websocket();
    client.input(Input::TransportFailed);
    client.expect(&["session closed: transport error"]);
}
