//! What goes into a [`Connection`](super::Connection) and what comes out.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Packet;
use crate::{CloseReason, Message};

/// What happened to a session.
///
/// A GET begins with `PollOpened` and ends with its answer or `PollAborted`. A POST begins with
/// `PostOpened` and ends with one of the other four. A websocket that brings the sid of a polling
/// session begins with `ProbeOpened`. What arrives where it makes no sense (a `Frame` of a polling
/// session, a `PostBody` after the session ended) is ignored.
#[derive(Debug)]
pub enum Input {
    /// A GET arrived.
    PollOpened {
        /// Whether something waits in the outbox, so that the GET can be answered at once.
        ready: bool,
    },
    /// The client of the held GET went away. Only for a GET that has no answer yet.
    PollAborted,
    /// A POST arrived; its body is still to come. If [`Output::RefusePost`] answers it, it is over:
    /// nothing else is said about it.
    PostOpened,
    /// The whole body, at most [`Limits::max_payload`](crate::Limits::max_payload) bytes.
    PostBody(Bytes),
    /// The client went away before the end of the body.
    PostAborted,
    /// The body is larger than [`Limits::max_payload`](crate::Limits::max_payload); said at the byte
    /// that crosses the line. The session lives.
    PostRefused,
    /// The POST is declared as `application/octet-stream`, which revision 4 does not know. The session
    /// ends.
    PostIllegal,
    /// The outbox, empty before, has something in it now. Said even where no GET is held, but not late:
    /// if a GET took it meanwhile, the next one would be answered with nothing.
    OutboxReady,
    /// A websocket with the session's sid got its 101. If [`Output::RefuseProbe`] answers, nothing else
    /// is said about it.
    ProbeOpened,
    /// A message from the probing websocket.
    ProbeMessage(Message),
    /// The probing websocket is gone. Not said after [`Output::CloseProbe`].
    ProbeClosed,
    /// A message from the websocket that is the transport.
    Frame(Message),
    /// The websocket that is the transport was closed by its peer.
    TransportClosed,
    /// The websocket that is the transport failed, or broke the rules of RFC 6455 or its limits; its
    /// own close frame has been dealt with.
    TransportFailed,
    /// The server ends the session. Feed [`Input::OutboxReady`] first if the outbox has something for a
    /// held GET; what the outbox has otherwise goes out with the close.
    Close(CloseReason),
    /// A deadline of [`Connection::poll_timeout`](super::Connection::poll_timeout) has come.
    Timeout,
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A message for the Socket.IO layer. Over polling it is a slice of the POST's body: copy what is
    /// kept (see [`Records`](super::Records)).
    Message(Message),
    /// Put the packet into the session's outbox, the one ordered queue to the client.
    Send(Packet),
    /// Answer the held GET, 200.
    AnswerPoll(PollAnswer),
    /// Answer the GET that has just been announced: 400, without a body.
    RefusePoll,
    /// Answer the POST that is open.
    AnswerPost(PostAnswer),
    /// Answer the POST that has just been announced: 400, without a body.
    RefusePost,
    /// Send the packet on the probing websocket.
    SendProbe(Packet),
    /// Close the probing websocket, without a status code. The session stays as it was.
    CloseProbe,
    /// Close the websocket that has just been announced, without a status code. Neither the transport
    /// nor a websocket that is already probing is meant.
    RefuseProbe,
    /// The probing websocket is the transport from now: its messages are `Frame`s, and what is in the
    /// outbox goes out there.
    Upgraded,
    /// Send what is in the outbox, then close the websocket that is the transport, without a status
    /// code.
    CloseTransport,
    /// The session has ended: exactly once, and nothing follows. Requests that come later are for the
    /// caller to answer (400, code 1).
    Closed(CloseReason),
}

/// How a held GET ends: 200, `text/plain; charset=UTF-8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// With what the outbox has, at least one packet and at most
    /// [`Limits::max_payload`](crate::Limits::max_payload) bytes; the rest waits for the next GET.
    Drain,
    /// With these packets.
    Body(&'static str),
}

/// How an open POST ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostAnswer {
    /// 200 with `ok`.
    Ok,
    /// This status, without a body.
    Status(u16),
    /// No answer: the session ended while the body was on its way. Its connection is cut.
    Cut,
}

/// Outputs on their way to the caller.
///
/// Most inputs have one output, and it stays in place. The queue exists only while there are more,
/// so that an idle connection holds no memory for it.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    first: Option<Output>,
    #[expect(clippy::box_collection, reason = "eight bytes while idle, not thirty-two")]
    more: Option<Box<VecDeque<Output>>>,
}

impl Outputs {
    pub(super) fn push(&mut self, output: Output) {
        if self.first.is_none() {
            self.first = Some(output);
        } else {
            self.more.get_or_insert_default().push_back(output);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        let output = self.first.take()?;
        if let Some(more) = &mut self.more {
            self.first = more.pop_front();
            if more.is_empty() {
                self.more = None;
            }
        }
        Some(output)
    }
}
