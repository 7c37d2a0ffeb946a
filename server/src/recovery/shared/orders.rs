//! What is ordered of sessions whose clients are away: it lies in the log itself, so that whoever takes
//! such a session up finds it, and does it as of its place in the order.
//!
//! An order is an event under a name that no event may have, for nobody. Every replica keeps those of the
//! log's window; a replica to which a client comes back applies all since the session's beginning. Twice
//! is as once.

use std::{collections::VecDeque, sync::Arc};

use crier_domain::{badge, redis::BusEvent};
use crier_protocol::{Namespace as Name, Room};
use serde::{Deserialize, Serialize};

use crate::recovery::Session;

/// Orders that are remembered. Overflow: the oldest is forgotten, and sessions from before it are not
/// taken up.
const ORDERS_MAX: usize = 10_000;

/// The name of an order in the log: reserved by Socket.IO, so that no client can ever be sent it.
const NAME: &str = "disconnect";

/// Which sessions, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwayOrder {
    /// Only of this namespace.
    pub(crate) namespace: Option<Name>,
    /// Only of this owner.
    pub(crate) owner: Option<String>,
    /// Only in one of these rooms, where there are any.
    pub(crate) in_any: Vec<Room>,
    /// They leave these rooms; `None`: they are over.
    pub(crate) leave: Option<Vec<Room>>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    namespace: Option<String>,
    owner: Option<String>,
    in_any: Vec<String>,
    leave: Option<Vec<String>>,
}

impl AwayOrder {
    pub(super) fn pack(&self, sender: &str) -> BusEvent {
        let names = |rooms: &[Room]| rooms.iter().map(|room| room.as_str().to_owned()).collect();
        let text = Text {
            namespace: self.namespace.as_ref().map(|name| name.as_str().to_owned()),
            owner: self.owner.clone(),
            in_any: names(&self.in_any),
            leave: self.leave.as_deref().map(names),
        };
        BusEvent {
            namespace: Name::MAIN,
            rooms: vec![Room::from("")],
            except: Vec::new(),
            who: badge::Who::default(),
            event: NAME.to_owned(),
            // Strings and lists of them: always JSON.
            args: serde_json::to_string(&[text]).unwrap_or_default().into(),
            attachments: Vec::new(),
            recoverable: true,
            volatile: false,
            key: None,
            sender: sender.to_owned(),
        }
    }

    /// The order that an event is; `None` where it is an event.
    pub(super) fn unpack(event: &BusEvent) -> Option<Self> {
        if event.event != NAME {
            return None;
        }
        let [text]: [Text; 1] = serde_json::from_str(&event.args).ok()?;
        let rooms = |names: Vec<String>| names.into_iter().map(Room::from).collect();
        let namespace = match text.namespace {
            Some(name) => Some(Name::parse(name, usize::MAX)?),
            None => None,
        };
        let (in_any, leave) = (rooms(text.in_any), text.leave.map(rooms));
        Some(Self { namespace, owner: text.owner, in_any, leave })
    }

    /// Does it to a session, as of an event; false where the session is over by it.
    pub(crate) fn apply(&self, at: u64, session: &Arc<Session>) -> bool {
        let is_meant = session.start() < at
            && self.namespace.as_ref().is_none_or(|name| session.namespace == *name)
            && self.owner.as_ref().is_none_or(|owner| session.owner.as_deref() == Some(owner))
            && (self.in_any.is_empty() || session.was_in_any(&self.in_any, at));
        match &self.leave {
            None if is_meant => return false,
            Some(rooms) if is_meant => {
                for room in rooms {
                    session.left_before(room.as_str(), at);
                }
            }
            _ => {}
        }
        true
    }
}

/// The orders of the log's window.
#[derive(Debug, Default)]
pub(super) struct Orders {
    kept: VecDeque<(u64, AwayOrder)>,
    /// Up to here some were forgotten that may matter.
    floor: u64,
}

impl Orders {
    /// Remembers one; those up to `gone` are of events that nobody can ask for any more.
    pub(super) fn keep(&mut self, at: u64, order: AwayOrder, gone: u64) {
        while self.kept.front().is_some_and(|(oldest, _)| *oldest <= gone) {
            self.kept.pop_front();
        }
        if self.kept.len() >= ORDERS_MAX
            && let Some((oldest, _)) = self.kept.pop_front()
        {
            self.floor = oldest;
        }
        self.kept.push_back((at, order));
    }

    /// Does all of them to a session; false where it is over by one.
    pub(super) fn apply(&self, session: &Arc<Session>) -> bool {
        session.start() >= self.floor
            && self.kept.iter().all(|(at, order)| order.apply(*at, session))
    }
}
