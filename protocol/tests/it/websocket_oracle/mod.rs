//! The assembler against tungstenite: the same streams of frames, legal and with planted faults,
//! must bring the same events and the same end. Where they differ on purpose, [`Fault::differs`]
//! says how and why, and the test sees that it is so.

mod stream;

use std::io::{self, Read, Write};

use crier_protocol::{
    Limits, Message,
    websocket::{Assembler, CloseCode, Event, Role},
};
use tungstenite::{
    Error,
    protocol::{Role as TheirRole, WebSocket, WebSocketConfig},
};

use self::stream::stream;
use crate::websocket_wire::{Random, start};

/// Streams that are compared.
const STREAMS: u64 = 6_000;

/// Small, so that it is met often.
const MAX_PAYLOAD: usize = 300;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With the bytes; more could come.
    Open,
    /// The peer said goodbye.
    Closed(Option<u16>),
    /// The peer broke a rule.
    Failed(u16),
}

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ReservedBits,
    ReservedOpcode,
    WrongMask,
    FragmentedControl,
    LongControl,
    /// A continuation of nothing, or a message inside a message.
    OutOfTurn,
    LongLength,
    NegativeLength,
    TooLarge,
    BadText,
    BadTextInUnfinishedFrame,
    CloseTooShort,
    CloseCode,
    CloseCode1014,
    CloseReason,
    BadStartOfHeader,
}

const FAULTS: [Fault; 16] = [
    Fault::ReservedBits,
    Fault::ReservedOpcode,
    Fault::WrongMask,
    Fault::FragmentedControl,
    Fault::LongControl,
    Fault::OutOfTurn,
    Fault::LongLength,
    Fault::NegativeLength,
    Fault::TooLarge,
    Fault::BadText,
    Fault::BadTextInUnfinishedFrame,
    Fault::CloseTooShort,
    Fault::CloseCode,
    Fault::CloseCode1014,
    Fault::CloseReason,
    Fault::BadStartOfHeader,
];

impl Fault {
    /// How the ends differ: ours, theirs.
    fn differs(self) -> Option<(End, End)> {
        match self {
            // tungstenite takes any form of a length; the RFC says "the minimal number of bytes
            // MUST be used" (5.2). The stream ends with the fault, so theirs is still open.
            Self::LongLength => Some((End::Failed(1002), End::Open)),
            // Both refuse it; it breaks the form (5.2) before it is large.
            Self::NegativeLength => Some((End::Failed(1002), End::Failed(1009))),
            // tungstenite looks at text when its frame is whole.
            Self::BadTextInUnfinishedFrame => Some((End::Failed(1007), End::Open)),
            // Registered by IANA since the RFC ("bad gateway"); tungstenite does not know it yet.
            Self::CloseCode1014 => Some((End::Closed(Some(1014)), End::Failed(1002))),
            // tungstenite looks at a header when it is whole.
            Self::BadStartOfHeader => Some((End::Failed(1002), End::Open)),
            _ => None,
        }
    }
}

#[test]
fn tungstenite_sees_the_same() {
    let mut legal = 0;
    let mut planted = [0; FAULTS.len()];
    let mut events = 0;
    for seed in 0..STREAMS {
        let mut random = Random(seed);
        let role = random.pick(&[Role::Server, Role::Client]);
        let fault = random.chance(70).then(|| random.below(FAULTS.len()));
        let stream = stream(&mut random, role, fault.map(|number| FAULTS[number]));
        let ours = ours(&mut random, role, &stream);
        let theirs = theirs(&mut random, role, stream);
        assert_eq!(ours.0, theirs.0, "seed {seed}: events, {fault:?}");
        events += ours.0.len();
        let Some(number) = fault else {
            legal += 1;
            assert!(!matches!(ours.1, End::Failed(_)), "seed {seed}: {:?}", ours.1);
            assert_eq!(ours.1, theirs.1, "seed {seed}");
            continue;
        };
        planted[number] += 1;
        let fault = FAULTS[number];
        let ends = (ours.1, theirs.1);
        match fault.differs() {
            Some(expected) => assert_eq!(ends, expected, "seed {seed}: {fault:?}"),
            None => {
                assert!(matches!(ours.1, End::Failed(_)), "seed {seed}: {fault:?} passed");
                assert_eq!(ours.1, theirs.1, "seed {seed}: {fault:?}");
            }
        }
    }
    println!(
        "oracle: {STREAMS} streams, {legal} legal, {events} events, each fault {planted:?} times"
    );
    assert!(legal > STREAMS / 5 && events > 3 * STREAMS as usize, "{legal}, {events}");
    assert!(planted.iter().all(|count| *count > 100), "{planted:?}");
}

fn ours(random: &mut Random, role: Role, stream: &[u8]) -> (Vec<Seen>, End) {
    let limits =
        Limits { max_payload: MAX_PAYLOAD, control_frames_per_second: 1000, ..Limits::default() };
    let mut assembler = Assembler::new(role, &limits);
    let now = start();
    let mut stream = stream.to_vec();
    let mut rest = stream.as_mut_slice();
    let mut seen = Vec::new();
    let mut end = End::Open;
    while !rest.is_empty() {
        let len = read_len(random).min(rest.len());
        let mut input = rest.split_off_mut(..len).unwrap();
        loop {
            match assembler.read(&mut input, now) {
                Ok(None) => break,
                Ok(Some(Event::Message(Message::Text(text)))) => seen.push(Seen::Text(text.into())),
                Ok(Some(Event::Message(Message::Binary(b)))) => seen.push(Seen::Binary(b.into())),
                Ok(Some(Event::Ping(payload))) => seen.push(Seen::Ping(payload.into())),
                Ok(Some(Event::Pong)) => seen.push(Seen::Pong),
                Ok(Some(Event::Close(frame))) => end = End::Closed(frame.code.map(CloseCode::get)),
                Err(violation) => end = End::Failed(violation.close_code().get()),
            }
        }
    }
    (seen, end)
}

fn theirs(random: &mut Random, role: Role, stream: Vec<u8>) -> (Vec<Seen>, End) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_PAYLOAD))
        .max_frame_size(Some(MAX_PAYLOAD));
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let wire = Wire { bytes: stream, read: 0, random: Random(random.next()) };
    let mut socket = WebSocket::from_raw_socket(wire, role, Some(config));
    let mut seen = Vec::new();
    loop {
        use tungstenite::Message as Their;
        match socket.read() {
            Ok(Their::Text(text)) => seen.push(Seen::Text(text.to_string())),
            Ok(Their::Binary(bytes)) => seen.push(Seen::Binary(bytes.into())),
            Ok(Their::Ping(payload)) => seen.push(Seen::Ping(payload.into())),
            Ok(Their::Pong(_)) => seen.push(Seen::Pong),
            Ok(Their::Frame(frame)) => panic!("a bare frame: {frame}"),
            Ok(Their::Close(None)) => return (seen, End::Closed(None)),
            // So it answers a code that must not be sent.
            Ok(Their::Close(Some(frame))) if frame.reason.as_str() == "Protocol violation" => {
                return (seen, End::Failed(1002));
            }
            Ok(Their::Close(Some(frame))) => {
                return (seen, End::Closed(Some(frame.code.into())));
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (seen, End::Open);
            }
            // The library leaves the code to its caller.
            Err(Error::Protocol(_)) => return (seen, End::Failed(1002)),
            Err(Error::Utf8(_)) => return (seen, End::Failed(1007)),
            Err(Error::Capacity(_)) => return (seen, End::Failed(1009)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A few bytes, or many.
fn read_len(random: &mut Random) -> usize {
    if random.chance(50) { 1 + random.below(9) } else { 1 + random.below(2_000) }
}

/// The stream as a socket without an end.
struct Wire {
    bytes: Vec<u8>,
    read: usize,
    random: Random,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.read..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = read_len(&mut self.random).min(rest.len()).min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
