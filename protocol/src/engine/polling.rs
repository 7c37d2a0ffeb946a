//! The polling half of a session: one held GET, one open POST.

use std::{mem, time::Instant};

use bytes::Bytes;

use super::{
    Connection, Output, PollAnswer, PostAnswer,
    connection::State,
    payload::{Records, payload},
    upgrade::Upgrade,
};
use crate::CloseReason;

/// The answer to a held GET when the server ends the session: a close packet.
pub(super) const CLOSE: &str = "1";
/// The answer to a held GET that has to end: a noop. Also when the client ends the session by POST.
pub(super) const NOOP: &str = "6";
/// The answer to the GET that comes after the server's close.
const NOOP_AND_CLOSE: &str = "6\u{1e}1";

#[derive(Debug, Default)]
pub(super) struct Polling {
    pub(super) poll_held: bool,
    pub(super) post_open: bool,
    pub(super) upgrade: Option<Box<Upgrade>>,
    pub(super) closing: Option<Closing>,
}

/// The server has ended the session and no GET was there to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    pub(super) until: Instant,
}

#[derive(Debug)]
pub(super) struct Body {
    records: Records,
    received: Instant,
}

impl Connection {
    pub(super) fn on_poll_opened(&mut self, ready: bool, now: Instant) {
        match &mut self.state {
            State::Closed { .. } => {}
            // Its request was let in just before the upgrade ended.
            State::WebSocket => self.push(Output::RefusePoll),
            State::Polling(Polling { poll_held: true, .. }) => {
                self.push(Output::RefusePoll);
                self.close(CloseReason::TransportError, CLOSE);
            }
            State::Polling(polling) => {
                polling.poll_held = true;
                if ready {
                    self.answer_poll(PollAnswer::Drain);
                } else if let Some(closing) = polling.closing {
                    self.close(closing.reason, NOOP_AND_CLOSE);
                } else if let Some(upgrade) = &mut polling.upgrade {
                    upgrade.on_poll_held(now);
                }
            }
        }
    }

    pub(super) fn on_poll_aborted(&mut self) {
        if let Some(polling) = self.polling()
            && mem::take(&mut polling.poll_held)
        {
            self.close(CloseReason::TransportError, CLOSE);
        }
    }

    pub(super) fn on_post_opened(&mut self) {
        match &mut self.state {
            State::Closed { .. } => {}
            State::WebSocket => self.push(Output::RefusePost),
            State::Polling(Polling { post_open: true, .. }) => {
                self.push(Output::RefusePost);
                self.close(CloseReason::TransportError, CLOSE);
            }
            State::Polling(polling) => polling.post_open = true,
        }
    }

    pub(super) fn on_post_body(&mut self, body: Bytes, now: Instant) {
        let Some(polling) = self.polling() else {
            return;
        };
        if !polling.post_open {
            return;
        }
        if polling.closing.is_some() {
            return self.answer_post();
        }
        match payload(body, &self.limits) {
            Ok(records) => {
                let received = now;
                self.body = Some(Box::new(Body { records, received }));
            }
            Err(_) => {
                self.answer_post();
                self.close(CloseReason::ParseError, CLOSE);
            }
        }
    }

    /// Takes one packet out of the POST's body; false if there is no body.
    pub(super) fn read_record(&mut self) -> bool {
        let Some(body) = &mut self.body else {
            return false;
        };
        let received = body.received;
        match body.records.next() {
            Some(Ok(packet)) => self.on_packet(packet, received),
            Some(Err(_)) => self.close(CloseReason::ParseError, CLOSE),
            None => self.drop_body(),
        }
        true
    }

    /// Leaves the rest of a POST's body unread; the POST itself is fine.
    pub(super) fn drop_body(&mut self) {
        if self.body.take().is_some() {
            self.answer_post();
        }
    }

    pub(super) fn answer_post(&mut self) {
        if self.take_post() {
            self.push(Output::AnswerPost(PostAnswer::Ok));
        }
    }

    /// Whether a POST was open; it is not any more.
    pub(super) fn take_post(&mut self) -> bool {
        self.polling().is_some_and(|polling| mem::take(&mut polling.post_open))
    }

    /// Answers the held GET, if one is held.
    pub(super) fn answer_poll(&mut self, answer: PollAnswer) {
        let Some(polling) = self.polling() else {
            return;
        };
        if mem::take(&mut polling.poll_held) {
            if let Some(upgrade) = &mut polling.upgrade {
                upgrade.on_poll_answered();
            }
            self.push(Output::AnswerPoll(answer));
        }
    }
}
