//! The requests of a session on polling.

use std::{task::Context, time::Instant};

use crier_protocol::{
    CloseReason,
    engine::{self, Input, PollAnswer, PostAnswer},
};

use super::Driver;
use crate::session::PostOutcome;

impl Driver {
    /// Lets the body of an announced POST come, once the handlers have time for what is in it: until
    /// then it waits with the client.
    pub(super) fn let_post_proceed(&mut self) {
        if !self.is_behind()
            && let Some(reply) = self.new_post.take()
        {
            // The request may have gone; its guard says so.
            let _ = reply.send(PostOutcome::Proceed);
        }
    }

    /// A GET whose client went away is the end of the session, as in the reference.
    pub(super) fn poll_held_poll(&mut self, cx: &mut Context<'_>, now: Instant) {
        let gone = self.poll.as_mut().is_some_and(|reply| reply.poll_closed(cx).is_ready());
        if gone {
            self.poll = None;
            self.input(Input::PollAborted, now);
        }
    }

    pub(super) fn answer_poll(&mut self, answer: PollAnswer, now: Instant) {
        let Some(reply) = self.poll.take() else {
            return;
        };
        let max = self.io.options().limits.max_payload;
        let mut body = self.handle.mailbox().drain_polling(max, self.parser());
        if let PollAnswer::Body(packets) = answer {
            if !body.is_empty() {
                body.push(engine::SEPARATOR);
            }
            body.extend_from_slice(packets.as_bytes());
        }
        if reply.send(Ok(body)).is_err() {
            // The client went away just now, and with it what it was to get: the session ends as for
            // any GET that is given up, so that the client does not go on with a hole.
            self.engine.handle(Input::Close(CloseReason::TransportError), now);
        }
    }

    pub(super) fn answer_post(&mut self, answer: PostAnswer) {
        if let Some(reply) = self.post.take() {
            let _ = reply.send(PostOutcome::Answer(answer));
        }
        self.post_head = None;
    }
}
