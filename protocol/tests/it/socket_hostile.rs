//! The rows of the hostile catalogue that a session decides: each test begins with its rows.

use std::time::Duration;

use crier_protocol::{
    AckId, CloseReason, Limits,
    socket::{ParserChoice, Violation},
};

use super::socket_peer::{Peer, START, namespace};

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn b3_an_event_named_error_is_an_ordinary_event() {
    let mut peer = Peer::joined();
    assert_eq!(peer.send(r#"42["error",{}]"#), r#"event / "error" [{}]"#);
}

#[test]
fn b4_a_megabyte_of_digits_closes() {
    let digits = "2".repeat(999_999);
    assert_eq!(Peer::joined().send(&format!("42{digits}")), "close: illegal ack id");
    let mut peer = Peer::joined();
    assert_eq!(peer.send(&format!("45{digits}-[]")), "close: more than 10 attachments");
}

#[test]
fn b5_s13_a_placeholder_number_that_is_no_index_closes() {
    for num in [
        "\"splice\"",
        "\"0\"",
        "-1",
        "1.5",
        "null",
        "true",
        "[0]",
        "{}",
        "9007199254740992",
        "1",
        "1e0",
    ] {
        let packet = format!(r#"451-["hello",{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(
            Peer::joined().send(&packet),
            "close: a placeholder's number is not one of the attachments",
            "{num}"
        );
    }
    let packet = r#"451-["hello",{"_placeholder":true}]"#;
    assert!(Peer::joined().send(packet).starts_with("close: "));
}

#[test]
fn b6_s23_a_name_that_is_no_string_closes() {
    for payload in [
        r#"[{"toString":"foo"}]"#,
        "[null]",
        "[true]",
        "[[]]",
        "[{}]",
        "[]",
        "{}",
        "\"a\"",
        "1",
        "",
    ] {
        let answer = Peer::joined().send(&format!("42{payload}"));
        assert!(answer.starts_with("close: "), "{payload}: {answer}");
    }
    assert_eq!(Peer::joined().send("42[5]"), "ignored NumericEvent");
}

#[test]
fn b7_s24_reserved_names_close() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let answer = Peer::joined().send(&format!(r#"42["{name}"]"#));
        assert_eq!(answer, format!("close: the event name {name:?} is reserved"));
    }
}

#[test]
fn b8_b9_s11_counts_beyond_1_to_10_close_at_the_header() {
    for count in ["0", "00", "11", "4294967296", "459999999999", "99999999999999999999"] {
        let mut peer = Peer::joined();
        let answer = peer.send(&format!(r#"45{count}-["x"]"#));
        assert!(answer.starts_with("close: "), "{count}: {answer}");
        // Nothing is armed: what follows is not collected.
        assert_eq!(peer.send_binary(&[0; 1000]), "close: unexpected binary message");
        assert_eq!(peer.session.held(), 0);
    }
    let placeholders = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#));
    let placeholders = placeholders.collect::<Vec<_>>().join(",");
    let packet = format!(r#"4510-["x",{placeholders}]"#);
    assert_eq!(Peer::joined().send(&packet), "awaiting");
}

#[test]
fn b10_a_header_for_a_namespace_not_joined_closes() {
    let mut peer = Peer::joined();
    let answer = peer.send(r#"451-/admin,["a",{"_placeholder":true,"num":0}]"#);
    assert_eq!(answer, r#"close: not in namespace "/admin""#);
}

#[test]
fn b10_what_was_held_is_freed_when_the_namespace_goes() {
    let header = r#"452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    // The client leaves in the middle.
    let mut peer = Peer::joined();
    peer.send(header);
    peer.send_binary(&[0; 1000]);
    assert_eq!(peer.session.held(), 1000);
    assert!(peer.send("41").starts_with("close: "));
    assert_eq!(peer.session.held(), 0);

    // The server sends it away in the middle. What is on its way is dropped as it comes, and the
    // client's other namespace is none the worse for it.
    let mut peer = Peer::joined();
    peer.send("40/other,");
    peer.send(header);
    peer.send_binary(&[0; 1000]);
    peer.session.left(&namespace("/"));
    assert_eq!(peer.session.held(), 0);
    assert_eq!(peer.send_binary(&[0; 1000]), "ignored NamespaceLeft");
    assert_eq!(peer.send(r#"42/other,["b"]"#), r#"event /other "b" []"#);
    assert!(peer.send_binary(&[0]).starts_with("close: "));
}

#[test]
fn b21_s10_a_count_that_never_ends_closes() {
    for packet in [
        "45",
        "45invalid",
        "45-",
        "451.5-",
        "451e0-",
        "45 1 -",
        "450x1-",
        "45+1-",
        "45-1-",
        "45１-",
        "45invalid[\"a\"]",
    ] {
        let answer = Peer::joined().send(packet);
        assert_eq!(answer, "close: malformed count of attachments", "{packet}");
    }
}

#[test]
fn s1_an_event_before_connect_closes() {
    let mut peer = Peer::fresh();
    assert_eq!(peer.send(r#"42["a"]"#), r#"close: not in namespace "/""#);
}

#[test]
fn s1_nothing_joined_in_time_closes() {
    let mut peer = Peer::fresh();
    let deadline = *START + limits().connect_timeout;
    assert_eq!(peer.session.poll_timeout(), Some(deadline));
    // A refused CONNECT is none.
    peer.send("40/deny,");
    assert_eq!(peer.advance(limits().connect_timeout - SECOND), Ok(()));
    let violation = peer.advance(SECOND).expect_err("too late");
    assert_eq!(violation, Violation::ConnectTimeout);
    assert_eq!(violation.close_reason(), CloseReason::ForcedServerClose);
}

#[test]
fn s2_a_second_connect_while_the_first_is_pending_closes() {
    let mut peer = Peer::fresh();
    assert_eq!(peer.send("40/slow,"), "connect /slow {}");
    assert_eq!(peer.send("40/slow,"), r#"close: connected twice to "/slow""#);
}

#[test]
fn s3_a_connect_when_connected_closes() {
    assert_eq!(Peer::joined().send("40"), r#"close: connected twice to "/""#);
}

#[test]
fn s4_ten_unknown_namespaces_close_and_leave_nothing() {
    let mut peer = Peer::joined();
    for n in 1..10 {
        let answer = peer.send(&format!("40/unknown{n},"));
        assert_eq!(answer, format!("connect /unknown{n} {{}}"));
        assert_eq!(peer.session.namespaces().count(), 1);
    }
    let answer = peer.send("40/unknown,");
    assert_eq!(answer, "connect /unknown {}, then close: 10 unknown namespaces");
}

#[test]
fn s5_names_of_namespaces_are_taken_as_they_are() {
    for name in ["/custom?a=b", "/%2f", "/\u{0}", "/\u{202e}abc", "//", "/é", "/__proto__"] {
        let answer = Peer::fresh().send(&format!("40{name},"));
        assert_eq!(answer, format!("connect {name} {{}}"));
    }
    let longest = format!("/{}", "x".repeat(127));
    assert!(Peer::fresh().send(&format!("40{longest},")).starts_with("connect "));
    for packet in [format!("40{longest}x,"), format!("40/{}", "x".repeat(1_000_000))] {
        let answer = Peer::fresh().send(&packet);
        assert_eq!(answer, "close: illegal namespace, at most 128 bytes");
    }
}

#[test]
fn s7_credentials_are_bounded_and_their_keys_plain() {
    let deep = |levels: usize| {
        let inner = levels - 1;
        format!("40{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    assert!(Peer::fresh().send(&deep(64)).starts_with("connect "));
    assert_eq!(Peer::fresh().send(&deep(65)), "close: nested deeper than 64");
    assert_eq!(Peer::fresh().send(&deep(10_000)), "close: nested deeper than 64");
    let packet = r#"40{"__proto__":1,"constructor":2}"#;
    assert_eq!(Peer::fresh().send(packet), r#"connect / {"__proto__":1,"constructor":2}"#);
    let large = format!(r#"40{{"token":"{}"}}"#, "x".repeat(900_000));
    assert!(Peer::fresh().send(&large).starts_with("connect / "));
}

#[test]
fn s8_s9_packets_that_no_client_sends_close() {
    for packet in [
        r#"41{"x":1}"#,
        "41/never,",
        "44{}",
        "44",
        "47[]",
        "49[]",
        "4-",
        "4２[\"a\"]",
        "4",
        "",
        "4 2[\"a\"]",
    ] {
        let answer = Peer::joined().send(packet);
        assert!(answer.starts_with("close: "), "{packet}: {answer}");
    }
}

#[test]
fn s12_placeholders_fewer_or_more_than_attachments_close() {
    for packet in [
        r#"451-["x"]"#,
        r#"452-["x",{"_placeholder":true,"num":0}]"#,
        r#"451-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        r#"461-1[]"#,
    ] {
        let answer = Peer::joined().send(packet);
        assert!(answer.starts_with("close: "), "{packet}: {answer}");
    }
}

#[test]
fn s14_a_doubled_placeholder_closes() {
    let packet = r#"452-["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":1}]]"#;
    assert_eq!(Peer::joined().send(packet), "close: two placeholders for attachment 1");
    // Any order is fine.
    let mut peer = Peer::joined();
    let packet = r#"452-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(peer.send(packet), "awaiting");
    assert_eq!(peer.send_binary(&[0]), "awaiting");
    assert_eq!(peer.send_binary(&[1]), r#"event / "x" [<01>,<00>]"#);
}

#[test]
fn s16_text_while_attachments_are_awaited_closes() {
    for text in [r#"42["a"]"#, "40/other,", "41", "45", ""] {
        let mut peer = Peer::joined();
        peer.send(r#"451-["x",{"_placeholder":true,"num":0}]"#);
        assert_eq!(peer.send(text), "close: text while attachments are awaited");
    }
}

#[test]
fn s17_attachments_have_a_deadline() {
    let mut peer = Peer::joined();
    peer.send(r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    let deadline = peer.now + limits().message_timeout;
    assert_eq!(peer.session.poll_timeout(), Some(deadline));
    // An attachment on the way does not move it.
    assert_eq!(peer.advance(9 * SECOND), Ok(()));
    assert_eq!(peer.send_binary(&[0]), "awaiting");
    assert_eq!(peer.session.poll_timeout(), Some(deadline));
    assert_eq!(peer.advance(SECOND), Err(Violation::AttachmentsTimeout));
    assert_eq!((peer.session.held(), peer.session.poll_timeout()), (0, None));
}

#[test]
fn s17_attachments_have_a_bound_together() {
    let header = |count: usize| {
        let placeholder = |num| format!(r#",{{"_placeholder":true,"num":{num}}}"#);
        let placeholders = (0..count).map(placeholder).collect::<String>();
        format!(r#"45{count}-["x"{placeholders}]"#)
    };
    let mebibyte = vec![0; 1 << 20];
    let mut peer = Peer::joined();
    peer.send(&header(4));
    for _ in 0..3 {
        assert_eq!(peer.send_binary(&mebibyte), "awaiting");
    }
    assert!(peer.send_binary(&mebibyte).starts_with("event "), "4 MiB");

    peer.send(&header(10));
    for _ in 0..4 {
        assert_eq!(peer.send_binary(&mebibyte), "awaiting");
    }
    assert_eq!(peer.send_binary(&[0]), "close: attachments of more than 4194304 bytes");
    assert_eq!(peer.session.held(), 0);
}

#[test]
fn s19_ack_ids_are_safe_integers() {
    let largest = AckId::MAX;
    assert_eq!(
        Peer::joined().send(&format!("42{largest}[\"a\"]")),
        format!("event / #{largest} \"a\" []")
    );
    for id in ["9007199254740992", "9999999999999999999999", "00", "01"] {
        let answer = Peer::joined().send(&format!("42{id}[\"a\"]"));
        assert_eq!(answer, "close: illegal ack id", "{id}");
    }
}

#[test]
fn s21_acks_that_nobody_awaits_are_ignored() {
    let mut peer = Peer::joined();
    assert_eq!(peer.send("43[1]"), "ignored EmptyAck");
    assert_eq!(peer.send("4399[1]"), "ack / #99 [1]");
    assert_eq!(peer.send("43{}"), "close: the payload is not an array");
}

#[test]
fn s25_any_other_name_is_an_ordinary_name() {
    for name in ["error", "__proto__", "constructor", "\\u0000", "\\n", ""] {
        let answer = Peer::joined().send(&format!(r#"42["{name}"]"#));
        assert!(answer.starts_with("event / "), "{name}: {answer}");
    }
    let named = |len: usize| format!(r#"42["{}"]"#, "x".repeat(len));
    assert!(Peer::joined().send(&named(128)).starts_with("event "));
    for packet in [
        named(129),
        named(900_000),
        format!(r#"42["{}"]"#, "\\u0041".repeat(129)),
        format!(r#"42["{}"]"#, "é".repeat(65)),
    ] {
        let answer = Peer::joined().send(&packet);
        assert_eq!(answer, "close: the event's name is longer than 128 bytes");
    }
    // Half a surrogate pair in a name is no reason to close.
    assert_eq!(Peer::joined().send(r#"42["\ud83d"]"#), "event / \"\u{fffd}\u{fffd}\u{fffd}\" []");
}

#[test]
fn s26_depth_and_count_of_arguments_are_bounded() {
    // The array of arguments is the first level.
    let deep = |levels: usize| {
        let inner = levels - 1;
        format!("42[\"a\",{}{}]", "[".repeat(inner), "]".repeat(inner))
    };
    assert!(Peer::joined().send(&deep(64)).starts_with("event "));
    for levels in [65, 490_000] {
        let answer = Peer::joined().send(&deep(levels));
        assert_eq!(answer, "close: nested deeper than 64");
    }
    // Brackets in strings are no levels.
    let text = format!(r#"42["a","{}"]"#, "[{\\\"".repeat(1000));
    assert!(Peer::joined().send(&text).starts_with("event "));

    let wide = |count: usize| format!("42[\"a\"{}]", ",1".repeat(count));
    assert!(Peer::joined().send(&wide(64)).starts_with("event "));
    for count in [65, 100_000] {
        let answer = Peer::joined().send(&wide(count));
        assert_eq!(answer, "close: more than 64 arguments");
    }
    let acks = |count: usize| format!("431[0{}]", ",1".repeat(count - 1));
    assert!(Peer::joined().send(&acks(64)).starts_with("ack "));
    assert!(Peer::joined().send(&acks(65)).starts_with("close: "));

    // A hundred thousand keys, half of them twice.
    let keys = (0..100_000).map(|n| format!("\"{}\":{n}", n % 50_000));
    let packet = format!("42[\"a\",{{{}}}]", keys.collect::<Vec<_>>().join(","));
    let answer = Peer::joined().send(&packet);
    assert!(answer.starts_with(r#"event / "a" [{"0":50000,"1":50001,"#));
}

#[test]
fn s28_a_key_twice_in_a_control_message_closes() {
    for payload in [
        r#"{"token":1,"token":2}"#,
        r#"{"token":1,"tok\u0065n":2}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"a":[1,{"b":1,"c":2,"b":1}]}"#,
    ] {
        let answer = Peer::fresh().send(&format!("40{payload}"));
        assert_eq!(answer, "close: a key stands twice in a control message");
    }
    let fine = r#"40{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#;
    assert!(Peer::fresh().send(fine).starts_with("connect "));
}

#[test]
fn s30_events_for_a_namespace_not_joined_close() {
    let answer = Peer::joined().send(r#"42/admin,["a"]"#);
    assert_eq!(answer, r#"close: not in namespace "/admin""#);
    // Without a comma all of it is the name, and the payload is missing.
    assert!(Peer::joined().send(r#"42/ns["a"]"#).starts_with("close: "));
    // CONNECT and EVENT in one go: the server has not answered yet.
    let mut peer = Peer::fresh();
    peer.answers = false;
    assert_eq!(peer.send("40"), "connect / {}");
    assert_eq!(peer.send(r#"42["a"]"#), r#"close: not in namespace "/""#);
    for packet in ["431[]", "41"] {
        let mut peer = Peer::fresh();
        peer.answers = false;
        peer.send("40");
        assert_eq!(peer.send(packet), r#"close: not in namespace "/""#);
    }
}

#[test]
fn w15_binary_without_a_header_and_empty_text_close() {
    let mut peer = Peer::joined();
    assert_eq!(peer.send_binary(&[1, 2]), "close: unexpected binary message");
    assert_eq!(Peer::joined().send(""), "close: the packet is empty");
    assert_eq!(Peer::fresh().send_binary(&[]), "close: the packet is empty");
}

#[test]
fn b10_s26_msgpack_has_the_same_bounds() {
    let joined = || {
        let mut peer = Peer::with(limits(), ParserChoice::Msgpack);
        peer.send_binary(&super::socket_vectors::unhex("82 a474797065 00 a36e7370 a12f"));
        peer
    };
    // {type:2,nsp:"/",data:…}
    let event = |data: &[u8]| {
        let head = super::socket_vectors::unhex("83 a474797065 02 a36e7370 a12f a464617461");
        [&head, data].concat()
    };
    let deep = |levels: usize| {
        let mut data = vec![0x92, 0xa1, b'a'];
        data.extend(std::iter::repeat_n(0x91, levels - 2));
        data.push(0x90);
        event(&data)
    };
    assert!(joined().send_binary(&deep(64)).starts_with("event "));
    for levels in [65, 490_000] {
        let answer = joined().send_binary(&deep(levels));
        assert_eq!(answer, "close: nested deeper than 64");
    }
    let wide = |count: u16| {
        let mut data = vec![0xdc];
        data.extend((count + 1).to_be_bytes());
        data.extend([0xa1, b'a']);
        data.extend(vec![1; count.into()]);
        event(&data)
    };
    assert!(joined().send_binary(&wide(64)).starts_with("event "));
    assert_eq!(joined().send_binary(&wide(65)), "close: more than 64 arguments");
    // A declared length of four thousand millions, and nothing behind it.
    for data in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0x92, 0xa1, b'a', 0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0x92, 0xa1, b'a', 0xdf, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert!(joined().send_binary(&event(data)).starts_with("close: "));
    }
    let binaries = |count: u8| {
        let mut data = vec![0x90 + count + 1, 0xa1, b'a'];
        data.extend([0xc4, 0].repeat(count.into()));
        event(&data)
    };
    assert!(joined().send_binary(&binaries(10)).starts_with("event "));
    assert_eq!(joined().send_binary(&binaries(11)), "close: more than 10 attachments");
}
