//! From rooms and exceptions to receivers, each exactly once.

use std::collections::HashSet;

use crier_protocol::{Room, SocketId};

use super::registry::{Members, Registry};

/// Who gets a broadcast.
#[derive(Debug)]
pub(crate) enum Receivers<S> {
    /// All members of one room, or everyone: nothing was copied.
    Shared(Members<S>),
    /// A selection.
    Owned(Vec<S>),
}

impl<S> Receivers<S> {
    pub(crate) fn as_slice(&self) -> &[S] {
        match self {
            Self::Shared(members) => members,
            Self::Owned(members) => members,
        }
    }
}

/// The sockets in any of `rooms` (everyone where it is empty) and in none of `except`.
pub(crate) fn select<S: Clone>(
    registry: &Registry<S>,
    rooms: &[Room],
    except: &[Room],
    id_of: impl Fn(&S) -> SocketId,
) -> Receivers<S> {
    let single = match rooms {
        [] => Some(registry.everyone()),
        [room] => match registry.members(room) {
            Some(members) => Some(members),
            None => return Receivers::Owned(Vec::new()),
        },
        _ => None,
    };
    if let (Some(members), []) = (&single, except) {
        return Receivers::Shared(members.clone());
    }
    let excluded: HashSet<SocketId> = except
        .iter()
        .filter_map(|room| registry.members(room))
        .flat_map(|members| members.iter().map(&id_of).collect::<Vec<_>>())
        .collect();
    if let Some(members) = single {
        let kept = members.iter().filter(|socket| !excluded.contains(&id_of(socket)));
        return Receivers::Owned(kept.cloned().collect());
    }
    // A socket in several of the rooms is taken once: `excluded` grows with what was taken.
    let mut seen = excluded;
    let mut taken = Vec::new();
    for members in rooms.iter().filter_map(|room| registry.members(room)) {
        taken.extend(members.iter().filter(|socket| seen.insert(id_of(socket))).cloned());
    }
    Receivers::Owned(taken)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> SocketId {
        SocketId::from_random([n; 15])
    }

    fn names(rooms: &[u8]) -> Vec<Room> {
        rooms.iter().map(|r| Room::from(format!("r{r}"))).collect()
    }

    fn ids(found: &Receivers<SocketId>) -> Vec<SocketId> {
        let mut ids = found.as_slice().to_vec();
        ids.sort();
        ids
    }

    #[test]
    fn a_socket_in_two_target_rooms_is_selected_once() {
        let registry = Registry::new();
        registry.insert(id(1), id(1));
        registry.join(&"a".into(), id(1), id(1));
        registry.join(&"b".into(), id(1), id(1));
        let found = select(&registry, &["a".into(), "b".into()], &[], |s| *s);
        assert_eq!(ids(&found), [id(1)]);
    }

    #[test]
    fn a_sockets_id_is_a_room_of_its_own() {
        let registry = Registry::new();
        registry.insert(id(1), id(1));
        registry.insert(id(2), id(2));
        let own = Room::from(id(1).as_str());
        assert_eq!(ids(&select(&registry, std::slice::from_ref(&own), &[], |s| *s)), [id(1)]);
        assert_eq!(ids(&select(&registry, &[], &[own], |s| *s)), [id(2)]);
    }

    proptest! {
        /// The registry against the plainest model: a map of sets.
        #[test]
        fn the_registry_agrees_with_a_plain_map(
            ops in prop::collection::vec((0u8..3, 0u8..6, 0u8..4), 0..200),
            rooms in prop::collection::vec(0u8..4, 0..4),
            except in prop::collection::vec(0u8..4, 0..3),
        ) {
            let registry = Registry::new();
            let mut model: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            let mut everyone = BTreeSet::new();
            for (op, socket, room) in ops {
                let name = Room::from(format!("r{room}"));
                match op {
                    0 => {
                        if everyone.insert(socket) {
                            registry.insert(id(socket), id(socket));
                        }
                        registry.join(&name, id(socket), id(socket));
                        model.entry(room).or_default().insert(socket);
                    }
                    1 => {
                        registry.leave(&name, &id(socket));
                        if let Some(set) = model.get_mut(&room) {
                            set.remove(&socket);
                        }
                    }
                    _ => {
                        for (room, set) in &mut model {
                            if set.remove(&socket) {
                                registry.leave(&Room::from(format!("r{room}")), &id(socket));
                            }
                        }
                        registry.remove(&id(socket));
                        everyone.remove(&socket);
                    }
                }
            }
            model.retain(|_, set| !set.is_empty());
            prop_assert_eq!(registry.rooms_len(), model.len());
            prop_assert_eq!(registry.len(), everyone.len());
            let within = |set: &[u8], s: &u8| {
                set.iter().any(|room| model.get(room).is_some_and(|members| members.contains(s)))
            };
            let mut expected: Vec<SocketId> = everyone
                .iter()
                .filter(|s| rooms.is_empty() || within(&rooms, s))
                .filter(|s| !within(&except, s))
                .map(|s| id(*s))
                .collect();
            expected.sort();
            let found = select(&registry, &names(&rooms), &names(&except), |s| *s);
            prop_assert_eq!(ids(&found), expected);
        }
    }
}
