//! What is written to clients, in each wire form.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use crier_protocol::{
    AckId, Limits, Message, Namespace, Pid, SocketId,
    socket::{
        Args, Binary, DecodeError, EncodeError, Incoming, Outgoing, Parser, ParserChoice, Session,
        Value,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    socket_peer::{START, namespace, show_args},
    socket_vectors::unhex,
};

const MAIN: Namespace = Namespace::MAIN;

fn event(name: &str, args: Args) -> Outgoing {
    Outgoing::event(&MAIN, name, args, None).expect("a legal event")
}

fn polled(outgoing: &Outgoing) -> String {
    String::from_utf8(outgoing.polling(Parser::Default).to_vec()).expect("text")
}

fn ids() -> (SocketId, Pid) {
    (SocketId::from_random([0; 15]), Pid::from_random([0; 16]))
}

#[test]
fn an_event_carries_its_offset_as_the_last_argument() {
    let id = AckId::new(1).expect("a safe integer");
    let args = || Args::many(&(1, "two")).expect("serialisable");
    let asked = Outgoing::event(&MAIN, "e", args(), Some(id)).expect("legal");
    for (packet, expected) in [
        (event("e", Args::none()), r#"42["e","x~1"]"#),
        (event("e", args()), r#"42["e",1,"two","x~1"]"#),
        // Of these a client takes no offset, and the second argument of an ack is its application's.
        (asked, r#"421["e",1,"two"]"#),
        (Outgoing::ack(&MAIN, id, args()).expect("legal"), r#"431[1,"two"]"#),
        (Outgoing::disconnect(&MAIN), "41"),
    ] {
        assert_eq!(polled(&packet.with_last("x~1")), expected);
    }
}

#[test]
fn a_packet_is_written_anew_under_another_name_of_its_namespace() {
    let packet = event("e", Args::many(&(1,)).expect("serialisable"));
    assert_eq!(polled(&packet), r#"42["e",1]"#);
    let renamed = packet.renamed(&namespace("/ws"));
    assert_eq!(polled(&renamed), r#"42/ws,["e",1]"#);
    assert_eq!(renamed.namespace().as_str(), "/ws");
}

/// Each row: a packet and the Engine.IO text that the reference would send.
#[test]
fn packets_are_written_as_the_reference_writes_them() {
    let (sid, pid) = ids();
    let chat = namespace("/chat");
    let id = |id| AckId::new(id).expect("a safe integer");
    let args = Args::many(&(1, "two", [3.5])).expect("serialisable");
    let rows = [
        (Outgoing::connect(&MAIN, &sid, None), r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#),
        (
            Outgoing::connect(&chat, &sid, Some(&pid)),
            r#"40/chat,{"sid":"AAAAAAAAAAAAAAAAAAAA","pid":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
        ),
        (Outgoing::disconnect(&MAIN), "41"),
        (Outgoing::disconnect(&chat), "41/chat,"),
        (event("hello", Args::none()), r#"42["hello"]"#),
        (event("hello", args.clone()), r#"42["hello",1,"two",[3.5]]"#),
        (
            Outgoing::event(&chat, "hello", args.clone(), Some(id(0))).expect("legal"),
            r#"42/chat,0["hello",1,"two",[3.5]]"#,
        ),
        (event("say \"hi\"\n", Args::none()), r#"42["say \"hi\"\n"]"#),
        (Outgoing::ack(&MAIN, id(12), Args::none()).expect("legal"), "4312[]"),
        (
            Outgoing::ack(&chat, id(AckId::MAX), args).expect("legal"),
            r#"43/chat,9007199254740991[1,"two",[3.5]]"#,
        ),
        (
            Outgoing::connect_error(&chat, "Invalid namespace", None),
            r#"44/chat,{"message":"Invalid namespace"}"#,
        ),
        (
            Outgoing::connect_error(&MAIN, "no", Some(&json!({"content": "retry later"}))),
            r#"44{"message":"no","data":{"content":"retry later"}}"#,
        ),
    ];
    for (outgoing, text) in rows {
        assert_eq!(polled(&outgoing), text);
        let frame = outgoing.websocket(Parser::Default, false);
        assert_eq!(frame[0], 0x81, "a text frame");
        assert_eq!(usize::from(frame[1]), text.len());
        assert_eq!(&frame[2..], text.as_bytes());
        assert!(outgoing.size() >= text.len(), "{text}: {}", outgoing.size());
    }
}

/// P7, B25: a packet and its attachments are one unit in every form, so nothing comes in between.
#[test]
fn p7_b25_attachments_are_adjacent_to_their_packet() {
    let args = Args::many(&(Binary::from(vec![1, 2, 3]), json!({"a": 1}), Binary::default()));
    let outgoing = event("bin", args.expect("serialisable"));
    let text = concat!(
        r#"452-["bin",{"_placeholder":true,"num":0},{"a":1},"#,
        r#"{"_placeholder":true,"num":1}]"#
    );
    assert_eq!(polled(&outgoing), format!("{text}\x1ebAQID\x1eb"));

    let frame = |opcode: u8, payload: &[u8]| {
        let len = u8::try_from(payload.len()).expect("short");
        [&[opcode, len], payload].concat()
    };
    let frames = [frame(0x81, text.as_bytes()), frame(0x82, &[1, 2, 3]), frame(0x82, &[])];
    assert_eq!(outgoing.websocket(Parser::Default, false), frames.concat());
    let frames = [frame(0x81, text.as_bytes()), frame(0x81, b"bAQID"), frame(0x81, b"b")];
    assert_eq!(outgoing.websocket(Parser::Default, true), frames.concat());
}

#[test]
fn msgpack_packets_are_maps_that_the_reference_reads() {
    let (sid, _) = ids();
    let args = Args::many(&(1, Binary::from(vec![1, 2]), -33, 1.5, "é")).expect("serialisable");
    let outgoing = Outgoing::event(&MAIN, "echo", args, AckId::new(300)).expect("legal");
    // {type:2,nsp:"/",id:300,data:["echo",1,<0102>,-33,1.5,"é"]}
    let packet = unhex(
        "84 a474797065 02 a36e7370 a12f a26964 cd012c a464617461 96 a46563686f 01 c4020102 d0df
         cb3ff8000000000000 a2c3a9",
    );
    let frame = outgoing.websocket(Parser::Msgpack, false);
    assert_eq!(frame[0], 0x82, "a binary frame");
    assert_eq!(frame[2..], packet);
    assert!(outgoing.polling(Parser::Msgpack).starts_with(b"bhKR0eXBl"));
    let frame = outgoing.websocket(Parser::Msgpack, true);
    assert_eq!((frame[0], &frame[2..6]), (0x81, &b"bhKR"[..]));

    // {type:0,nsp:"/",data:{sid:"AAAAAAAAAAAAAAAAAAAA"}}, {type:1,nsp:"/"},
    // {type:4,nsp:"/",data:{message:"no"}}
    for (outgoing, packet) in [
        (
            Outgoing::connect(&MAIN, &sid, None),
            "83 a474797065 00 a36e7370 a12f a464617461 81 a3736964
             b44141414141414141414141414141414141414141",
        ),
        (Outgoing::disconnect(&MAIN), "82 a474797065 01 a36e7370 a12f"),
        (
            Outgoing::connect_error(&MAIN, "no", None),
            "83 a474797065 04 a36e7370 a12f a464617461 81 a76d657373616765 a26e6f",
        ),
    ] {
        assert_eq!(outgoing.websocket(Parser::Msgpack, false)[2..], unhex(packet));
    }
}

#[test]
fn long_frames_say_their_length_in_more_bytes() {
    for (text, head) in [
        (125, &[0x81, 125][..]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 255, 255]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        // 42["a","xxx"]
        let args = Args::one(&"x".repeat(text - 10)).expect("serialisable");
        let frame = event("a", args).websocket(Parser::Default, false);
        assert_eq!(&frame[..head.len()], head);
        assert_eq!(frame.len(), head.len() + text);
    }
}

#[test]
fn a_form_is_written_once_and_shared() {
    let outgoing = event("a", Args::one(&json!({"b": 1})).expect("serialisable"));
    for parser in [Parser::Default, Parser::Msgpack] {
        for base64 in [false, true] {
            let (first, again) =
                (outgoing.websocket(parser, base64), outgoing.websocket(parser, base64));
            assert_eq!(first.as_ptr(), again.as_ptr());
        }
        let (first, again) = (outgoing.polling(parser), outgoing.polling(parser));
        assert_eq!(first.as_ptr(), again.as_ptr());
    }
}

/// Right column: `JSON.stringify` of the same number in Node 20.
#[test]
fn numbers_look_as_javascript_prints_them() {
    for (number, text) in [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (-1.5, "-1.5"),
        (123.456, "123.456"),
        (1e20, "100000000000000000000"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (1.25e21, "1.25e+21"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.25e-7, "-1.25e-7"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (123_456_789_012_345_680_000.0, "123456789012345680000"),
        // Halfway between .2 and .3: the even one.
        (1_623_986_923_397_087.2, "1623986923397087.2"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "null"),
        (f64::NEG_INFINITY, "null"),
    ] {
        let outgoing = event("n", Args::one(&number).expect("serialisable"));
        assert_eq!(polled(&outgoing), format!(r#"42["n",{text}]"#));
    }
    let single = event("n", Args::one(&0.1_f32).expect("serialisable"));
    assert_eq!(polled(&single), r#"42["n",0.1]"#);
}

#[test]
fn strings_look_as_javascript_prints_them() {
    let text = "\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\"\\/é\u{2028}😀";
    let outgoing = event("s", Args::one(text).expect("serialisable"));
    let expected = "42[\"s\",\"\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\\\"\\\\/é\u{2028}😀\"]";
    assert_eq!(polled(&outgoing), expected);
}

#[test]
fn arguments_are_items_of_a_list_or_one_value() {
    let show = |args: Result<Args, EncodeError>| args.map(|args| show_args(&args));
    assert_eq!(show(Args::many(&())).as_deref(), Ok("[]"));
    assert_eq!(show(Args::many(&[0; 0])).as_deref(), Ok("[]"));
    assert_eq!(show(Args::many(&[1, 2, 3])).as_deref(), Ok("[1,2,3]"));
    assert_eq!(show(Args::one(&[1, 2, 3])).as_deref(), Ok("[[1,2,3]]"));
    assert_eq!(show(Args::many(&("],[\"", [[1]]))).as_deref(), Ok(r#"["],[\"",[[1]]]"#));
    assert_eq!(show(Args::many("no list")), Err(EncodeError::NotAList));
    let keys = BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(Args::one(&keys), Err(EncodeError::Serialize(_))));
}

#[test]
fn arguments_of_rest_are_checked_like_those_of_clients() {
    let limits = Limits::default();
    let show = |text: &str| Args::from_json_array(text, &limits).map(|args| show_args(&args));
    assert_eq!(show(" [ 1 , {\"a\":2} ] ").as_deref(), Ok(r#"[1,{"a":2}]"#));
    assert_eq!(show("[]").as_deref(), Ok("[]"));
    for text in ["", "{}", "null", "[1", "[1]]", "[1,]", "[,]", "[\"\u{1}\"]"] {
        assert!(show(text).is_err(), "{text}");
    }
    let items = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert!(show(&items(64)).is_ok());
    assert_eq!(show(&items(65)), Err(DecodeError::TooManyArgs { max: 64 }));
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Order {
    items: Vec<Item>,
    note: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Item {
    price: u32,
    image: Binary,
}

/// The same message and path, whichever way the arguments came.
#[test]
fn an_argument_of_another_shape_names_the_field() {
    #[derive(Serialize)]
    struct Wrong {
        items: Vec<BTreeMap<&'static str, Value>>,
    }
    let price = BTreeMap::from([("price", Value::String("free".to_owned()))]);
    let wrong = Wrong { items: vec![price] };
    let json = Args::many(&(0, &wrong)).expect("serialisable");
    let with_bytes = Args::many(&(Binary::default(), &wrong)).expect("serialisable");
    let msgpack = over_msgpack(&json);
    for args in [json, with_bytes, msgpack] {
        let error = args.get::<Order>(1).expect_err("a string is no price");
        assert_eq!((error.index, &*error.path), (1, "items[0].price"));
        assert_eq!(error.reason, "invalid type: string \"free\", expected u32");
    }
}

#[test]
fn a_missing_argument_reads_as_null() {
    let args = Args::one(&1).expect("serialisable");
    for args in [args.clone(), over_msgpack(&args)] {
        assert_eq!(args.get::<Option<u8>>(1), Ok(None));
        assert_eq!(args.get::<Value>(7), Ok(Value::Null));
        assert_eq!(args.get::<()>(1), Ok(()));
        let error = args.get::<u8>(1).expect_err("nothing is there");
        assert_eq!((error.index, &*error.path), (1, "."));
    }
}

#[test]
fn typed_arguments_survive_both_parsers() {
    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Plain,
        Named { name: String },
        Pair(u8, i64),
        One(Option<f64>),
    }
    let item = Item { price: u32::MAX, image: Binary::from(vec![0, 255]) };
    let order = Order { items: vec![item], note: None };
    let kinds = [
        Kind::Plain,
        Kind::Named { name: "é".to_owned() },
        Kind::Pair(255, i64::MIN),
        Kind::One(Some(2.5)),
    ];
    let args = Args::many(&(&order, &kinds)).expect("serialisable");
    for args in [args.clone(), over_msgpack(&args)] {
        assert_eq!(args.get::<Order>(0).as_ref(), Ok(&order));
        assert_eq!(args.get::<[Kind; 4]>(1).as_ref(), Ok(&kinds));
    }
}

#[test]
fn a_last_argument_can_be_appended() {
    let args = Args::many(&(1, Binary::from(vec![7]))).expect("serialisable");
    for args in [Args::none(), args.clone(), over_msgpack(&args)] {
        let longer = args.with_last("off\"set");
        assert_eq!(longer.len(), args.len() + 1);
        assert_eq!(longer.get::<String>(args.len()).as_deref(), Ok("off\"set"));
        for index in 0..args.len() {
            assert_eq!(longer.get::<Value>(index), args.get::<Value>(index));
        }
    }
}

/// A client of the default parser would put the attachment where only text was meant.
#[test]
fn data_that_looks_like_a_placeholder_is_refused_beside_binary_data() {
    let lookalike = json!({"_placeholder": true, "num": 0});
    assert!(Args::one(&lookalike).is_ok(), "alone it is plain data");
    let both = Args::many(&(&lookalike, Binary::default()));
    assert_eq!(both.err(), Some(EncodeError::Ambiguous));

    // {type:2,nsp:"/",data:["a",{_placeholder:true,num:0},<>]} from a msgpack client
    let args = from_msgpack_client(&unhex(
        "83 a474797065 02 a36e7370 a12f a464617461 93 a161
         82 ac5f706c616365686f6c646572 c3 a36e756d 00 c400",
    ));
    let outgoing = Outgoing::event(&MAIN, "a", args, None);
    assert_eq!(outgoing.err(), Some(EncodeError::Ambiguous));
}

/// Ten is the limit of clients (`maxAttachments`); they drop the connection above.
#[test]
fn at_most_ten_attachments_are_sent() {
    let args = |n| Args::many(&vec![Binary::default(); n]).expect("serialisable");
    assert!(Outgoing::event(&MAIN, "a", args(10), None).is_ok());
    let error = Outgoing::event(&MAIN, "a", args(11), None).err();
    let (got, max) = (11, 10);
    assert_eq!(error, Some(EncodeError::TooManyAttachments { got, max }));
}

#[test]
fn reserved_names_are_refused() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let error = Outgoing::event(&MAIN, name, Args::none(), None).err();
        assert_eq!(error, Some(EncodeError::ReservedName(name)));
    }
    assert!(Outgoing::event(&MAIN, "error", Args::none(), None).is_ok());
}

/// Events of a client of one parser reach clients of the other.
#[test]
fn arguments_cross_from_one_parser_to_the_other() {
    // {type:2,nsp:"/",data:["a",undefined,{b:undefined,c:Date(0)},<0102>,1.5]}
    let args = from_msgpack_client(&unhex(
        "83 a474797065 02 a36e7370 a12f a464617461 95 a161
         d40000 82 a162 d40000 a163 d7000000000000000000 c4020102 cb3ff8000000000000",
    ));
    assert_eq!(
        polled(&event("a", args)),
        concat!(
            r#"451-["a",null,{"c":"1970-01-01T00:00:00.000Z"},{"_placeholder":true,"num":0},1.5]"#,
            "\x1ebAQI="
        )
    );

    // Half a surrogate pair and infinity exist in JavaScript only.
    let limits = Limits::default();
    let args = Args::from_json_array(r#"["\ud83d",1e400,-0,1.0]"#, &limits).expect("JSON");
    assert_eq!(polled(&event("a", args.clone())), r#"42["a","\ud83d",1e400,-0,1.0]"#);
    let args = over_msgpack(&args);
    let text = args.get::<String>(0).expect("a string");
    assert!(text.chars().all(|c| c == '\u{fffd}') && !text.is_empty());
    assert_eq!(args.get::<Value>(1), Ok(Value::Null), "as JSON.stringify writes it");
    assert_eq!(args.get::<i8>(2), Ok(0));
    assert_eq!(args.get::<u8>(3), Ok(1), "whole doubles are integers");
}

/// The same arguments, sent to a msgpack client and back.
pub(crate) fn over_msgpack(args: &Args) -> Args {
    let frame = event("a", args.clone()).websocket(Parser::Msgpack, false);
    let head = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    from_msgpack_client(&frame[head..])
}

fn from_msgpack_client(packet: &[u8]) -> Args {
    let limits = Limits { depth_max: 256, ..Limits::default() };
    let mut session = Session::new(&Arc::new(limits), ParserChoice::Msgpack, *START);
    let connect = Message::Binary(unhex("82 a474797065 00 a36e7370 a12f").into());
    session.handle(connect, *START).expect("a CONNECT");
    session.accepted(&MAIN);
    let packet = Message::Binary(Bytes::copy_from_slice(packet));
    match session.handle(packet, *START) {
        Ok(Some(Incoming::Event { args, .. })) => args,
        other => panic!("not an event: {other:?}"),
    }
}

/// Without serde_json's `float_roundtrip` this one comes out one unit in the last place off.
#[test]
fn doubles_are_read_exactly() {
    let limits = Limits::default();
    let args = Args::from_json_array("[31.245270191439438]", &limits).expect("JSON");
    for args in [args.clone(), over_msgpack(&args)] {
        let number = args.get::<f64>(0).expect("a number");
        assert_eq!(number.to_bits(), 31.245_270_191_439_438_f64.to_bits());
    }
}
