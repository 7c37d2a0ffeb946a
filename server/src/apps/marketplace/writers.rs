//! Who is typing where, and until when: one list for all sockets, so that one timer does.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use crier_domain::{RoomName, UserId, event::Id};
use crier_protocol::SocketId;

/// How long somebody is typing after the last word of it (contract, section 4).
pub(super) const LASTS: Duration = Duration::from_secs(10);

/// A socket in a room. Bounded: a socket is in so many rooms at most, and goes with them.
type Place = (SocketId, RoomName);

/// Those who are typing.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// No socket without a room in which it types.
    by_socket: HashMap<SocketId, BTreeMap<RoomName, Writer>>,
    by_time: BTreeSet<(Instant, Place)>,
}

/// Someone who is typing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// The socket that says so.
    pub(super) socket: SocketId,
    /// Where.
    pub(super) room: RoomName,
    /// The chat, as the client wrote it.
    pub(super) chat: Id,
    /// Who.
    pub(super) user: UserId,
    /// Until when.
    until: Instant,
}

impl Writers {
    /// Somebody types, now.
    pub(super) fn start(
        &mut self,
        socket: SocketId,
        room: RoomName,
        chat: Id,
        user: UserId,
        now: Instant,
    ) {
        self.stop(socket, &room);
        let until = now + LASTS;
        self.by_time.insert((until, (socket, room.clone())));
        let writer = Writer { socket, room: room.clone(), chat, user, until };
        self.by_socket.entry(socket).or_default().insert(room, writer);
    }

    /// Somebody has stopped; `None` where nobody was typing there.
    pub(super) fn stop(&mut self, socket: SocketId, room: &RoomName) -> Option<Writer> {
        let rooms = self.by_socket.get_mut(&socket)?;
        let (room, writer) = rooms.remove_entry(room)?;
        if rooms.is_empty() {
            self.by_socket.remove(&socket);
        }
        self.by_time.remove(&(writer.until, (socket, room)));
        Some(writer)
    }

    /// A socket has gone: what it was typing.
    pub(super) fn gone(&mut self, socket: SocketId) -> Vec<Writer> {
        let rooms = self.by_socket.remove(&socket).unwrap_or_default();
        for (room, writer) in &rooms {
            self.by_time.remove(&(writer.until, (socket, room.clone())));
        }
        rooms.into_values().collect()
    }

    /// Those whose time is over.
    pub(super) fn over(&mut self, now: Instant) -> Vec<Writer> {
        let mut over = Vec::new();
        while let Some((until, (socket, room))) = self.by_time.first().cloned()
            && until <= now
        {
            over.extend(self.stop(socket, &room));
        }
        over
    }

    /// When the next one's time is over.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(n: u8) -> SocketId {
        SocketId::from_random([n; 15])
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn start(writers: &mut Writers, n: u8, name: &str, now: Instant) {
        let chat = Id::parse(name).unwrap();
        writers.start(socket(n), room(name), chat, UserId::from(u64::from(n)), now);
    }

    fn who(writers: &[Writer]) -> Vec<(u64, &str)> {
        let of = |writer: &Writer| writer.user.as_str().parse().unwrap();
        writers.iter().map(|writer| (of(writer), writer.room.as_str())).collect()
    }

    #[test]
    fn ten_seconds_after_the_last_word_it_is_over() {
        let (mut writers, now) = (Writers::default(), Instant::now());
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        start(&mut writers, 1, "a", at(0));
        start(&mut writers, 2, "a", at(1));
        start(&mut writers, 1, "a", at(4));
        assert_eq!(writers.next(), Some(at(11)));
        assert_eq!(who(&writers.over(at(10))), []);
        assert_eq!(who(&writers.over(at(11))), [(2, "a")]);
        assert_eq!(writers.next(), Some(at(14)));
        assert_eq!(who(&writers.over(at(20))), [(1, "a")]);
        assert_eq!((writers.next(), who(&writers.over(at(99)))), (None, vec![]));
    }

    #[test]
    fn whoever_stops_or_goes_is_not_over_later() {
        let (mut writers, now) = (Writers::default(), Instant::now());
        for (n, name) in [(1, "a"), (1, "b"), (2, "a"), (2, "b")] {
            start(&mut writers, n, name, now);
        }
        assert!(writers.stop(socket(1), &room("a")).is_some());
        assert!(writers.stop(socket(1), &room("a")).is_none());
        assert_eq!(who(&writers.gone(socket(2))), [(2, "a"), (2, "b")]);
        assert_eq!(who(&writers.gone(socket(2))), []);
        assert_eq!(who(&writers.over(now + LASTS)), [(1, "b")]);
        assert!(writers.by_socket.is_empty() && writers.by_time.is_empty());
    }
}
