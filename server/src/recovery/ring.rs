//! The events of the last minutes in memory, with an index from rooms to events, so that a replay looks
//! at what its rooms had and not at everything that everybody was sent.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use crier_domain::event::system::NotRecovered;
use crier_protocol::{Namespace as Name, Room};
use tokio::time::Instant;

use super::{Membership, RecoveryOptions};
use crate::{adapter::Target, session::mailbox::Parcel};

/// Kept longer than a session may be away, so that what it needs does not go while it comes back.
const SLACK: Duration = Duration::from_secs(60);

/// What an event costs besides its arguments: names, places for its wire forms, index.
const OVERHEAD: usize = 704;

/// One event on its way, or in the log.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its number; of one that is not kept, the number of the last before it.
    pub(crate) id: u64,
    /// Whether it is kept.
    pub(crate) logged: bool,
    /// Where its receivers are.
    pub(crate) namespace: Name,
    /// Who they are.
    pub(crate) target: Target,
    /// What they get, the offset included
    pub(crate) parcel: Arc<Parcel>,
}

/// What a client missed, oldest first.
pub(crate) type Missed = Vec<Arc<Entry>>;

/// Events by their numbers, without a gap.
#[derive(Debug)]
pub(super) struct Ring {
    keep: Duration,
    entries_max: usize,
    bytes_max: usize,
    entries: VecDeque<(Instant, Arc<Entry>)>,
    bytes: usize,
    /// The number of the newest.
    head: u64,
    by_namespace: HashMap<Name, Postings>,
}

/// Which events a namespace had: numbers, ascending.
#[derive(Debug, Default)]
struct Postings {
    everyone: VecDeque<u64>,
    rooms: HashMap<Room, VecDeque<u64>>,
}

impl Ring {
    pub(super) fn new(options: &RecoveryOptions) -> Self {
        Self {
            keep: options.window + SLACK,
            entries_max: options.entries_max,
            bytes_max: options.bytes_max,
            entries: VecDeque::new(),
            bytes: 0,
            head: 0,
            by_namespace: HashMap::new(),
        }
    }

    /// The number of the newest event; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The number of the newest event that is not kept any more.
    pub(super) fn gone(&self) -> u64 {
        self.head - u64::try_from(self.entries.len()).unwrap_or(u64::MAX).min(self.head)
    }

    /// How many events and bytes are kept.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    /// Lets go of everything; the next number follows this one.
    pub(super) fn restart(&mut self, head: u64) {
        self.entries = VecDeque::new();
        self.by_namespace = HashMap::new();
        self.bytes = 0;
        self.head = head;
    }

    /// Keeps an event, whose number is the next one, as of `now`.
    pub(super) fn push(&mut self, entry: Arc<Entry>, now: Instant) {
        self.head += 1;
        debug_assert_eq!(entry.id, self.head, "numbers have no gap");
        let postings = self.by_namespace.entry(entry.namespace.clone()).or_default();
        if entry.target.rooms.is_empty() {
            postings.everyone.push_back(entry.id);
        }
        for room in &entry.target.rooms {
            let posted = postings.rooms.entry(room.clone()).or_default();
            // A room may be named twice.
            if posted.back() != Some(&entry.id) {
                posted.push_back(entry.id);
            }
        }
        self.bytes += cost(&entry);
        self.entries.push_back((now, entry));
        self.trim(now);
    }

    /// Lets go of what is too old or too much.
    pub(super) fn trim(&mut self, now: Instant) {
        while let Some((at, _)) = self.entries.front() {
            let too_old = now.saturating_duration_since(*at) > self.keep;
            if !too_old && self.entries.len() <= self.entries_max && self.bytes <= self.bytes_max {
                break;
            }
            if let Some((_, entry)) = self.entries.pop_front() {
                self.bytes = self.bytes.saturating_sub(cost(&entry));
                self.forget_posts(&entry);
            }
        }
    }

    /// The events after `after` up to `up_to` that a socket was entitled to: it was in one of their
    /// rooms and in none of the excepted ones when they went out, and `is_meant` lets them pass. Of
    /// those with a key only the newest.
    pub(super) fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        (after, up_to): (u64, u64),
        options: &RecoveryOptions,
        is_meant: impl Fn(&Entry) -> bool,
    ) -> Result<Missed, NotRecovered> {
        if after < self.gone() || after > self.head || !membership.reaches(after) {
            return Err(NotRecovered::LogLost);
        }
        let Some(postings) = self.by_namespace.get(namespace) else { return Ok(Missed::new()) };
        let mut candidates: Vec<u64> = Vec::new();
        let own = postings.rooms.get(own_room);
        let theirs = membership.rooms().filter_map(|room| postings.rooms.get(room));
        for posted in [&postings.everyone].into_iter().chain(own).chain(theirs) {
            let from = posted.partition_point(|id| *id <= after);
            candidates.extend(posted.range(from..).take_while(|id| **id <= up_to));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let was_in =
            |room: &Room, id| room.as_str() == own_room || membership.was_in(room.as_str(), id);
        let (mut missed, mut bytes, mut keys) = (Missed::new(), 0, HashSet::new());
        // The newest first, for of a key that one counts.
        for id in candidates.into_iter().rev() {
            let Some(entry) = self.get(id) else { return Err(NotRecovered::LogLost) };
            let target = &entry.target;
            let entitled = (target.rooms.is_empty() || target.rooms.iter().any(|r| was_in(r, id)))
                && !target.except.iter().any(|room| was_in(room, id))
                && is_meant(entry);
            if !entitled || entry.parcel.key.as_ref().is_some_and(|key| !keys.insert(key.clone())) {
                continue;
            }
            bytes += entry.parcel.packet.size();
            if missed.len() >= options.replay_events_max || bytes > options.replay_bytes_max {
                return Err(NotRecovered::TooMuch);
            }
            missed.push(Arc::clone(entry));
        }
        missed.reverse();
        Ok(missed)
    }

    fn get(&self, id: u64) -> Option<&Arc<Entry>> {
        let at = usize::try_from(id.checked_sub(self.gone() + 1)?).ok()?;
        self.entries.get(at).map(|(_, entry)| entry)
    }

    fn forget_posts(&mut self, entry: &Entry) {
        let Some(postings) = self.by_namespace.get_mut(&entry.namespace) else { return };
        // The oldest of all is the oldest of its rooms.
        if entry.target.rooms.is_empty() {
            postings.everyone.pop_front();
        }
        for room in &entry.target.rooms {
            if let Some(posted) = postings.rooms.get_mut(room) {
                if posted.front() == Some(&entry.id) {
                    posted.pop_front();
                }
                if posted.is_empty() {
                    postings.rooms.remove(room);
                }
            }
        }
        if postings.everyone.is_empty() && postings.rooms.is_empty() {
            self.by_namespace.remove(&entry.namespace);
        }
    }
}

/// Memory of an event: its arguments, a wire form of them, and what comes with each.
fn cost(entry: &Entry) -> usize {
    OVERHEAD + 2 * entry.parcel.packet.size()
}

#[cfg(test)]
mod tests {
    use crier_protocol::socket::{Args, Outgoing};
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "own";

    fn room(n: u8) -> Room {
        Room::from(format!("r{n}"))
    }

    fn entry(
        id: u64,
        namespace: &Name,
        rooms: &[Room],
        except: &[Room],
        key: Option<u8>,
    ) -> Arc<Entry> {
        let packet = Outgoing::event(namespace, "e", Args::none(), None).unwrap();
        let key = key.map(|key| key.to_string().into());
        let target = Target { rooms: rooms.into(), except: except.into(), ..Target::default() };
        let parcel = Arc::new(Parcel { key, ..Parcel::from(packet) });
        Arc::new(Entry { id, logged: true, namespace: namespace.clone(), target, parcel })
    }

    fn ids(missed: Result<Missed, NotRecovered>) -> Result<Vec<u64>, NotRecovered> {
        missed.map(|missed| missed.iter().map(|entry| entry.id).collect())
    }

    fn missed(
        ring: &Ring,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
    ) -> Result<Vec<u64>, NotRecovered> {
        ids(ring.missed(&Name::MAIN, OWN, membership, range, options, |_| true))
    }

    #[tokio::test(start_paused = true)]
    async fn events_go_when_their_time_is_over_and_nothing_is_left_of_them() {
        let options = RecoveryOptions::default();
        let mut ring = Ring::new(&options);
        for id in 1..=3 {
            ring.push(entry(id, &Name::MAIN, &[room(1), room(1)], &[], None), Instant::now());
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!((ring.head(), ring.gone(), ring.size().0), (3, 0, 3));
        tokio::time::advance(options.window + SLACK - Duration::from_secs(120)).await;
        ring.trim(Instant::now());
        assert_eq!((ring.head(), ring.gone(), ring.size().0), (3, 1, 2));
        tokio::time::advance(options.window).await;
        ring.trim(Instant::now());
        assert_eq!((ring.head(), ring.gone(), ring.size()), (3, 3, (0, 0)));
        assert!(ring.by_namespace.is_empty());
        // Nothing was missed since, and that is known.
        let nobody = Membership::default();
        assert_eq!(missed(&ring, &nobody, (3, 3), &options), Ok(Vec::new()));
        assert_eq!(missed(&ring, &nobody, (2, 3), &options), Err(NotRecovered::LogLost));
    }

    #[test]
    fn the_oldest_go_for_their_number_and_their_bytes() {
        let few = RecoveryOptions { entries_max: 3, ..RecoveryOptions::default() };
        let small = RecoveryOptions { bytes_max: 3_000, ..RecoveryOptions::default() };
        for options in [few, small] {
            let mut ring = Ring::new(&options);
            for id in 1..=100 {
                ring.push(entry(id, &Name::MAIN, &[], &[], None), Instant::now());
            }
            assert_eq!((ring.size().0, ring.gone()), (3, 97));
            assert!(ring.size().1 <= options.bytes_max);
        }
    }

    /// What happens to one socket, and around it.
    #[derive(Clone, Debug)]
    enum Op {
        Join(u8),
        Leave(u8),
        Publish { main: bool, rooms: Vec<u8>, except: Vec<u8>, key: Option<u8>, own: bool },
    }

    fn op() -> impl Strategy<Value = Op> {
        let rooms = || prop::collection::vec(0u8..5, 0..3);
        let key = prop::option::weighted(0.3, 0u8..3);
        prop_oneof![
            (0u8..5).prop_map(Op::Join),
            (0u8..5).prop_map(Op::Leave),
            (prop::bool::weighted(0.9), rooms(), rooms(), key, prop::bool::weighted(0.1)).prop_map(
                |(main, rooms, except, key, own)| Op::Publish { main, rooms, except, key, own }
            ),
        ]
    }

    proptest! {
        /// The ring and the memory of rooms against the plainest model: whoever is connected notes what
        /// it gets.
        #[test]
        fn a_replay_is_what_a_connected_socket_got(
            ops in prop::collection::vec(op(), 0..120),
            after in 0u64..60,
            entries_max in 1usize..200,
            replay_events_max in 1usize..60,
        ) {
            let options =
                RecoveryOptions { entries_max, replay_events_max, ..RecoveryOptions::default() };
            let (mut ring, mut membership) = (Ring::new(&options), Membership::default());
            let other = Name::parse("/other", 128).unwrap();
            let mut joined = std::collections::BTreeSet::new();
            let mut got: Vec<(u64, Option<u8>)> = Vec::new();
            for op in ops {
                match op {
                    Op::Join(n) => {
                        joined.insert(n);
                        membership.join(&room(n), ring.head(), false);
                    }
                    Op::Leave(n) => {
                        joined.remove(&n);
                        membership.leave(room(n).as_str(), ring.head(), ring.gone());
                    }
                    Op::Publish { main, rooms, except, key, own } => {
                        let namespace = if main { &Name::MAIN } else { &other };
                        let id = ring.head() + 1;
                        let named = |rooms: &[u8]| rooms.iter().map(|n| room(*n)).collect::<Vec<_>>();
                        let mut to = named(&rooms);
                        to.extend(own.then(|| Room::from(OWN)));
                        ring.push(entry(id, namespace, &to, &named(&except), key), Instant::now());
                        let any = to.is_empty() || own || rooms.iter().any(|n| joined.contains(n));
                        if main && any && !except.iter().any(|n| joined.contains(n)) {
                            got.push((id, key));
                        }
                    }
                }
            }
            let up_to = ring.head();
            let mut keys = HashSet::new();
            let mut owed: Vec<u64> = got
                .iter()
                .rev()
                .filter(|(id, key)| *id > after && key.is_none_or(|key| keys.insert(key)))
                .map(|(id, _)| *id)
                .collect();
            owed.reverse();
            let expected = if after < ring.gone() || after > up_to {
                Err(NotRecovered::LogLost)
            } else if owed.len() > replay_events_max {
                Err(NotRecovered::TooMuch)
            } else {
                Ok(owed)
            };
            prop_assert_eq!(missed(&ring, &membership, (after, up_to), &options), expected);
        }
    }
}
