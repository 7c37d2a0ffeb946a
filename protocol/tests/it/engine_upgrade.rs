//! From polling to a websocket.

use bytes::Bytes;
use crier_protocol::{
    CloseReason, Message,
    engine::{Input, TransportName},
};

use crate::engine_script::Script;

#[test]
fn the_official_client_upgrades() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::ProbeOpened);
    client.expect_nothing();
    assert!(client.connection.is_upgrading());
    client.probe("2probe");
    client.expect(&["probe: 3probe"]);
    // It stops polling and waits for its GET.
    client.wait(100);
    client.expect(&["GET 200: 6"]);
    client.probe("5");
    client.expect(&["upgraded"]);
    assert_eq!(client.connection.transport(), TransportName::WebSocket);
    assert!(!client.connection.is_upgrading());
    client.send("a");
    client.frame("4b");
    client.expect(&["frame: 4a", "message: b"]);
}

#[test]
fn gets_that_come_after_the_probe_get_a_noop_too() {
    let mut client = Script::probing();
    for _ in 0..2 {
        client.get();
        client.wait(99);
        client.expect_nothing();
        client.wait(1);
        client.expect(&["GET 200: 6"]);
    }
}

#[test]
fn before_the_probe_no_noop_is_sent() {
    for get_first in [true, false] {
        let mut client = Script::polling();
        if get_first {
            client.get();
        }
        client.input(Input::ProbeOpened);
        if !get_first {
            client.get();
        }
        client.wait(299);
        client.expect_nothing();
    }
}

#[test]
fn a_probe_repeated_does_not_put_the_noop_off() {
    let mut client = Script::polling();
    client.get();
    client.input(Input::ProbeOpened);
    client.probe("2probe");
    client.wait(60);
    client.probe("2probe");
    client.wait(40);
    client.expect(&["probe: 3probe", "probe: 3probe", "GET 200: 6"]);
}

#[test]
fn until_the_upgrade_polling_goes_on_as_before() {
    let mut client = Script::probing();
    client.get();
    client.send("a");
    client.post("4b");
    client.expect(&["GET 200: 4a", "message: b", "POST 200"]);
    client.get();
    client.wait(100);
    client.wait(100);
    client.get();
    client.wait(100);
    client.expect(&["GET 200: 6", "GET 200: 2"]);
}

#[test]
fn what_waits_goes_out_on_the_websocket() {
    let mut client = Script::probing();
    client.send("header");
    client.send("attachment");
    client.probe("5");
    client.expect(&["upgraded", "frame: 4header", "frame: 4attachment"]);
}

#[test]
fn an_upgrade_without_a_probe_is_accepted() {
    let mut client = Script::polling();
    client.input(Input::ProbeOpened);
    client.probe("5");
    client.expect(&["upgraded"]);
}

#[test]
fn an_upgrade_ends_what_a_hasty_client_left_open() {
    let mut client = Script::probing();
    client.get();
    client.input(Input::PostOpened);
    client.probe("5");
    client.expect(&["GET 200: 1", "POST cut", "upgraded"]);
    client.input(Input::PostBody(Bytes::from_static(b"4late")));
    client.input(Input::PollAborted);
    client.expect_nothing();
}

#[test]
fn any_other_packet_closes_the_probe_only() {
    for packet in ["2", "2prob", "2probes", "3probe", "4hello", "1", "6", "0{}", "7", "", "bAQ=="] {
        let mut client = Script::polling();
        client.get();
        client.input(Input::ProbeOpened);
        client.probe(packet);
        client.expect(&["probe closed"]);
        client.send("unharmed");
        client.expect(&["GET 200: 4unharmed"]);
    }
}

#[test]
fn a_binary_message_closes_the_probe_only() {
    let mut client = Script::probing();
    client.input(Input::ProbeMessage(Message::Binary(Bytes::from_static(b"5"))));
    client.post("4unharmed");
    client.expect(&["probe closed", "message: unharmed", "POST 200"]);
}

#[test]
fn a_second_websocket_is_closed_and_the_first_goes_on() {
    let mut client = Script::probing();
    client.input(Input::ProbeOpened);
    client.expect(&["second websocket closed"]);
    client.probe("5");
    client.expect(&["upgraded"]);
    client.input(Input::ProbeOpened);
    client.expect(&["second websocket closed"]);
    client.frame("4a");
    client.expect(&["message: a"]);
}

#[test]
fn a_probe_that_is_lost_leaves_polling_as_it_was() {
    let mut client = Script::probing();
    client.get();
    client.input(Input::ProbeClosed);
    client.wait(299);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["GET 200: 2"]);
    // Another one may try.
    client.input(Input::ProbeOpened);
    client.probe("2probe");
    client.expect(&["probe: 3probe"]);
}

#[test]
fn a_probe_that_takes_too_long_is_closed_and_polling_goes_on() {
    for probed in [false, true] {
        let mut client = Script::polling();
        client.input(Input::ProbeOpened);
        if probed {
            client.probe("2probe");
            client.expect(&["probe: 3probe"]);
        }
        // A client that answers its pings, all ten seconds long.
        for _ in 0..33 {
            client.wait(300);
            client.get();
            client.post("3");
            client.expect(&["GET 200: 2", "POST 200"]);
        }
        client.wait(99);
        client.expect_nothing();
        client.wait(1);
        client.expect(&["probe closed"]);
        client.post("4a");
        client.expect(&["message: a", "POST 200"]);
    }
}

#[test]
fn an_upgrade_that_never_goes_on_holds_no_session() {
    let mut client = Script::polling();
    client.input(Input::ProbeOpened);
    client.wait(500);
    client.expect(&["probe closed", "session closed: ping timeout"]);
    assert_eq!(client.connection.poll_timeout(), None);
}

#[test]
fn requests_that_were_let_in_just_before_the_upgrade_are_refused() {
    let mut client = Script::probing();
    client.probe("5");
    client.get();
    client.input(Input::PostOpened);
    client.expect(&["upgraded", "GET 400", "second POST 400"]);
    client.frame("4unharmed");
    client.expect(&["message: unharmed"]);
}

#[test]
fn the_end_of_the_session_ends_the_probe() {
    let mut client = Script::probing();
    client.get();
    client.close(CloseReason::ForcedServerClose);
    client.expect(&["GET 200: 1", "probe closed", "session closed: forced server close"]);
}
