//! What holds for any input.

use std::{sync::Arc, time::Duration};

use crier_protocol::{
    Limits, Message, Namespace,
    fuzz::sio_packet,
    socket::{Args, Incoming, Outgoing, Parser, ParserChoice, Session, Value},
};
use proptest::{collection::vec, prelude::*};

use super::{
    socket_outgoing::over_msgpack,
    socket_peer::{START, namespace},
};

/// Any value of few levels. No key is `_placeholder`: see the test of its own.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(|n| Value::Number(n.into())),
        any::<i64>().prop_map(|n| Value::Number(n.into())),
        // Halves, which no form writes as an integer.
        any::<i32>().prop_map(|n| {
            let half = f64::from(n) + 0.5;
            Value::Number(serde_json::Number::from_f64(half).expect("finite"))
        }),
        ".*".prop_map(Value::String),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Binary(bytes.into())),
    ];
    leaf.prop_recursive(4, 8, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z\"\\\\é]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn binaries(value: &Value) -> usize {
    match value {
        Value::Binary(_) => 1,
        Value::Array(items) => items.iter().map(binaries).sum(),
        Value::Object(entries) => entries.iter().map(|(_, value)| binaries(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Cuts websocket frames of a server into the messages that a client reads.
fn messages(mut frames: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let [opcode, len, rest @ ..] = frames {
        let (len, rest) = match (len, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (127, _) => panic!("a frame of 64 KiB and more"),
            (len, rest) => (usize::from(*len), rest),
        };
        let (payload, rest) = rest.split_at(len);
        messages.push(match opcode {
            0x81 => {
                let text = std::str::from_utf8(payload).expect("UTF-8");
                Message::Text(text.strip_prefix('4').expect("a message").into())
            }
            0x82 => Message::Binary(payload.to_vec().into()),
            other => panic!("opcode {other:x}"),
        });
        frames = rest;
    }
    messages
}

/// A session in `/chat` with either parser.
fn session(parser: Parser) -> Session {
    let choice = match parser {
        Parser::Default => ParserChoice::Default,
        Parser::Msgpack => ParserChoice::Msgpack,
    };
    let mut session = Session::new(&Arc::new(Limits::default()), choice, *START);
    let connect = match parser {
        Parser::Default => Message::Text("0/chat,".into()),
        Parser::Msgpack => {
            let connect = super::socket_vectors::unhex("82 a474797065 00 a36e7370 a52f63686174");
            Message::Binary(connect.into())
        }
    };
    session.handle(connect, *START).expect("a CONNECT");
    session.accepted(&namespace("/chat"));
    session
}

proptest! {
    /// An event that is written and read again is the same event, with both parsers and after
    /// crossing from one to the other.
    #[test]
    fn an_event_survives_the_wire(
        name in "[^\u{0}]{1,20}",
        values in vec(values(), 0..5).prop_filter(
            "clients take 10 attachments",
            |values| values.iter().map(binaries).sum::<usize>() <= 10,
        ),
        id in proptest::option::of(0..=crier_protocol::AckId::MAX),
    ) {
        let chat = namespace("/chat");
        let id = id.and_then(crier_protocol::AckId::new);
        let args = Args::many(&values).expect("serialisable");
        let crossed = over_msgpack(&args);
        for args in [args, crossed] {
            let outgoing = Outgoing::event(&chat, &name, args, id).expect("legal");
            for parser in [Parser::Default, Parser::Msgpack] {
                let mut session = session(parser);
                let mut read = None;
                for message in messages(&outgoing.websocket(parser, false)) {
                    read = session.handle(message, *START).expect("legal");
                }
                let Some(Incoming::Event { namespace, id: read_id, name: read_name, args }) = read
                else {
                    panic!("{read:?}");
                };
                prop_assert_eq!(&namespace, &chat);
                prop_assert_eq!(read_id, id);
                prop_assert_eq!(read_name.as_str(), &name);
                prop_assert_eq!(args.len(), values.len());
                for (index, value) in values.iter().enumerate() {
                    prop_assert_eq!(&args.get::<Value>(index).expect("readable"), value);
                }
            }
        }
    }

    /// Valid JSON and such with one character changed: what passes is what `serde_json` reads too.
    #[test]
    fn json_is_accepted_as_serde_json_accepts_it(
        values in vec(values(), 0..4),
        at in any::<prop::sample::Index>(),
        by in proptest::option::of(r#"[\[\]{}",:0-9a\\ -]{0,2}"#),
    ) {
        let values = values.iter().map(|value| serde_json::to_value(value).expect("JSON"));
        let mut text = serde_json::to_string(&values.collect::<Vec<_>>()).expect("JSON");
        if let Some(by) = by {
            let (start, old) = text.char_indices().nth(at.index(text.chars().count())).expect("one");
            text.replace_range(start..start + old.len_utf8(), &by);
        }
        let accepted = Args::from_json_array(&text, &Limits::default());
        let reference = serde_json::from_str::<Vec<serde_json::Value>>(&text);
        match (accepted, reference) {
            (Ok(args), Ok(reference)) => {
                prop_assert_eq!(args.len(), reference.len());
                for (index, value) in reference.iter().enumerate() {
                    let item = args.get::<serde_json::Value>(index).expect("readable");
                    prop_assert_eq!(&item, value);
                }
            }
            // Strings and numbers that Rust cannot hold are the only differences.
            (Ok(_), Err(error)) => {
                let error = error.to_string();
                let known = ["out of range", "surrogate", "hex escape"];
                prop_assert!(known.iter().any(|known| error.contains(known)), "{}: {}", text, error);
            }
            (Err(error), Ok(_)) => panic!("{text}: {error}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn no_bytes_break_a_session(data in vec(any::<u8>(), 0..200)) {
        sio_packet(&data);
    }

    /// Pieces of real packets, so that more than the first byte is reached.
    #[test]
    fn no_mixture_of_packets_breaks_a_session(pieces in vec(0..PIECES.len(), 0..24)) {
        let data = pieces.iter().flat_map(|piece| PIECES[*piece]).copied();
        sio_packet(&data.collect::<Vec<_>>());
    }

    /// Nothing that a client sends makes the session hold more than its limits allow, and whatever
    /// it holds is given up in time.
    #[test]
    fn what_a_session_holds_is_bounded(sizes in vec(0..200_usize, 1..60)) {
        let limits = Limits { attachments_bytes_max: 500, ..Limits::default() };
        let mut session = Session::new(&Arc::new(limits), ParserChoice::Auto, *START);
        session.handle(Message::Text("0".into()), *START).expect("a CONNECT");
        session.accepted(&Namespace::MAIN);
        for size in sizes {
            let message = match size {
                0..50 => Message::Text(r#"53-["a",{"_placeholder":true,"num":0},
                    {"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]"#.into()),
                size => Message::Binary(vec![0; size].into()),
            };
            let over = session.handle(message, *START).is_err();
            prop_assert!(session.held() <= 500);
            if over {
                prop_assert_eq!(session.held(), 0);
                return Ok(());
            }
        }
        if let Some(deadline) = session.poll_timeout() {
            prop_assert!(deadline <= *START + Duration::from_secs(10));
            prop_assert!(session.handle_timeout(deadline).is_err());
        }
        prop_assert_eq!(session.held(), 0);
    }
}

const PIECES: &[&[u8]] = &[
    b"\xff",
    b"\xff",
    b"\xff",
    b"0",
    b"1",
    b"2",
    b"3",
    b"51-",
    b"62-",
    b"/a,",
    b"/b,",
    b"7",
    b"[\"x\"]",
    b"[\"x\",",
    b"]",
    b"{\"_placeholder\":true,\"num\":0}",
    b",",
    b"{\"_placeholder\":true,\"num\":1}",
    b"{}",
    b"\"\\ud83d\"",
    b"1e400",
    b"B",
    b"{\"a\":",
    b"}",
    b"[",
    b"\xff0\xff",
    b"\xff2[\"y\",1]\xff",
    b"\xff51-[\"x\",{\"_placeholder\":true,\"num\":0}]\xffB\xff",
    b"\x82\xa4type\x00\xa3nsp\xa1/\xff",
    b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1x",
    b"\x80",
    b"\xc4\x01\x00",
    b"\xd4\x00\x00",
    b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00",
];

/// The corpus of the fuzz target: what the dialogues send, as far as it is text.
#[test]
fn the_vectors_pass_through_the_fuzz_target() {
    for vectors in [
        include_str!("../../testdata/socket_text.txt"),
        include_str!("../../testdata/socket_binary.txt"),
    ] {
        for case in vectors.split("\n\n") {
            let mut data = b"0".to_vec();
            for line in case.lines().take_while(|line| *line != "----") {
                data.push(0xff);
                data.extend_from_slice(line.strip_prefix('4').unwrap_or("B").as_bytes());
            }
            sio_packet(&data);
        }
    }
}
