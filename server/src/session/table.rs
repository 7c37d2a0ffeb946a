//! The sessions of this replica, by their secret ids.

use crier_protocol::Sid;
use dashmap::DashMap;

use super::SessionHandle;

#[derive(Debug, Default)]
pub(crate) struct Table {
    sessions: DashMap<Sid, SessionHandle>,
}

impl Table {
    pub(crate) fn insert(&self, session: SessionHandle) {
        self.sessions.insert(*session.sid(), session);
    }

    pub(crate) fn get(&self, sid: &Sid) -> Option<SessionHandle> {
        self.sessions.get(sid).map(|entry| entry.value().clone())
    }

    pub(crate) fn remove(&self, sid: &Sid) {
        self.sessions.remove(sid);
    }

    /// All sessions at this moment.
    pub(crate) fn all(&self) -> Vec<SessionHandle> {
        self.sessions.iter().map(|entry| entry.value().clone()).collect()
    }
}
