//! Pings, pongs, and when a silent peer is dead.

use crier_protocol::engine::Input;

use crate::engine_script::Script;

#[test]
fn the_next_ping_comes_an_interval_after_the_pong() {
    let mut client = Script::websocket();
    client.wait(299);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["frame: 2"]);

    client.wait(50);
    client.frame("3");
    client.wait(299);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["frame: 2"]);
}

#[test]
fn a_silent_websocket_is_gone_at_interval_plus_timeout() {
    let mut client = Script::websocket();
    client.wait(499);
    client.expect(&["frame: 2"]);
    client.wait(1);
    client.expect(&["websocket closed", "session closed: ping timeout"]);
}

#[test]
fn a_silent_polling_session_is_gone_at_interval_plus_timeout() {
    let mut client = Script::polling();
    client.wait(499);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["session closed: ping timeout"]);
}

#[test]
fn a_get_alone_is_no_pong() {
    let mut client = Script::polling();
    client.get();
    client.wait(300);
    client.get();
    client.wait(200);
    client.expect(&["GET 200: 2", "GET 200: 1", "session closed: ping timeout"]);
}

#[test]
fn a_timer_that_fires_late_moves_no_deadline() {
    let mut client = Script::websocket();
    client.sleep_through(320);
    client.input(Input::Timeout);
    client.expect(&["frame: 2"]);
    client.wait(179);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["websocket closed", "session closed: ping timeout"]);
}

#[test]
fn a_server_that_slept_gives_the_peer_its_full_time() {
    let mut client = Script::websocket();
    client.sleep_through(60_000);
    client.input(Input::Timeout);
    client.wait(199);
    client.expect(&["frame: 2"]);
    client.frame("3");
    client.wait(299);
    client.expect_nothing();
}

#[test]
fn one_other_packet_starts_the_wait_again_and_a_second_does_not() {
    let mut client = Script::websocket();
    client.wait(300);
    client.expect(&["frame: 2"]);
    client.wait(150);
    client.frame("4a");
    client.wait(150);
    client.frame("4b");
    client.expect(&["message: a", "message: b"]);
    client.wait(49);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["websocket closed", "session closed: ping timeout"]);
}

#[test]
fn the_wait_can_start_again_once_for_each_ping() {
    let mut client = Script::websocket();
    for _ in 0..3 {
        client.wait(300);
        client.expect(&["frame: 2"]);
        client.wait(199);
        client.frame("6");
        client.wait(199);
        client.frame("3");
    }
    client.expect_nothing();
}

#[test]
fn a_packet_before_the_ping_moves_nothing() {
    let mut client = Script::websocket();
    client.wait(290);
    client.frame("4a");
    client.wait(209);
    client.expect(&["message: a", "frame: 2"]);
    client.wait(1);
    client.expect(&["websocket closed", "session closed: ping timeout"]);
}

#[test]
fn pongs_that_nobody_asked_for_are_counted_and_move_nothing() {
    let mut client = Script::websocket();
    for _ in 0..29 {
        client.frame("3");
        client.wait(10);
    }
    assert_eq!(client.connection.unsolicited_pongs(), 29);
    client.wait(10);
    client.expect(&["frame: 2"]);
    for _ in 0..100_000 {
        client.frame("3");
    }
    assert_eq!(client.connection.unsolicited_pongs(), 29 + 99_999);
    client.wait(299);
    client.expect_nothing();
    client.wait(1);
    client.expect(&["frame: 2"]);
}

#[test]
fn a_wait_goes_on_through_an_upgrade() {
    // engine.io 6.6.11 forgets it there, and such a session lives for ever.
    let mut client = Script::probing();
    client.wait(290);
    client.get();
    client.wait(10);
    client.expect(&["GET 200: 2"]);
    client.wait(100);
    client.probe("5");
    client.wait(99);
    client.expect(&["upgraded"]);
    client.wait(1);
    client.expect(&["websocket closed", "session closed: ping timeout"]);
}

#[test]
fn a_pong_may_come_by_the_other_transport() {
    let mut client = Script::probing();
    client.get();
    client.wait(100);
    client.get();
    client.expect(&["GET 200: 6"]);
    client.wait(50);
    client.send("a");
    client.expect(&["GET 200: 4a"]);
    client.wait(150);
    client.probe("5");
    client.frame("3");
    client.wait(299);
    client.expect(&["upgraded", "frame: 2"]);
    client.wait(1);
    client.expect(&["frame: 2"]);
}
