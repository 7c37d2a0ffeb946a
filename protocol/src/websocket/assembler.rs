//! Reads: from bytes, in any pieces, to messages and control frames.

use std::{
    str,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    CloseFrame, Opcode, Role, Violation,
    header::{Header, Rules},
    mask::apply_mask,
    partial::{PartialFrame, PartialMessage, Unfinished},
    rate::Rate,
};
use crate::{Limits, Message};

/// What a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message. It owns its content: nothing of the input lives on in it.
    Message(Message),
    /// To be answered with a pong of the same payload; while that waits to be written, later pings
    /// need no answer of their own (RFC 6455, 5.5.3).
    Ping(Bytes),
    /// A pong, asked for or not. Its payload says nothing that anybody waits for.
    Pong,
    /// Goodbye. To be answered with the same code, unless it is an answer itself. Nothing comes
    /// after it.
    Close(CloseFrame),
}

/// Reads the frames of one connection, strictly by RFC 6455 and within [`Limits`].
///
/// ```text
///               whole frame in the input
///        ┌──────────────────────────────────────┐
///        ▼                                      │ Message · Ping · Pong
///      idle ── part of a frame, no FIN ──▶ unfinished ── deadline ──▶ failed
///        │                                      │
///        └── Close ──▶ closed ◀── Close ────────┘      any Violation ──▶ failed
/// ```
///
/// Closed and failed are the end: what still arrives is dropped. Idle, it is 64 bytes and owns no
/// memory; unfinished, a box and what has arrived of the payload.
#[derive(Debug)]
pub struct Assembler {
    max_payload: usize,
    message_timeout: Duration,
    control_frames: Rate,
    unfinished: Option<Box<Unfinished>>,
    fragments_max: u32,
    role: Role,
    /// A close was read or a rule broken.
    ended: bool,
}

/// Every connection has one.
const _: () = assert!(size_of::<Assembler>() <= 64);

impl Assembler {
    /// An assembler for one end of a fresh connection. It takes `max_payload`, `fragments_max`,
    /// `message_timeout` and `control_frames_per_second` from the limits.
    pub fn new(role: Role, limits: &Limits) -> Self {
        Self {
            max_payload: limits.max_payload,
            message_timeout: limits.message_timeout,
            control_frames: Rate::new(limits.control_frames_per_second),
            unfinished: None,
            fragments_max: u32::try_from(limits.fragments_max).unwrap_or(u32::MAX),
            role,
            ended: false,
        }
    }

    /// Takes from the front of `input`, which it unmasks in place, up to and with the next event.
    ///
    /// `None` says that all input is taken and more is needed. `input` moves on in any case, so the
    /// caller goes on with what is left.
    ///
    /// # Errors
    ///
    /// The first rule that the peer broke. After it, as after a close, every byte is dropped.
    pub fn read(
        &mut self,
        input: &mut &mut [u8],
        now: Instant,
    ) -> Result<Option<Event>, Violation> {
        if !self.ended {
            let read = self.next_event(input, now);
            match read {
                Ok(None) => {}
                Ok(Some(Event::Close(_))) | Err(_) => self.end(),
                // The box goes when the last unfinished thing does.
                Ok(Some(_)) => {
                    self.unfinished.take_if(|unfinished| unfinished.is_empty());
                }
            }
            return read;
        }
        *input = &mut [];
        Ok(None)
    }

    /// When [`Assembler::handle_timeout`] wants to be called: the latest moment for the end of the
    /// message, or the frame, that was begun. `None` while there is none.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.unfinished.as_ref()?.deadline
    }

    /// Tells that time has passed; harmless too early.
    ///
    /// # Errors
    ///
    /// When the deadline is over.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let over = self.poll_timeout().is_some_and(|deadline| now >= deadline);
        if over {
            self.end();
            return Err(Violation::MessageTimeout { timeout: self.message_timeout });
        }
        Ok(())
    }

    /// Bytes of memory held for what is unfinished; none while idle.
    pub fn allocated(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |unfinished| unfinished.allocated())
    }

    fn end(&mut self) {
        self.ended = true;
        self.unfinished = None;
    }

    /// [`Assembler::read`], before the end.
    fn next_event(
        &mut self,
        input: &mut &mut [u8],
        now: Instant,
    ) -> Result<Option<Event>, Violation> {
        // A peer that drips must not win because its bytes keep the caller from the timer.
        self.handle_timeout(now)?;
        if let Some(frame) = self.unfinished.as_mut().and_then(|u| u.frame.take()) {
            let event = self.continue_frame(frame, input)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        while !input.is_empty() {
            let Some(header) = self.take_header(input, now)? else {
                break;
            };
            let event = match input.split_off_mut(..header.len) {
                Some(payload) => {
                    if let Some(mask) = header.mask {
                        apply_mask(payload, mask);
                    }
                    self.whole_frame(&header, payload, now)?
                }
                None => self.begin_frame(header, input, now)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes a header, together with what of it came earlier. `None`: all input is taken.
    fn take_header(
        &mut self,
        input: &mut &mut [u8],
        now: Instant,
    ) -> Result<Option<Header>, Violation> {
        let rules = self.rules();
        let early = self.unfinished.as_mut().map(|unfinished| &mut unfinished.header);
        let early_len = early.as_ref().map_or(0, |header| header.as_slice().len());
        let parsed = match early {
            Some(header) if early_len > 0 => {
                header.fill(input);
                Header::parse(header.as_slice(), &rules)?
            }
            _ => Header::parse(input, &rules)?,
        };
        let Some((header, taken)) = parsed else {
            if early_len == 0 {
                self.unfinished(now).header.fill(input);
            }
            *input = &mut [];
            return Ok(None);
        };
        if early_len > 0 {
            self.unfinished(now).header.clear();
        }
        // A header is parsed from no more than the early bytes and the input.
        let _ = input.split_off_mut(..taken - early_len);
        if matches!(header.opcode, Opcode::Ping | Opcode::Pong) && !self.control_frames.take(now) {
            return Err(Violation::TooManyControlFrames {
                per_second: self.control_frames.per_second(),
            });
        }
        Ok(Some(header))
    }

    /// Judges a frame whose payload is all in the input, unmasked already.
    fn whole_frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Instant,
    ) -> Result<Option<Event>, Violation> {
        // The hot path: a message in one frame is copied once and checked where it lies.
        match header.opcode {
            Opcode::Text if header.fin => {
                let text = str::from_utf8(payload).map_err(|_| Violation::TextNotUtf8)?;
                Ok(Some(Event::Message(Message::Text(text.into()))))
            }
            Opcode::Binary if header.fin => {
                let bytes = Bytes::copy_from_slice(payload);
                Ok(Some(Event::Message(Message::Binary(bytes))))
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                self.begin_data(header, now).push(payload)?;
                self.end_data(header)
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                control_event(header.opcode, payload).map(Some)
            }
        }
    }

    /// Takes the first part of a frame whose payload has not all come.
    fn begin_frame(
        &mut self,
        header: Header,
        input: &mut &mut [u8],
        now: Instant,
    ) -> Result<Option<Event>, Violation> {
        if !header.opcode.is_control() {
            self.begin_data(&header, now);
        }
        self.unfinished(now);
        let frame = PartialFrame { missing: header.len, header, control: Vec::new() };
        self.continue_frame(frame, input)
    }

    /// Takes the next part of a frame, and puts the frame back if there is more to come.
    fn continue_frame(
        &mut self,
        mut frame: PartialFrame,
        input: &mut &mut [u8],
    ) -> Result<Option<Event>, Violation> {
        let taken = frame.missing.min(input.len());
        let piece = input.split_off_mut(..taken).unwrap_or_default();
        if let Some(mask) = &mut frame.header.mask {
            apply_mask(piece, *mask);
            mask.rotate_left(piece.len() % 4);
        }
        frame.missing -= piece.len();
        let control = frame.header.opcode.is_control();
        if control {
            frame.control.extend_from_slice(piece);
        } else if let Some(message) = self.message() {
            message.push(piece)?;
        }
        if frame.missing > 0 {
            if let Some(unfinished) = &mut self.unfinished {
                unfinished.frame = Some(frame);
            }
            return Ok(None);
        }
        if control {
            return control_event(frame.header.opcode, &frame.control).map(Some);
        }
        self.end_data(&frame.header)
    }

    /// Counts a data frame to its message, which it may be the first of.
    fn begin_data(&mut self, header: &Header, now: Instant) -> &mut PartialMessage {
        let message =
            self.unfinished(now).message.get_or_insert_with(|| PartialMessage::new(header.opcode));
        message.size.frames += 1;
        message.size.bytes += header.len;
        message
    }

    /// Ends a data frame, and its message if it is the last.
    fn end_data(&mut self, header: &Header) -> Result<Option<Event>, Violation> {
        if !header.fin {
            return Ok(None);
        }
        let message = self.unfinished.as_mut().and_then(|u| u.message.take());
        let message = message.map(PartialMessage::finish).transpose()?;
        Ok(message.map(Event::Message))
    }

    fn message(&mut self) -> Option<&mut PartialMessage> {
        self.unfinished.as_mut()?.message.as_mut()
    }

    /// The place for what is unfinished; the clock starts with its first use.
    fn unfinished(&mut self, now: Instant) -> &mut Unfinished {
        let deadline = now.checked_add(self.message_timeout);
        self.unfinished.get_or_insert_with(|| Box::new(Unfinished::new(deadline)))
    }

    fn rules(&self) -> Rules {
        let message = self.unfinished.as_ref().and_then(|u| u.message.as_ref());
        Rules {
            role: self.role,
            max_payload: self.max_payload,
            fragments_max: self.fragments_max,
            under_way: message.map(|message| message.size),
        }
    }
}

/// What a whole control frame says.
fn control_event(opcode: Opcode, payload: &[u8]) -> Result<Event, Violation> {
    Ok(match opcode {
        Opcode::Close => Event::Close(CloseFrame::parse(payload)?),
        Opcode::Ping => Event::Ping(Bytes::copy_from_slice(payload)),
        Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => Event::Pong,
    })
}

#[cfg(test)]
pub(super) mod tests;
