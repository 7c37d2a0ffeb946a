//! What of a session is to be written.

use std::sync::{Arc, Weak};

use crier_protocol::Pid;

use super::Keeper;
use crate::recovery::{Membership, Session};

/// Rooms that change between two writes; above, all of the session is written.
const ROOMS_MAX: usize = 64;

/// What sessions need of the log: numbers of events as every replica knows them.
pub(crate) trait Numbers: Send + Sync {
    /// Does something while nobody is let in; see [`Log::in_order`](crate::recovery::Log::in_order).
    fn in_turn(&self, act: &mut dyn FnMut());

    /// The epoch that the numbers are of.
    fn epoch(&self) -> String;

    /// The number of an event; `None` where it is of a former epoch.
    fn number(&self, id: u64) -> Option<u64>;
}

/// What has changed of a session since it was written.
#[derive(Debug)]
pub(crate) struct Unsaved {
    keeper: Weak<Keeper>,
    /// How often it has changed.
    version: u64,
    /// Up to where that is written.
    saved: u64,
    queued: bool,
    all: bool,
    rooms: Vec<String>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Save {
    pub(crate) pid: Pid,
    /// Of the session; where there is a later one, nothing is written.
    pub(crate) generation: u64,
    /// How far it is written by this.
    pub(crate) version: u64,
    pub(crate) what: What,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is over.
    Nothing,
    /// Fields, and those that are taken away.
    Fields {
        /// In the place of everything that was there.
        all: bool,
        /// No socket has it.
        lost: bool,
        set: Vec<(String, String)>,
        clear: Vec<String>,
    },
}

impl Unsaved {
    pub(crate) fn nothing(keeper: &Arc<Keeper>) -> Self {
        let keeper = Arc::downgrade(keeper);
        Self { keeper, version: 0, saved: 0, queued: false, all: false, rooms: Vec::new() }
    }

    /// Something besides the rooms, which is always written.
    pub(crate) fn head(&mut self) {
        self.version += 1;
    }

    pub(crate) fn all(&mut self) {
        self.version += 1;
        self.all = true;
        self.rooms = Vec::new();
    }

    pub(crate) fn room(&mut self, room: &str) {
        self.version += 1;
        if self.all || self.rooms.iter().any(|changed| changed == room) {
            return;
        }
        if self.rooms.len() >= ROOMS_MAX {
            self.all = true;
            self.rooms = Vec::new();
        } else {
            self.rooms.push(room.to_owned());
        }
    }

    /// Puts the session into the keeper's queue, unless it is there or nothing has changed.
    pub(crate) fn queue(&mut self, session: &Arc<Session>) {
        if self.version > self.saved
            && !std::mem::replace(&mut self.queued, true)
            && let Some(keeper) = self.keeper.upgrade()
        {
            keeper.queue(session);
        }
    }

    pub(crate) fn versions(&self) -> (u64, u64) {
        (self.version, self.saved)
    }

    pub(crate) fn done(&mut self, version: u64) {
        self.saved = self.saved.max(version);
    }

    /// What is to be written now.
    pub(crate) fn take(
        &mut self,
        session: &Session,
        (generation, over, lost, greeted): (u64, bool, bool, bool),
        membership: &Membership,
        numbers: &dyn Numbers,
    ) -> Option<Save> {
        self.queued = false;
        if self.version == self.saved {
            return None;
        }
        let (pid, version) = (session.pid, self.version);
        let (all, rooms) = (std::mem::take(&mut self.all), std::mem::take(&mut self.rooms));
        if over {
            return Some(Save { pid, generation, version, what: What::Nothing });
        }
        let number = |id| numbers.number(id);
        let start = number(session.start());
        let mut set = vec![
            ("e".to_owned(), numbers.epoch()),
            ("st".to_owned(), start.unwrap_or(0).to_string()),
            // Begun in a log that is gone: without an offset of this one nobody knows what was missed.
            ("b".to_owned(), u8::from(start.is_none()).to_string()),
            ("w".to_owned(), u8::from(greeted).to_string()),
            ("f".to_owned(), number(membership.floor()).unwrap_or(0).to_string()),
        ];
        let mut clear = Vec::new();
        let rooms = if all {
            set.push(("n".to_owned(), session.namespace.as_str().to_owned()));
            set.push(("o".to_owned(), owner_field(session.owner.as_deref())));
            set.push(("i".to_owned(), session.id.as_str().to_owned()));
            membership.rooms().map(|room| room.as_str().to_owned()).collect()
        } else {
            rooms
        };
        for room in rooms {
            let field = format!("r:{room}");
            match membership.write(&room, number) {
                Some(text) => set.push((field, text)),
                None => clear.push(field),
            }
        }
        Some(Save { pid, generation, version, what: What::Fields { all, lost, set, clear } })
    }
}

/// Nobody is another owner than one without a name.
pub(super) fn owner_field(owner: Option<&str>) -> String {
    owner.map_or_else(|| "-".to_owned(), |owner| format!("={owner}"))
}
