//! Streams of frames: legal ones, and one fault, if one is wanted.

use crier_protocol::websocket::Role;

use super::{Fault, MAX_PAYLOAD};
use crate::websocket_wire::{
    BINARY, CLOSE, CONTINUATION, Frame, Length, PING, PONG, Random, TEXT, close_payload,
};

/// A stream of legal frames, with the fault somewhere.
pub(super) fn stream(random: &mut Random, role: Role, fault: Option<Fault>) -> Vec<u8> {
    let mut writer = Writer { role, bytes: Vec::new(), message: None };
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
        self.bytes.extend(frame.encode(self.role, random.key()).concat());
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
        if self.message.is_some() { CONTINUATION } else { begin }
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
                Frame { length, ..Frame::new(BINARY, payload).more() }
            }
            Fault::NegativeLength => {
                let length = Length::False(1 << 63 | random.next());
                Frame { length, ..Frame::new(self.turn(BINARY), "x") }
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
                let bad =
                    random.pick(&[&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]);
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
                self.bytes.truncate(self.bytes.len() - if masked { 5 } else { 1 });
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
