//! The sockets of each user, in all namespaces: whom a revocation, a new token and an order to a user
//! are about.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crier_domain::UserId;
use dashmap::{DashMap, Entry};
use smallvec::SmallVec;

use super::identity;
use crate::namespace::socket::Socket;

/// The sockets of this process by their users. Cheap to clone; as many as there are sockets.
#[derive(Clone, Default)]
pub struct Roster(Arc<Inner>);

#[derive(Default)]
struct Inner {
    sockets: DashMap<UserId, SmallVec<[Socket; 1]>>,
    leavings: AtomicU64,
}

impl Roster {
    /// A socket that has become its user's; an anonymous one is not kept.
    pub fn add(&self, socket: &Socket) {
        let Some(identity) = identity(socket) else { return };
        let mut sockets = self.0.sockets.entry(identity.user.clone()).or_default();
        if !sockets.iter().any(|known| known == socket) {
            sockets.push(socket.clone());
        }
    }

    /// A socket has gone.
    pub fn remove(&self, socket: &Socket) {
        let Some(identity) = identity(socket) else { return };
        if let Entry::Occupied(mut sockets) = self.0.sockets.entry(identity.user.clone()) {
            sockets.get_mut().retain(|known| known != socket);
            if sockets.get().is_empty() {
                sockets.remove();
            }
        }
    }

    /// Sockets are ordered out of rooms: to be said before they are looked for.
    pub(crate) fn note_leaving(&self) {
        self.0.leavings.fetch_add(1, Ordering::AcqRel);
    }

    /// How often sockets were ordered out of rooms: a grant was withdrawn, somebody was taken out of a
    /// chat. Whoever enters a room looks before it asks whether it may, and once it can be found there;
    /// where the number has changed in between, it asks again.
    pub fn leavings(&self) -> u64 {
        self.0.leavings.load(Ordering::Acquire)
    }

    /// The sockets of a user.
    pub fn of(&self, user: &UserId) -> Vec<Socket> {
        self.0.sockets.get(user).map(|sockets| sockets.to_vec()).unwrap_or_default()
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roster").field(&self.0.sockets.len()).finish()
    }
}
