//! What one replica knows of a scope that lies in Redis: its own sockets, and what it has yet to report.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use crier_domain::redis::presence::{REPORT_MAX, Report};
use crier_protocol::SocketId;
use serde::Serialize;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::state::Waiters;

/// Ids of sockets that a report names, of however many there are.
const IDS_MAX: usize = 16;

/// Persons with sockets here, and those of whom Redis may still hold some. As many as there are sockets,
/// and those that left since the last report.
pub(super) struct Here<P> {
    persons: HashMap<P, Mine>,
    /// Whom the next reports are about, whoever waits longest first. Each once.
    changed: VecDeque<P>,
    waiters: Waiters<P>,
    with_sockets: usize,
}

#[derive(Default)]
struct Mine {
    /// One for each join without its leave, as in the state of a single process.
    sockets: SmallVec<[SocketId; 1]>,
    rooms: Vec<String>,
    /// It is in `changed`.
    queued: bool,
    /// Redis may hold something of it from here.
    reported: bool,
    /// Redis has taken a report of them, so others are told that they are there,
    taken: bool,
    /// and were, before data was lost.
    known: bool,
}

impl<P: Clone + Eq + Hash> Here<P> {
    pub(super) fn join(&mut self, person: &P, socket: SocketId) -> (bool, Option<Arc<Notify>>) {
        let mine = self.persons.entry(person.clone()).or_default();
        let is_new = mine.sockets.is_empty();
        self.with_sockets += usize::from(is_new);
        mine.sockets.push(socket);
        queue(&mut self.changed, person, mine);
        (is_new, self.waiters.of(person))
    }

    /// Whether there was such a socket.
    pub(super) fn leave(&mut self, person: &P, socket: &SocketId) -> bool {
        let Some(mine) = self.persons.get_mut(person) else { return false };
        let Some(at) = mine.sockets.iter().position(|one| one == socket) else { return false };
        mine.sockets.swap_remove(at);
        self.with_sockets -= usize::from(mine.sockets.is_empty());
        queue(&mut self.changed, person, mine);
        true
    }

    /// The rooms by which others share somebody who is here.
    pub(super) fn share(&mut self, person: &P, rooms: Vec<String>) -> bool {
        let Some(mine) = self.persons.get_mut(person) else { return false };
        if mine.sockets.is_empty() || mine.rooms == rooms {
            return false;
        }
        mine.rooms = rooms;
        queue(&mut self.changed, person, mine);
        true
    }

    pub(super) fn sockets(&self, person: &P) -> Vec<SocketId> {
        self.persons.get(person).map(|mine| mine.sockets.to_vec()).unwrap_or_default()
    }

    pub(super) fn is_here(&self, person: &P) -> bool {
        self.persons.get(person).is_some_and(|mine| !mine.sockets.is_empty())
    }

    /// Persons with sockets here.
    pub(super) fn len(&self) -> usize {
        self.with_sockets
    }

    /// One more waits for a person; `None` if they are here.
    pub(super) fn wait(&mut self, person: &P) -> Option<Arc<Notify>> {
        (!self.is_here(person)).then(|| self.waiters.add(person))
    }

    pub(super) fn waited(&mut self, person: &P) {
        self.waiters.remove(person);
    }

    /// Everything is to be reported under a new registration, which holds nothing yet. `lost`: what
    /// others were told is forgotten in Redis, and is to be told to nobody again.
    pub(super) fn report_all(&mut self, lost: bool) {
        self.changed.clear();
        self.persons.retain(|_, mine| !mine.sockets.is_empty());
        for (person, mine) in &mut self.persons {
            mine.known = lost && (mine.taken || mine.known);
            (mine.queued, mine.reported, mine.taken) = (false, false, false);
            queue(&mut self.changed, person, mine);
        }
    }

    /// Those who wait longest for their report.
    pub(super) fn take(&mut self) -> Vec<P> {
        let mut taken = Vec::new();
        while taken.len() < REPORT_MAX {
            let Some(person) = self.changed.pop_front() else { break };
            let Some(mine) = self.persons.get_mut(&person) else { continue };
            mine.queued = false;
            if mine.sockets.is_empty() && !mine.reported {
                // Came and went between two reports: nobody has noticed.
                self.persons.remove(&person);
                continue;
            }
            mine.reported = true;
            taken.push(person);
        }
        taken
    }

    /// A report was not answered: it is made again.
    pub(super) fn put_back(&mut self, persons: Vec<P>) {
        for person in persons.into_iter().rev() {
            if let Some(mine) = self.persons.get_mut(&person)
                && !mine.queued
            {
                mine.queued = true;
                self.changed.push_front(person);
            }
        }
    }

    /// A report was taken.
    pub(super) fn done(&mut self, persons: &[P]) {
        for person in persons {
            let Some(mine) = self.persons.get_mut(person) else { continue };
            (mine.known, mine.taken) = (false, true);
            if mine.sockets.is_empty() && !mine.queued {
                self.persons.remove(person);
            }
        }
    }

    pub(super) fn is_reported(&self) -> bool {
        self.changed.is_empty()
    }
}

impl<P: Clone + Eq + Hash + ToString + Serialize> Here<P> {
    pub(super) fn reports(&self, persons: &[P]) -> Vec<Report> {
        let report = |person: &P| {
            let mine = self.persons.get(person)?;
            let ids = mine.sockets.iter().take(IDS_MAX).map(|id| id.as_str().to_owned()).collect();
            Some(Report {
                person: person.to_string(),
                form: serde_json::to_string(person).unwrap_or_default(),
                sockets: mine.sockets.len(),
                ids,
                rooms: mine.rooms.clone(),
                known: mine.known,
            })
        };
        persons.iter().filter_map(report).collect()
    }
}

fn queue<P: Clone>(changed: &mut VecDeque<P>, person: &P, mine: &mut Mine) {
    if !mine.queued {
        mine.queued = true;
        changed.push_back(person.clone());
    }
}

impl<P> Default for Here<P> {
    fn default() -> Self {
        Self {
            persons: HashMap::new(),
            changed: VecDeque::new(),
            waiters: Waiters::default(),
            with_sockets: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(n: u8) -> SocketId {
        SocketId::from_random([n; 15])
    }

    fn next(here: &mut Here<String>) -> Vec<(String, usize, bool)> {
        let taken = here.take();
        let reports = here.reports(&taken);
        reports.into_iter().map(|report| (report.person, report.sockets, report.known)).collect()
    }

    #[test]
    fn a_report_says_how_it_is_now_and_each_person_once() {
        let mut here = Here::default();
        let (ann, ben) = ("ann".to_owned(), "ben".to_owned());
        for n in 0..20 {
            here.join(&ann, socket(n));
        }
        here.join(&ben, socket(99));
        let taken = here.take();
        let reports = here.reports(&taken);
        let counts: Vec<_> = reports.iter().map(|report| report.sockets).collect();
        assert_eq!((counts, reports[0].ids.len()), (vec![20, 1], IDS_MAX));
        // What changes meanwhile is for the next report.
        here.leave(&ben, &socket(99));
        here.done(&taken);
        assert_eq!(next(&mut here), [("ben".to_owned(), 0, false)]);
        here.done(&[ben]);
        assert_eq!((here.persons.len(), here.len()), (1, 1));
        assert!(here.is_reported() && !here.leave(&ann, &socket(99)));
    }

    #[test]
    fn what_was_not_taken_is_reported_again_and_a_blink_never() {
        let mut here = Here::default();
        let (ann, ben) = ("ann".to_owned(), "ben".to_owned());
        here.join(&ann, socket(1));
        let taken = here.take();
        here.leave(&ann, &socket(1));
        here.put_back(taken);
        here.join(&ben, socket(2));
        here.leave(&ben, &socket(2));
        // Of the first it is not known whether the first report came through.
        assert_eq!(next(&mut here), [("ann".to_owned(), 0, false)]);
        here.done(&[ann]);
        assert!(here.persons.is_empty());
    }

    #[test]
    fn a_new_registration_begins_with_everything() {
        let mut here = Here::default();
        let (ann, ben) = ("ann".to_owned(), "ben".to_owned());
        here.join(&ann, socket(1));
        let taken = here.take();
        here.done(&taken);
        // Of a report that nobody took nobody knows.
        here.join(&ben, socket(2));
        let taken = here.take();
        here.put_back(taken);
        here.report_all(true);
        let mut all = next(&mut here);
        all.sort();
        // Of her others have heard before.
        assert_eq!(all, [("ann".to_owned(), 1, true), ("ben".to_owned(), 1, false)]);
        here.report_all(false);
        assert!(next(&mut here).iter().all(|(_, _, known)| !known));
        here.leave(&ann, &socket(1));
        here.report_all(false);
        assert_eq!(next(&mut here), [("ben".to_owned(), 1, false)]);
    }
}
