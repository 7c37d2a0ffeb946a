//! What Node's adapters and emitters publish, read and written again; and what nobody may publish.

use bytes::Bytes;
use crier_protocol::{
    Namespace, Room, SocketId,
    fuzz::redis_adapter,
    redis_adapter::{
        Bounds, Channels, ClassicChannel, Event, Flags, Malformed, Message, Order, RemoteSocket,
        Reply, RequestId, Response, Selection, SubscriptionMode, Uid,
        classic::{Broadcast, Request},
        sharded::{Body, Envelope},
    },
    socket::{Args, Value},
};
use proptest::{collection::vec, prelude::*};

const VECTORS: &str = include_str!("../../testdata/redis_adapter.txt");

/// A line of the vectors.
struct Vector<'a> {
    form: &'a str,
    kind: &'a str,
    exact: bool,
    channel: String,
    namespace: Namespace,
    payload: Vec<u8>,
}

fn vectors() -> impl Iterator<Item = Vector<'static>> {
    VECTORS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [form, kind, precision, channel, namespace, hex] = fields[..] else { panic!("{line}") };
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap();
        Vector {
            form,
            kind,
            exact: precision == "exact",
            channel: channel.replace("%20", " "),
            namespace: name(namespace),
            payload: (0..hex.len()).step_by(2).map(byte).collect(),
        }
    })
}

fn name(text: &str) -> Namespace {
    Namespace::parse(text.to_owned(), 128).unwrap()
}

/// Reads a payload and writes it again; tells the channel for it too.
fn recode(vector: &Vector<'_>) -> Result<(Vec<u8>, String), Malformed> {
    let (bounds, channels) = (Bounds::default(), Channels::new("socket.io").unwrap());
    let Vector { namespace, payload, .. } = vector;
    Ok(match (vector.form, vector.kind) {
        ("classic", "broadcast") => {
            let read = Broadcast::decode(payload, &bounds)?;
            assert_eq!(read.namespace, *namespace);
            let channel = match &read.to.rooms[..] {
                [room] => channels.room(namespace, room),
                _ => channels.namespace(namespace),
            };
            (read.encode(), channel)
        }
        ("classic", "request") => {
            let read = Request::decode(payload, namespace, &bounds)?;
            (read.encode(namespace), channels.request(namespace))
        }
        ("classic", "response") => {
            let read = Response::decode_classic(payload, &bounds)?;
            (read.encode_classic(), channels.response(namespace))
        }
        ("sharded", _) => {
            let read = Envelope::decode(payload, &bounds)?;
            assert_eq!(read.namespace, *namespace);
            let channel = match &read.body {
                Body::Message(Message::Broadcast { to, request: None, .. }) => {
                    match &to.rooms[..] {
                        [room] if SubscriptionMode::Dynamic.publishes_to(room) => {
                            channels.room(namespace, room)
                        }
                        _ => channels.namespace(namespace),
                    }
                }
                Body::Message(_) => channels.namespace(namespace),
                Body::Response(_) => channels.own(namespace, &Uid::parse("zzz").unwrap()),
                Body::Nothing => panic!("a heartbeat"),
            };
            (read.encode().unwrap(), channel)
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn everything_that_node_publishes_is_written_as_node_writes_it() {
    let mut exact = 0;
    for vector in vectors() {
        let (bytes, channel) = recode(&vector).unwrap();
        assert_eq!(channel, vector.channel, "{}", vector.kind);
        if vector.exact {
            let text = String::from_utf8_lossy(&vector.payload);
            assert_eq!(bytes, vector.payload, "{} {}: {text}", vector.form, vector.kind);
            exact += 1;
        }
    }
    assert!(exact >= 60, "{exact} vectors are left");
}

#[test]
fn what_node_has_no_json_for_is_what_its_clients_would_get() {
    let dates =
        vectors().find(|v| v.form == "classic" && !v.exact && v.kind == "broadcast").unwrap();
    let read = Broadcast::decode(&dates.payload, &Bounds::default()).unwrap();
    assert_eq!(&*read.event.name, "dates");
    let arg = |index| read.event.args.get::<Value>(index).unwrap();
    for (index, iso) in
        ["1970-01-01T00:00:00.000Z", "2026-12-31T23:59:59.123Z", "1969-12-31T23:59:59.999Z"]
            .into_iter()
            .enumerate()
    {
        assert_eq!(arg(index), Value::String(iso.to_owned()));
    }
    assert_eq!(arg(3), Value::Array(vec![Value::Null]));
    assert_eq!(arg(4), Value::Binary(Bytes::from_static(&[9])));
}

#[test]
fn orders_to_one_socket_are_read_as_older_servers_write_them() {
    let id = "AAAAAAAAAAAAAAAAAAAA";
    for (fields, expected) in [
        (r#""type":2,"room":"r""#, Order::Join(Room::from("r"))),
        (r#""type":3,"room":7"#, Order::Leave(Room::from("7"))),
        (r#""type":4,"close":true"#, Order::Disconnect(true)),
        (r#""type":4"#, Order::Disconnect(false)),
    ] {
        let payload = format!(r#"{{"uid":"u","requestId":"q","sid":"{id}",{fields}}}"#);
        let read =
            Request::decode(payload.as_bytes(), &Namespace::MAIN, &Bounds::default()).unwrap();
        let Message::One { socket, order, request } = read.message else { panic!("{payload}") };
        assert_eq!((socket.as_str(), &order, request.as_str()), (id, &expected, "q"));
    }
}

/// Rows B41 and D1 of the hardening catalogue: foreign bytes are refused, whichever channel they are on.
#[test]
fn foreign_bytes_are_refused() {
    let deep_json = format!(r#"{{"a":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let deep_msgpack = [vec![0x91; 200_000], vec![0xc0]].concat();
    let many = format!(r#"{{"type":6,"data":["e",[{}0]]}}"#, "0,".repeat(600_000));
    let long_room =
        format!(r#"{{"type":2,"opts":{{"rooms":["{}"]}},"rooms":["x"]}}"#, "r".repeat(257));
    let pickle = b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system".to_vec();
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"{\"type\":99,\"uid\":\"u\",\"nsp\":\"/\",\"data\":{}}".to_vec(),
        b"{\"type\":2}".to_vec(),
        b"{\"type\":2,\"opts\":[],\"rooms\":[\"a\"]}".to_vec(),
        b"{\"type\":2,\"opts\":{\"rooms\":[{}]},\"rooms\":[\"a\"]}".to_vec(),
        b"{\"type\":2,\"opts\":{\"rooms\":[\"\"]},\"rooms\":[\"a\"]}".to_vec(),
        b"{\"type\":6,\"data\":[]}".to_vec(),
        b"{\"type\":6,\"data\":[\"connect\"]}".to_vec(),
        b"{\"type\":6,\"data\":[{}]}".to_vec(),
        b"{\"type\":5,\"opts\":{\"rooms\":[],\"except\":[]}}".to_vec(),
        b"{\"type\":1,\"requestId\":7}".to_vec(),
        b"{\"type\":8,\"requestId\":\"q\",\"clientCount\":-1}".to_vec(),
        b"{\"requestId\":\"q\",\"sockets\":[{\"id\":\"short\"}]}".to_vec(),
        b"{\"type\":6,\"data\":[\"e\"]} trailing".to_vec(),
        b"{\"type\":6,\"data\":[\"e\",\"\xff\"]}".to_vec(),
        long_room.into_bytes(),
        vec![0; 1 << 20],
        vec![b' '; 1 << 20],
        vec![0xc1],
        vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        vec![0xdf, 0xff, 0xff, 0xff, 0xff],
        vec![0xc6, 0xff, 0xff, 0xff, 0xff, 0],
        vec![0x93, 0xa1, b'u', 0x80, 0x80],
        vec![0x93, 0xa1, b'u', 0xc0, 0xc0],
        pickle,
        deep_json.into_bytes(),
        deep_msgpack,
        many.into_bytes(),
        vec![b'{'; (8 << 20) + 1],
    ];
    let (main, bounds) = (Namespace::MAIN, Bounds::default());
    for payload in &cases {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(60)]).into_owned();
        assert!(Broadcast::decode(payload, &bounds).is_err(), "broadcast {shown}");
        assert!(Request::decode(payload, &main, &bounds).is_err(), "request {shown}");
        assert!(Response::decode_classic(payload, &bounds).is_err(), "response {shown}");
        assert!(Envelope::decode(payload, &bounds).is_err(), "sharded {shown}");
    }
}

#[test]
fn a_request_with_acknowledgements_is_of_the_namespace_of_its_channel() {
    let request = Request {
        uid: Uid::parse("u"),
        message: Message::Broadcast {
            event: Event { name: "e".into(), args: Args::none() },
            to: Selection::default(),
            request: RequestId::parse("q"),
        },
    };
    let payload = request.encode(&name("/admin"));
    let bounds = Bounds::default();
    assert!(Request::decode(&payload, &name("/admin"), &bounds).is_ok());
    assert_eq!(
        Request::decode(&payload, &Namespace::MAIN, &bounds).unwrap_err(),
        Malformed::Field("nsp")
    );
}

#[test]
fn channels_found_by_the_patterns_are_told_apart() {
    let channels = Channels::new("shop").unwrap();
    for (channel, expected) in [
        ("shop#/#", Some(ClassicChannel::Broadcast { rest: "/#" })),
        ("shop#/a#r#", Some(ClassicChannel::Broadcast { rest: "/a#r#" })),
        ("shop-request#/a#", Some(ClassicChannel::Request { namespace: "/a" })),
        ("shop-response#/a#uid#", Some(ClassicChannel::Response)),
        ("other#/#", None),
        ("shop", None),
    ] {
        assert_eq!(channels.classic(channel), expected, "{channel}");
    }
}

fn rooms() -> impl Strategy<Value = Vec<Room>> {
    vec(".{1,20}".prop_map(Room::from), 0..4)
}

fn selections() -> impl Strategy<Value = Selection> {
    let flags = (any::<bool>(), proptest::option::of(0_u64..1 << 53));
    (rooms(), rooms(), flags).prop_map(|(rooms, except, (volatile, timeout))| Selection {
        rooms,
        except,
        flags: Flags { volatile, timeout },
    })
}

/// Values without an object that looks like a placeholder.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| Value::Number(n.into())),
        any::<f64>()
            .prop_map(|n| serde_json::Number::from_f64(n).map_or(Value::Null, Value::Number)),
        ".*".prop_map(Value::String),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Binary(bytes.into())),
    ];
    leaf.prop_recursive(3, 8, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z\"é]{0,40}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn events() -> impl Strategy<Value = Event> {
    ("[a-z]{1,8}x", vec(values(), 0..4))
        .prop_map(|(name, args)| Event { name: name.into(), args: Args::many(&args).unwrap() })
}

fn ids() -> impl Strategy<Value = RequestId> {
    "[a-zA-Z0-9-]{1,16}".prop_map(|id| RequestId::parse(id).unwrap())
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![
        (events(), selections(), proptest::option::of(ids()))
            .prop_map(|(event, to, request)| Message::Broadcast { event, to, request }),
        (selections(), rooms()).prop_map(|(of, rooms)| Message::Join { of, rooms }),
        (selections(), rooms()).prop_map(|(of, rooms)| Message::Leave { of, rooms }),
        (selections(), any::<bool>()).prop_map(|(of, close)| Message::Disconnect { of, close }),
        (selections(), ids()).prop_map(|(of, request)| Message::Fetch { of, request }),
        (events(), proptest::option::of(ids()))
            .prop_map(|(event, request)| Message::ServerSideEmit { event, request }),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    let socket = ("[a-zA-Z0-9_-]{20}", values(), rooms(), values());
    let socket = socket.prop_map(|(id, handshake, rooms, data)| RemoteSocket {
        id: SocketId::parse(&id).unwrap(),
        handshake,
        rooms,
        data,
    });
    prop_oneof![
        vec(socket, 0..3).prop_map(Reply::Sockets),
        values().prop_map(Reply::ServerSideEmit),
        any::<u32>().prop_map(|count| Reply::ClientCount(count.into())),
        values().prop_map(Reply::Ack),
    ]
}

proptest! {
    /// JSON has no bytes and JavaScript one kind of number, so what is compared is what is written: once
    /// read, it is written as the same bytes.
    #[test]
    fn what_is_written_is_read_as_the_same(
        message in messages(), reply in replies(), request in ids()
    ) {
        let (main, bounds, uid) = (name("/chat"), Bounds::default(), Uid::parse("0123456789abcdef"));
        let asked = Request { uid: uid.clone(), message: message.clone() };
        let payload = asked.encode(&main);
        // A broadcast without a request id has no place on the request channel.
        if let Message::Broadcast { event, to, request: None } = &message {
            let plain = Broadcast {
                uid: uid.clone(), namespace: main.clone(), event: event.clone(), to: to.clone(),
            };
            let payload = plain.encode();
            prop_assert_eq!(Broadcast::decode(&payload, &bounds).unwrap().encode(), payload);
        } else {
            let again = Request::decode(&payload, &main, &bounds).unwrap();
            prop_assert_eq!(again.encode(&main), payload);
        }
        let response = Response { request, reply };
        let payload = response.encode_classic();
        prop_assert_eq!(Response::decode_classic(&payload, &bounds).unwrap().encode_classic(), payload);
        for body in [Body::Message(message), Body::Response(response)] {
            let uid = uid.clone().unwrap();
            let payload = Envelope { uid, namespace: main.clone(), body }.encode().unwrap();
            prop_assert_eq!(Envelope::decode(&payload, &bounds).unwrap().encode().unwrap(), payload);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in vec(any::<u8>(), 0..300)) {
        redis_adapter(&data);
    }

    /// Near to what Node writes: one byte of a vector is another one.
    #[test]
    fn spoilt_vectors_are_read_or_refused(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let vectors: Vec<Vec<u8>> = vectors().map(|vector| vector.payload).collect();
        let mut payload = pick.get(&vectors).clone();
        let at = at.index(payload.len());
        payload[at] = byte;
        redis_adapter(&payload);
        redis_adapter(&payload[..at]);
    }
}
