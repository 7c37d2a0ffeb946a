//! The websockets of a session: the one that is its transport, and the one that wants to be.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use crier_protocol::{
    engine::Input,
    websocket::{CloseCode, CloseFrame, Event, append_close},
};

use super::{Driver, end};
use crate::{
    metrics,
    session::link::{Events, Link, ReadEnd},
};

impl Driver {
    /// Reads the websocket that is the transport; true if there may be more.
    pub(super) fn read_transport(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        // The second read mostly only says that there is nothing more, which without it would take a
        // whole turn to find out.
        self.read_link(cx, now) && (self.is_behind() || self.read_link(cx, now))
    }

    /// Reads once; true if there may be more.
    pub(super) fn read_link(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let Some(link) = &mut self.link else {
            return false;
        };
        let mut events = Events::new();
        let end = link.poll_events(cx, now, &mut events);
        for event in events {
            match event {
                Event::Message(message) => self.input(Input::Frame(message), now),
                Event::Close(close) => self.peer_closes(&close, now),
                Event::Ping(_) | Event::Pong => {}
            }
            if self.ended.is_some() {
                return false;
            }
        }
        match end {
            ReadEnd::More => return true,
            ReadEnd::Pending => {}
            ReadEnd::Eof | ReadEnd::Failed => {
                self.link = None;
                self.input(Input::TransportClosed, now);
            }
            ReadEnd::Violated(violation) => {
                metrics::websocket_violation();
                self.farewell(Some(violation.close_code()));
                self.input(Input::TransportFailed, now);
            }
        }
        false
    }

    /// The peer says goodbye; it gets its own words back.
    pub(super) fn peer_closes(&mut self, close: &CloseFrame, now: Instant) {
        self.farewell(close.code);
        self.input(Input::TransportClosed, now);
    }

    pub(super) fn farewell(&mut self, code: Option<CloseCode>) {
        let mut out = Vec::new();
        append_close(&mut out, code, "");
        if let Some(link) = &mut self.link {
            link.say_farewell(out);
        }
    }

    pub(super) fn read_probe(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(probe) = &mut self.probe else {
            return false;
        };
        let mut events = Events::new();
        let end = probe.poll_events(cx, now, &mut events);
        for event in events {
            match event {
                // After its `5` the rest of what the websocket brought is the session's.
                Event::Message(message) if self.probe.is_some() => {
                    self.input(Input::ProbeMessage(message), now);
                }
                Event::Message(message) => self.input(Input::Frame(message), now),
                Event::Close(_) if self.probe.is_some() => {
                    self.probe = None;
                    self.input(Input::ProbeClosed, now);
                }
                Event::Close(close) => self.peer_closes(&close, now),
                Event::Ping(_) | Event::Pong => {}
            }
        }
        match end {
            ReadEnd::More => return true,
            ReadEnd::Pending => {}
            ReadEnd::Eof | ReadEnd::Failed | ReadEnd::Violated(_) => {
                if self.probe.take().is_some() {
                    self.input(Input::ProbeClosed, now);
                } else if self.link.take().is_some() {
                    self.input(Input::TransportClosed, now);
                }
            }
        }
        false
    }

    /// Closes a websocket that is not, or not yet, the transport; it is not waited for.
    pub(super) fn part_with(&self, link: Option<Box<Link>>) {
        if let Some(mut link) = link {
            let mut out = Vec::new();
            append_close(&mut out, None, "");
            link.say_farewell(out);
            self.io.tasks().spawn(end::part(*link, None));
        }
    }

    pub(super) fn write(&mut self, cx: &mut Context<'_>, now: Instant) {
        let parser = self.parser();
        if self.poll.is_some() && !self.handle.mailbox().is_empty() {
            self.input(Input::OutboxReady, now);
        }
        if let Some(probe) = &mut self.probe {
            // A probe that cannot be written to is found out by its read.
            let _ = probe.poll_flush(cx, None);
        }
        let writable = match &mut self.link {
            Some(link) => {
                let outbox = Some((self.handle.mailbox(), parser, self.base64));
                if let Poll::Ready(Err(_)) = link.poll_flush(cx, outbox) {
                    self.link = None;
                    self.input(Input::TransportClosed, now);
                }
                self.link.as_ref().is_some_and(Link::is_writable)
            }
            None => self.poll.is_some(),
        };
        if writable != self.was_writable {
            self.was_writable = writable;
            self.handle.mailbox().set_writable(writable);
        }
    }
}
