//! The peer under test: echoes messages, answers pings and closes, closes what breaks a rule.

use std::time::Instant;

use crier_protocol::{
    Limits, Message,
    websocket::{Assembler, Event, Opcode, Role, append_close, append_frame, append_masked_frame},
};

use crate::websocket_wire::decode;

pub(super) struct Echo {
    role: Role,
    assembler: Assembler,
    out: Vec<u8>,
    /// A close was answered, or the connection failed.
    pub(super) ended: bool,
    /// The connection failed.
    pub(super) failed: bool,
}

impl Echo {
    pub(super) fn new(role: Role) -> Self {
        // Section 9 sends up to 16 MiB, and 4 MiB in frames of 64 bytes.
        let limits = Limits { max_payload: 16 << 20, fragments_max: 1 << 16, ..Limits::default() };
        Self {
            role,
            assembler: Assembler::new(role, &limits),
            out: Vec::new(),
            ended: false,
            failed: false,
        }
    }

    pub(super) fn receive(&mut self, mut bytes: Vec<u8>, now: Instant) {
        let mut input = bytes.as_mut_slice();
        loop {
            match self.assembler.read(&mut input, now) {
                Ok(None) => break,
                Ok(Some(event)) => self.on_event(event),
                Err(violation) => {
                    assert!(!self.ended, "{violation} after the end");
                    self.ended = true;
                    self.failed = true;
                    let mut close = Vec::new();
                    append_close(&mut close, Some(violation.close_code()), &violation.to_string());
                    self.send(Opcode::Close, &close[2..]);
                }
            }
        }
        assert!(input.is_empty(), "input was left");
    }

    fn on_event(&mut self, event: Event) {
        assert!(!self.ended, "{event:?} after the end");
        match event {
            Event::Message(Message::Text(text)) => self.send(Opcode::Text, text.as_bytes()),
            Event::Message(Message::Binary(bytes)) => self.send(Opcode::Binary, &bytes),
            Event::Ping(payload) => self.send(Opcode::Pong, &payload),
            Event::Pong => {}
            Event::Close(frame) => {
                self.ended = true;
                let mut close = Vec::new();
                append_close(&mut close, frame.code, "");
                self.send(Opcode::Close, &close[2..]);
            }
        }
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        match self.role {
            Role::Server => append_frame(&mut self.out, opcode, payload),
            Role::Client => append_masked_frame(&mut self.out, opcode, payload, [1, 0x82, 3, 0xf4]),
        }
    }

    /// What was sent so far: opcode and payload.
    pub(super) fn replies(&self) -> Vec<(u8, Vec<u8>)> {
        decode(self.role, &self.out)
    }
}
