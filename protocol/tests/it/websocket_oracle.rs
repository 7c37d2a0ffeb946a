//! The assembler against tungstenite: the same streams of frames, legal and with planted faults,
//! must bring the same events and the same end. Where they differ on purpose, [`Fault::differs`]
//! says how and why, and the test sees that it is so.

use std::io::{self, Read, Write};

use crier_protocol::{
    Limits, Message,
    websocket::{Assembler, CloseCode, Event, Role},
};
use tungstenite::{
    Error,
    protocol::{Role as TheirRole, WebSocket, WebSocketConfig},
};

use crate::websocket_wire::{
    BINARY, CLOSE, CONTINUATION, Frame, Length, PING, PONG, Random, TEXT, close_payload, start,
};

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
            assert!(
                !matches!(ours.1, End::Failed(_)),
                "seed {seed}: {:?}",
                ours.1
            );
            assert_eq!(ours.1, theirs.1, "seed {seed}");
            continue;
        };
        planted[number] += 1;
        let fault = FAULTS[number];
        let ends = (ours.1, theirs.1);
        match fault.differs() {
            Some(expected) => assert_eq!(ends, expected, "seed {seed}: {fault:?}"),
            None => {
                assert!(
                    matches!(ours.1, End::Failed(_)),
                    "seed {seed}: {fault:?} passed"
                );
                assert_eq!(ours.1, theirs.1, "seed {seed}: {fault:?}");
            }
        }
    }
    println!(
        "oracle: {STREAMS} streams, {legal} legal, {events} events, each fault {planted:?} times"
    );
    assert!(
        legal > STREAMS / 5 && events > 3 * STREAMS as usize,
        "{legal}, {events}"
    );
    assert!(planted.iter().all(|count| *count > 100), "{planted:?}");
}

/// A stream of legal frames, with the fault somewhere.
fn stream(random: &mut Random, role: Role, fault: Option<Fault>) -> Vec<u8> {
    let mut writer = Writer {
        role,
        bytes: Vec::new(),
        message: None,
    };
    for _ in 0..random.below(12) {
        writer.legal(random);
    }
    match fault {
        Some(fault) => writer.plant(fault, random),
        None if random.chance(30) => {
            let code = random.pick(&[1000, 1001, 1003, 1007, 1011, 1012, 1013, 3000, 4999]);
            let payload = match random.below(3) {
                0 => vec![],
                1 => close_payload(code, b""),
                _ => close_payload(code, text(random, 60).as_bytes()),
            };
            writer.write(random, &Frame::new(CLOSE, payload));
        }
        // Cut short anywhere: nothing wrong so far.
        None if random.chance(30) => {
            let len = random.below(writer.bytes.len() + 1);
            writer.bytes.truncate(len);
        }
        None => {}
    }
    writer.bytes
}

struct Writer {
    role: Role,
    bytes: Vec<u8>,
    /// What is still to be sent of the message under way.
    message: Option<Vec<u8>>,
}

impl Writer {
    fn write(&mut self, random: &mut Random, frame: &Frame) {
        self.bytes
            .extend(frame.encode(self.role, random.key()).concat());
    }

    /// One legal frame.
    fn legal(&mut self, random: &mut Random) {
        if random.chance(25) {
            let len = random.pick(&[0, 1, 8, 125]);
            let frame = Frame::new(random.pick(&[PING, PONG]), random.bytes(len));
            return self.write(random, &frame);
        }
        let (opcode, mut content) = match self.message.take() {
            Some(rest) => (CONTINUATION, rest),
            None if random.chance(50) => (TEXT, text(random, MAX_PAYLOAD).into_bytes()),
            None => {
                let len = random.pick(&[0, 1, 7, 8, 125, 126, 127, 128, MAX_PAYLOAD]);
                (BINARY, random.bytes(len))
            }
        };
        if random.chance(40) {
            // Anywhere, also inside a character.
            let rest = content.split_off(random.below(content.len() + 1));
            self.message = Some(rest);
            self.write(random, &Frame::new(opcode, content).more());
        } else {
            self.write(random, &Frame::new(opcode, content));
        }
    }

    /// The legal opcode of a data frame now.
    fn turn(&self, begin: u8) -> u8 {
        if self.message.is_some() {
            CONTINUATION
        } else {
            begin
        }
    }

    /// Ends the message under way, so that a text can begin.
    fn finish(&mut self, random: &mut Random) {
        if let Some(rest) = self.message.take() {
            self.write(random, &Frame::new(CONTINUATION, rest));
        }
    }

    fn plant(&mut self, fault: Fault, random: &mut Random) {
        let frame = match fault {
            Fault::ReservedBits => {
                let bits = 1 + random.below(7) as u8;
                Frame::new(random.pick(&[self.turn(TEXT), PING, CLOSE]), "").rsv(bits)
            }
            Fault::ReservedOpcode => {
                let opcode = random.pick(&[3, 4, 5, 6, 7, 11, 12, 13, 14, 15]);
                Frame::new(opcode, "x")
            }
            Fault::WrongMask => Frame {
                wrong_mask: true,
                ..Frame::new(random.pick(&[self.turn(BINARY), PING]), "x")
            },
            Fault::FragmentedControl => Frame::new(random.pick(&[CLOSE, PING, PONG]), "").more(),
            Fault::LongControl => {
                let payload = random.bytes(126);
                Frame::new(random.pick(&[PING, PONG]), payload)
            }
            Fault::OutOfTurn => {
                let opcode = match self.message {
                    Some(_) => random.pick(&[TEXT, BINARY]),
                    None => CONTINUATION,
                };
                Frame::new(opcode, "x")
            }
            Fault::LongLength => {
                self.finish(random);
                let length = random.pick(&[Length::Two, Length::Eight]);
                let payload = random.bytes(50);
                // Not final, so that no event comes of it, where it is let through.
                Frame {
                    length,
                    ..Frame::new(BINARY, payload).more()
                }
            }
            Fault::NegativeLength => {
                let length = Length::False(1 << 63 | random.next());
                Frame {
                    length,
                    ..Frame::new(self.turn(BINARY), "x")
                }
            }
            Fault::TooLarge => {
                self.finish(random);
                if random.chance(50) {
                    let part = Frame::new(BINARY, random.bytes(200)).more();
                    self.write(random, &part);
                    Frame::new(CONTINUATION, random.bytes(MAX_PAYLOAD - 199))
                } else {
                    Frame::new(BINARY, random.bytes(MAX_PAYLOAD + 1))
                }
            }
            Fault::BadText | Fault::BadTextInUnfinishedFrame => {
                self.finish(random);
                let bad = random.pick(&[
                    &b"\xff"[..],
                    b"\xc0\x80",
                    b"\xed\xa0\x80",
                    b"\xf4\x90\x80\x80",
                ]);
                let payload = [text(random, 60).as_bytes(), bad, b"!"].concat();
                if fault == Fault::BadText && random.chance(50) {
                    let (head, tail) = payload.split_at(random.below(payload.len()));
                    self.write(random, &Frame::new(TEXT, head).more());
                    Frame::new(CONTINUATION, tail)
                } else {
                    Frame::new(TEXT, payload)
                }
            }
            Fault::CloseTooShort => Frame::new(CLOSE, "x"),
            Fault::CloseCode => {
                let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
                Frame::new(CLOSE, close_payload(random.pick(&codes), b"bye"))
            }
            Fault::CloseCode1014 => Frame::new(CLOSE, close_payload(1014, b"")),
            Fault::CloseReason => Frame::new(CLOSE, close_payload(1000, b"\xff")),
            Fault::BadStartOfHeader => Frame::new(3, ""),
        };
        self.write(random, &frame);
        match fault {
            Fault::BadTextInUnfinishedFrame => self.bytes.truncate(self.bytes.len() - 1),
            // Only its first byte is sent.
            Fault::BadStartOfHeader => {
                let masked = self.role == Role::Server;
                self.bytes
                    .truncate(self.bytes.len() - if masked { 5 } else { 1 });
            }
            Fault::LongLength => {}
            // What comes after a fault must not count.
            _ => {
                for _ in 0..random.below(4) {
                    self.legal(random);
                }
            }
        }
    }
}

/// Text of at most `max` bytes, with characters of one to four bytes.
fn text(random: &mut Random, max: usize) -> String {
    let len = random.below(max);
    let mut text = String::new();
    while text.len() + 4 <= len {
        text.push(random.pick(&['a', '"', '\0', 'é', 'ß', '€', '漢', '😀', '\u{10ffff}']));
    }
    text
}

fn ours(random: &mut Random, role: Role, stream: &[u8]) -> (Vec<Seen>, End) {
    let limits = Limits {
        max_payload: MAX_PAYLOAD,
        control_frames_per_second: 1000,
        ..Limits::default()
    };
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
    let wire = Wire {
        bytes: stream,
        read: 0,
        random: Random(random.next()),
    };
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
    if random.chance(50) {
        1 + random.below(9)
    } else {
        1 + random.below(2_000)
    }
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
