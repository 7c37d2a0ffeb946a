//! From which event to which a socket was in its rooms.

use std::collections::{HashMap, VecDeque};

use crier_protocol::Room;
use smallvec::SmallVec;

/// Stays that are over and remembered of one session. Overflow: the oldest is forgotten, and a client
/// that would need it cannot be recovered.
const OVER_MAX: usize = 1_024;

/// The rooms of one session, by the numbers of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Membership {
    places: HashMap<Room, Place>,
    /// Stays that are over, in the order of their ends.
    over: VecDeque<(u64, Room)>,
    /// Up to here something was forgotten.
    floor: u64,
}

#[derive(Clone, Debug, Default)]
struct Place {
    by_backend: bool,
    /// In their order, none of them overlapping.
    stays: SmallVec<[Stay; 1]>,
}

/// In the room for the events after `joined` up to `left`.
#[derive(Clone, Copy, Debug)]
struct Stay {
    joined: u64,
    left: u64,
}

/// Not over.
const OPEN: u64 = u64::MAX;

impl Membership {
    /// Entered a room after event `at`; true where it was not in there. A room that a backend has put it
    /// in stays one of those.
    pub(crate) fn join(&mut self, room: &Room, at: u64, by_backend: bool) -> bool {
        let place = self.places.entry(room.clone()).or_default();
        let is_in = place.is_open();
        place.by_backend = by_backend || is_in && place.by_backend;
        if !is_in {
            place.stays.push(Stay { joined: at, left: OPEN });
        }
        !is_in
    }

    /// Left a room after event `at`. `gone` is the last event that the log has let go of: nobody asks for
    /// what was up to there.
    pub(crate) fn leave(&mut self, room: &str, at: u64, gone: u64) {
        let Some((room, place)) = self.places.get_key_value(room) else { return };
        if !place.is_open() {
            return;
        }
        let room = room.clone();
        let Some(place) = self.places.get_mut(&room) else { return };
        match place.stays.pop() {
            // Entered and left again and again without an event in between costs nothing.
            Some(stay) if stay.joined >= at => {
                if place.stays.is_empty() {
                    self.places.remove(&room);
                }
                return;
            }
            Some(stay) => place.stays.push(Stay { left: at, ..stay }),
            None => return,
        }
        self.over.push_back((at, room));
        while let Some((left, _)) = self.over.front() {
            let needed = *left > gone;
            if needed && self.over.len() <= OVER_MAX {
                break;
            }
            if let Some((left, room)) = self.over.pop_front() {
                self.forget_stay(&room, left);
                if needed {
                    self.floor = self.floor.max(left);
                }
            }
        }
    }

    /// Left a room by an order as of event `at`: an entry after it is not meant.
    /// Whether it was in there until then.
    pub(super) fn leave_before(&mut self, room: &str, at: u64, gone: u64) -> bool {
        let last = self.places.get(room).and_then(|place| place.stays.last());
        let leaves = last.is_some_and(|stay| stay.left == OPEN && stay.joined < at);
        if leaves {
            self.leave(room, at, gone);
        }
        leaves
    }

    /// Whether it is in a room, and whether a backend put it there.
    pub(super) fn is_in(&self, room: &str) -> Option<bool> {
        let place = self.places.get(room).filter(|place| place.is_open());
        place.map(|place| place.by_backend)
    }

    /// Forgets a room and that it was ever in there.
    pub(crate) fn forget(&mut self, room: &str) {
        self.places.remove(room);
        self.over.retain(|(_, left)| left.as_str() != room);
    }

    /// Whether it was in a room when an event went out.
    pub(crate) fn was_in(&self, room: &str, event: u64) -> bool {
        let stay = |stay: &Stay| stay.joined < event && event <= stay.left;
        self.places.get(room).is_some_and(|place| place.stays.iter().any(stay))
    }

    /// The rooms that it is in, with whether a backend put it there.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&Room, bool)> {
        let open = self.places.iter().filter(|(_, place)| place.is_open());
        open.map(|(room, place)| (room, place.by_backend))
    }

    /// Every room that it was in.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.places.keys()
    }

    /// Whether everything after this event is remembered.
    pub(super) fn reaches(&self, after: u64) -> bool {
        after >= self.floor
    }

    /// Whether it was in any of these rooms at an event.
    pub(super) fn was_in_any(&self, rooms: &[Room], event: u64) -> bool {
        rooms.iter().any(|room| self.was_in(room.as_str(), event))
    }

    /// The newest event by which it has changed; 0 where there is none.
    pub(super) fn newest(&self) -> u64 {
        let stays = self.places.values().flat_map(|place| &place.stays);
        let ends = stays.flat_map(|stay| [Some(stay.joined), stay.ended()]);
        ends.flatten().max().unwrap_or(0)
    }

    /// Up to here something was forgotten.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The stays in a room as text, `1:5-9,12-`: whether a backend ordered the last one, and from which
    /// number to which. `number` gives the numbers as they are to be written; a stay that ended before all
    /// of those is left out. `None` where nothing is left.
    pub(super) fn write(&self, room: &str, number: impl Fn(u64) -> Option<u64>) -> Option<String> {
        let place = self.places.get(room)?;
        let mut text = format!("{}:", u8::from(place.by_backend));
        let head = text.len();
        for stay in &place.stays {
            let left = match stay.ended().map(&number) {
                None => String::new(),
                Some(Some(left)) => left.to_string(),
                Some(None) => continue,
            };
            if text.len() > head {
                text.push(',');
            }
            let joined = number(stay.joined).unwrap_or(0);
            text.push_str(&format!("{joined}-{left}"));
        }
        (text.len() > head).then_some(text)
    }

    /// Reads what [`Membership::write`] has written of some rooms; `None` where something else stands there.
    pub(super) fn read<'a>(
        rooms: impl IntoIterator<Item = (&'a str, &'a str)>,
        floor: u64,
        id: impl Fn(u64) -> u64,
    ) -> Option<Self> {
        let mut read = Self { floor, ..Self::default() };
        for (room, text) in rooms {
            let room = Room::from(room);
            let (by_backend, stays) = text.split_once(':')?;
            let mut place = Place { by_backend: by_backend == "1", stays: SmallVec::new() };
            for stay in stays.split(',') {
                let (joined, left) = stay.split_once('-')?;
                let joined = id(joined.parse().ok()?);
                let left = if left.is_empty() { OPEN } else { id(left.parse().ok()?) };
                place.stays.push(Stay { joined, left });
                if left != OPEN {
                    read.over.push_back((left, room.clone()));
                }
            }
            read.places.insert(room, place);
        }
        read.over.make_contiguous().sort_unstable_by_key(|(left, _)| *left);
        Some(read)
    }

    fn forget_stay(&mut self, room: &Room, left: u64) {
        let Some(place) = self.places.get_mut(room) else { return };
        if let Some(at) = place.stays.iter().position(|stay| stay.left == left) {
            place.stays.remove(at);
        }
        if place.stays.is_empty() {
            self.places.remove(room);
        }
    }
}

impl Stay {
    fn ended(&self) -> Option<u64> {
        (self.left != OPEN).then_some(self.left)
    }
}

impl Place {
    fn is_open(&self) -> bool {
        self.stays.last().is_some_and(|stay| stay.left == OPEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(membership: &Membership) -> Vec<(&str, bool)> {
        let mut open: Vec<_> = membership.open().map(|(room, by)| (room.as_str(), by)).collect();
        open.sort_unstable();
        open
    }

    #[test]
    fn a_room_counts_from_its_join_to_its_leave_and_again() {
        let mut membership = Membership::default();
        let (a, b) = (Room::from("a"), Room::from("b"));
        assert!(membership.join(&a, 5, false));
        assert!(!membership.join(&a, 7, false));
        membership.leave("a", 10, 0);
        membership.leave("a", 11, 0);
        assert!(membership.join(&a, 20, false));
        assert!(membership.join(&b, 20, true));
        let events = [5, 6, 10, 11, 20, 21, 1_000];
        let was_in = events.map(|event| membership.was_in("a", event));
        assert_eq!(was_in, [false, true, true, false, false, true, true]);
        assert_eq!(open(&membership), [("a", false), ("b", true)]);
        membership.forget("a");
        assert_eq!(open(&membership), [("b", true)]);
        assert!(!membership.was_in("a", 6));
    }

    #[test]
    fn a_room_that_a_backend_joins_too_is_one_of_a_backend() {
        let mut membership = Membership::default();
        membership.join(&"a".into(), 0, false);
        membership.join(&"a".into(), 1, true);
        membership.join(&"a".into(), 2, false);
        assert_eq!(open(&membership), [("a", true)]);
        // Left and entered by the client itself, it is its own.
        membership.leave("a", 3, 0);
        membership.join(&"a".into(), 4, false);
        assert_eq!(open(&membership), [("a", false)]);
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut membership = Membership::default();
        let (a, b, c) = (Room::from("a"), Room::from("b"), Room::from("c"));
        membership.join(&a, 5, false);
        membership.leave("a", 9, 0);
        membership.join(&a, 12, true);
        membership.join(&b, 7, false);
        membership.leave("b", 8, 0);
        membership.join(&c, 3, false);
        let write = |room: &str, from: u64| membership.write(room, |n| n.checked_sub(from));
        assert_eq!(write("a", 0).as_deref(), Some("1:5-9,12-"));
        // In numbers that begin later, what was over before is nothing, and what lasts has always been.
        assert_eq!(write("a", 10).as_deref(), Some("1:2-"));
        assert_eq!(write("c", 10).as_deref(), Some("0:0-"));
        assert_eq!((write("b", 10), write("none", 0)), (None, None));
        let texts = ["a", "b", "c"].map(|room| (room, write(room, 0).unwrap()));
        let texts = texts.iter().map(|(room, text)| (*room, text.as_str()));
        let read = Membership::read(texts, 2, |n| n + 100).unwrap();
        assert_eq!(open(&read), [("a", true), ("c", false)]);
        assert_eq!((read.newest(), read.floor()), (112, 2));
        for (room, event, was_in) in [
            ("a", 105, false),
            ("a", 109, true),
            ("a", 110, false),
            ("a", 113, true),
            ("b", 108, true),
        ] {
            assert_eq!(read.was_in(room, event), was_in, "{room} {event}");
        }
        assert_eq!(read.over.len(), 2);
        for bad in ["", "1", "1:", "1:a-", "1:5", "1:5-6,"] {
            assert!(Membership::read([("a", bad)], 0, |n| n).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_order_does_not_reach_who_entered_after_it() {
        let mut membership = Membership::default();
        membership.join(&"a".into(), 5, false);
        membership.leave_before("a", 5, 0);
        assert_eq!(open(&membership), [("a", false)]);
        membership.leave_before("a", 6, 0);
        assert!(open(&membership).is_empty() && membership.was_in("a", 6));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_says_so() {
        let mut membership = Membership::default();
        let room = Room::from("a");
        let come_and_go = |membership: &mut Membership, from: u64, gone: u64| {
            for n in 0..5_000 {
                membership.join(&room, from + 2 * n, false);
                membership.leave("a", from + 2 * n + 1, gone.min(from + 2 * n));
            }
        };
        // The log has let go of it as well: nothing is missing.
        come_and_go(&mut membership, 0, u64::MAX);
        assert!(membership.reaches(0));
        assert!(membership.over.len() <= 1);
        come_and_go(&mut membership, 20_000, 0);
        assert_eq!(membership.over.len(), OVER_MAX);
        assert_eq!(membership.places[&room].stays.len(), OVER_MAX);
        assert!(!membership.reaches(20_000) && membership.reaches(30_000));
    }
}
