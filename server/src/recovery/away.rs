//! What becomes of sessions whose clients are away.

use std::sync::{Arc, Weak};

use crier_protocol::{Namespace as Name, Pid, Room};

use super::{Above, AwayOrder, Recoveries, Sessions, shared::Full};
use crate::io::IoInner;

impl Recoveries {
    /// Lets go of the sessions of an owner: none of them is taken up again, here or elsewhere.
    pub(crate) fn forget_owner(&self, owner: &str) {
        self.sessions.forget_owner(owner);
        self.order(AwayOrder {
            namespace: None,
            owner: Some(owner.to_owned()),
            in_any: Vec::new(),
            leave: None,
        });
    }

    /// Makes sessions whose clients are away leave rooms: those of an owner, and in any of the rooms
    /// `in_any`.
    pub(crate) fn leave_away(
        &self,
        namespace: &Name,
        owner: Option<&str>,
        in_any: &[Room],
        rooms: &[Room],
    ) {
        let done = self.order(AwayOrder {
            namespace: Some(namespace.clone()),
            owner: owner.map(str::to_owned),
            in_any: in_any.to_vec(),
            leave: Some(rooms.to_vec()),
        });
        if done {
            return;
        }
        for session in self.sessions.away(namespace, owner, in_any) {
            let (head, gone) = self.log.ends();
            for room in rooms {
                session.left(room.as_str(), head, gone);
            }
        }
    }

    /// Ends sessions whose clients are away, chosen likewise.
    pub(crate) fn end_away(&self, namespace: &Name, owner: Option<&str>, in_any: &[Room]) {
        let done = self.order(AwayOrder {
            namespace: Some(namespace.clone()),
            owner: owner.map(str::to_owned),
            in_any: in_any.to_vec(),
            leave: None,
        });
        if done {
            return;
        }
        for session in self.sessions.away(namespace, owner, in_any) {
            self.sessions.end_away(&session);
        }
    }

    /// Puts an order into the log that several share; it is done when it comes back from there. False
    /// where there is no such log, or it takes no more.
    fn order(&self, order: AwayOrder) -> bool {
        let Some(outside) = self.outside() else { return false };
        let sent = outside.log.order(&order);
        if let Err(Full) = sent {
            tracing::error!(
                "an order to sessions whose clients are away is done on this replica alone"
            );
        }
        sent.is_ok()
    }
}

/// What the shared log tells the sessions of this replica.
pub(crate) struct Upcalls {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) io: Weak<IoInner>,
}

impl Above for Upcalls {
    fn kicked(&self, pid: &Pid, generation: u64) {
        self.sessions.overtaken(pid, generation);
    }

    fn renewed(&self) {
        // What is written of them has the numbers of the former epoch.
        self.sessions.save_all();
    }

    fn holed(&self) {
        self.sessions.forget_all();
        if let Some(io) = self.io.upgrade() {
            io.close_transports();
        }
    }

    fn ordered(&self, at: u64, order: &AwayOrder) {
        match (&order.namespace, &order.owner) {
            (Some(namespace), owner) => {
                for session in self.sessions.away(namespace, owner.as_deref(), &[]) {
                    if !order.apply(at, &session) {
                        self.sessions.end_away(&session);
                    }
                }
            }
            (None, Some(owner)) => self.sessions.forget_owner_before(owner, at),
            (None, None) => {}
        }
    }
}
