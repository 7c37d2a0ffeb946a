//! The rooms that users share with others, as they are: a socket is in them or not, whoever put it there
//! or took it out.
//!
//! What is told of a user's rooms:
//!
//! ```text
//!   Handlers::on_room ─▶ note ─▶ (a user who is announced, a room that has not heard) ─▶ next_untold
//!   change of presence ─▶ announced ─▶ every room of the user
//! ```
//!
//! A room in which the last socket of a user has ended stays until the user is gone too: it has heard that
//! the user is there. One that a user's sockets have left is forgotten.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use crier_domain::{UserId, cluster::Status};
use crier_protocol::Room;
use dashmap::DashMap;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::{lock, namespace::socket::Socket};

/// Rooms remembered a user, as many as one socket may be in. Overflow: who is in a further one does not
/// hear of the user.
const ROOMS_MAX: usize = 256;

/// The rooms of all users who are there: one entry for each.
#[derive(Default)]
pub(super) struct Shared {
    users: DashMap<UserId, User<Socket>>,
    /// Announced users with rooms that have not heard of them.
    untold: Mutex<HashSet<UserId>>,
    changed: Notify,
}

/// One user; `S` is a socket.
struct User<S> {
    /// Whether it was announced that the user is there.
    is_announced: bool,
    rooms: HashMap<Room, Members<S>>,
}

/// The sockets of one user in one room.
struct Members<S> {
    sockets: SmallVec<[S; 1]>,
    /// Whether those in there have heard that the user is there.
    is_told: bool,
}

/// Rooms that are to hear of a user, and those that have already.
pub(super) struct Untold {
    pub(super) user: UserId,
    pub(super) rooms: Vec<Room>,
    pub(super) told: Vec<Room>,
}

impl Shared {
    /// A user's socket has entered a room or left it, or has gone. `is_online`: whether the user is there.
    /// Whether the user's rooms are others now.
    pub(super) fn note(
        &self,
        user: &UserId,
        socket: &Socket,
        room: &Room,
        is_online: bool,
    ) -> bool {
        let mut known = self.users.entry(user.clone()).or_default();
        // Looked at under the entry: of two calls at once the later one sees how it is.
        let (is_here, is_in) = (socket.is_connected(), socket.is_in(room.as_str()));
        let before = known.rooms.len();
        let is_untold = if is_here && is_in {
            known.enter(socket, room) && known.is_announced
        } else {
            known.leave(socket, room, !is_here && is_online);
            false
        };
        let is_change = known.rooms.len() != before;
        drop(known);
        self.users.remove_if(user, |_, known| known.is_nobody());
        if is_untold {
            lock(&self.untold).insert(user.clone());
            self.changed.notify_one();
        }
        is_change
    }

    /// The rooms of a user.
    pub(super) fn rooms_of(&self, user: &UserId) -> Vec<Room> {
        let rooms = self.users.get(user).map(|known| known.rooms.keys().cloned().collect());
        rooms.unwrap_or_default()
    }

    /// Lets go of a user without sockets here, of whom another part remembers the rooms.
    pub(super) fn forget(&self, user: &UserId) {
        let is_nowhere = |members: &Members<Socket>| members.sockets.is_empty();
        self.users.remove_if(user, |_, known| known.rooms.values().all(is_nowhere));
    }

    /// A change of presence is announced: the rooms that hear of it.
    pub(super) fn announced(&self, user: &UserId, status: Status) -> Vec<Room> {
        let rooms = self.users.entry(user.clone()).or_default().announced(status);
        self.users.remove_if(user, |_, known| known.is_nobody());
        rooms
    }

    /// Waits for rooms that an announced user is new in.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next_untold(&self) -> Untold {
        loop {
            let user = {
                let mut users = lock(&self.untold);
                let user = users.iter().next().cloned();
                user.inspect(|user| {
                    users.remove(user);
                })
            };
            match user {
                Some(user) => {
                    if let Some(untold) = self.tell(user) {
                        return untold;
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn tell(&self, user: UserId) -> Option<Untold> {
        let (rooms, told) = self.users.get_mut(&user)?.tell();
        (!rooms.is_empty()).then_some(Untold { user, rooms, told })
    }
}

impl<S: Clone + PartialEq> User<S> {
    /// Whether the room is new.
    fn enter(&mut self, socket: &S, room: &Room) -> bool {
        let is_new = !self.rooms.contains_key(room);
        if is_new && self.rooms.len() >= ROOMS_MAX {
            return false;
        }
        let fresh = || Members { sockets: SmallVec::new(), is_told: false };
        let members = self.rooms.entry(room.clone()).or_insert_with(fresh);
        if !members.sockets.contains(socket) {
            members.sockets.push(socket.clone());
        }
        is_new
    }

    /// `stays`: the room is remembered, though nobody is in there.
    fn leave(&mut self, socket: &S, room: &Room, stays: bool) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.sockets.retain(|known| known != socket);
            if members.sockets.is_empty() && !stays {
                self.rooms.remove(room);
            }
        }
    }

    fn announced(&mut self, status: Status) -> Vec<Room> {
        let rooms = self.rooms.keys().cloned().collect();
        self.is_announced = status == Status::Online;
        if !self.is_announced {
            // But for those that the user has come back to by now.
            self.rooms.retain(|_, members| !members.sockets.is_empty());
        }
        self.rooms.values_mut().for_each(|members| members.is_told = self.is_announced);
        rooms
    }

    /// The rooms that have not heard, and have from now; and those that have.
    fn tell(&mut self) -> (Vec<Room>, Vec<Room>) {
        let (mut rooms, mut told) = (Vec::new(), Vec::new());
        for (room, members) in self.rooms.iter_mut().filter(|_| self.is_announced) {
            let was_told = std::mem::replace(&mut members.is_told, true);
            if was_told { &mut told } else { &mut rooms }.push(room.clone());
        }
        (rooms, told)
    }

    fn is_nobody(&self) -> bool {
        self.rooms.is_empty() && !self.is_announced
    }
}

impl<S> Default for User<S> {
    fn default() -> Self {
        Self { is_announced: false, rooms: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut rooms: Vec<Room>) -> Vec<String> {
        rooms.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        rooms.iter().map(|room| room.as_str().to_owned()).collect()
    }

    #[test]
    fn each_room_hears_once_that_the_user_is_there() {
        let mut user = User::default();
        let (a, b) = (Room::from("a"), Room::from("b"));
        assert!(user.enter(&1, &a) && !user.enter(&2, &a));
        // Of who is not announced, all rooms hear together.
        assert_eq!(user.tell(), (vec![], vec![]));
        assert_eq!(sorted(user.announced(Status::Online)), ["a"]);
        assert!(user.enter(&1, &b));
        assert_eq!(user.tell(), (vec![b.clone()], vec![a.clone()]));
        assert!(user.tell().0.is_empty());
        // Left by one of two, and by the last; and one where the last socket ended.
        user.leave(&1, &a, false);
        assert_eq!(user.rooms.len(), 2);
        user.leave(&2, &a, false);
        user.leave(&1, &b, true);
        assert_eq!(sorted(user.announced(Status::Offline)), ["b"]);
        assert!(user.is_nobody());
    }

    #[test]
    fn a_room_that_the_user_is_in_outlives_being_away() {
        let mut user = User::default();
        let room = Room::from("a");
        user.announced(Status::Online);
        user.enter(&1, &room);
        // The session goes on as another socket before it is announced that the user has gone.
        user.leave(&1, &room, true);
        user.enter(&2, &room);
        assert_eq!(sorted(user.announced(Status::Offline)), ["a"]);
        assert_eq!(sorted(user.announced(Status::Online)), ["a"]);
    }

    #[test]
    fn the_rooms_of_a_user_are_bounded() {
        let mut user = User::default();
        for n in 0..300 {
            let room = Room::from(format!("room-{n}"));
            assert_eq!(user.enter(&1, &room), n < ROOMS_MAX, "{n}");
            assert!(!user.enter(&1, &room));
        }
        user.leave(&1, &Room::from("room-0"), false);
        assert_eq!(user.rooms.len(), ROOMS_MAX - 1);
    }
}
