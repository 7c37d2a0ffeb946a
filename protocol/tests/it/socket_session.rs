//! Dialogues with a session, in virtual time.

use std::mem::size_of;

use crier_protocol::{
    Limits,
    socket::{Parser, ParserChoice, Session},
};

use super::socket_peer::Peer;

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 128, "{}", size_of::<Session>());
}

#[test]
fn the_connect_deadline_is_over_with_the_first_success() {
    let mut peer = Peer::joined();
    assert_eq!(peer.session.poll_timeout(), None);
    // Not armed again, even with no namespace left.
    assert_eq!(peer.send("41"), "disconnect /");
    assert_eq!(peer.session.poll_timeout(), None);
    assert_eq!(peer.advance(100 * limits().connect_timeout), Ok(()));
    assert_eq!(peer.send("40"), "connect / {}");
}

#[test]
fn a_refused_connect_may_be_tried_again_and_is_not_counted() {
    let mut peer = Peer::joined();
    for _ in 0..100 {
        assert_eq!(peer.send("40/deny,"), "connect /deny {}");
    }
    assert_eq!(peer.send(r#"42/deny,["a"]"#), r#"close: not in namespace "/deny""#);
}

#[test]
fn sixteen_namespaces_fit_on_a_connection() {
    let mut peer = Peer::joined();
    for n in 1..16 {
        assert!(peer.send(&format!("40/n{n},")).starts_with("connect "));
    }
    assert_eq!(peer.session.namespaces().count(), 16);
    assert_eq!(peer.send("41/n3,"), "disconnect /n3");
    assert_eq!(peer.send("40/again,"), "connect /again {}");
    assert_eq!(peer.send("40/more,"), "close: more than 16 namespaces");
}

#[test]
fn the_first_message_decides_about_the_parser() {
    let connect = super::socket_vectors::unhex("82 a474797065 00 a36e7370 a12f");
    let mut peer = Peer::fresh();
    assert_eq!(peer.session.parser(), None);
    assert_eq!(peer.send_binary(&connect), "connect / {}");
    assert_eq!(peer.session.parser(), Some(Parser::Msgpack));
    assert_eq!(Peer::joined().session.parser(), Some(Parser::Default));

    // Unless the server takes one only.
    let mut peer = Peer::with(limits(), ParserChoice::Default);
    assert_eq!(peer.send_binary(&connect), "close: unexpected binary message");
    let mut peer = Peer::with(limits(), ParserChoice::Msgpack);
    assert_eq!(peer.send("40"), "close: text from a msgpack client");
}
