//! The sockets of each user, in all namespaces: whom a revocation, a new token and an order to a user
//! are about.

use std::{fmt, sync::Arc};

use crier_domain::UserId;
use dashmap::{DashMap, Entry};
use smallvec::SmallVec;

use super::identity;
use crate::namespace::socket::Socket;

/// The sockets of this process by their users. Cheap to clone; as many as there are sockets.
#[derive(Clone, Default)]
pub struct Roster(Arc<DashMap<UserId, SmallVec<[Socket; 1]>>>);

impl Roster {
    /// A socket that has become its user's; an anonymous one is not kept.
    pub fn add(&self, socket: &Socket) {
        let Some(identity) = identity(socket) else { return };
        let mut sockets = self.0.entry(identity.user.clone()).or_default();
        if !sockets.iter().any(|known| known.is(socket)) {
            sockets.push(socket.clone());
        }
    }

    /// A socket has gone.
    pub fn remove(&self, socket: &Socket) {
        let Some(identity) = identity(socket) else { return };
        if let Entry::Occupied(mut sockets) = self.0.entry(identity.user.clone()) {
            sockets.get_mut().retain(|known| !known.is(socket));
            if sockets.get().is_empty() {
                sockets.remove();
            }
        }
    }

    /// The sockets of a user.
    pub fn of(&self, user: &UserId) -> Vec<Socket> {
        self.0.get(user).map(|sockets| sockets.to_vec()).unwrap_or_default()
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roster").field(&self.0.len()).finish()
    }
}
