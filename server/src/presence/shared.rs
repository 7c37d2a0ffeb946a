//! Presence over all replicas: this one reports what it has, and Redis says who has come and gone.
//!
//! ```text
//!   join, leave ──▶ Here ── what changed ──▶ report ─┐
//!                                                    ├─▶ changes ─▶ claim ─▶ events ─▶ confirm
//!   every moment ───────────────────────────▶ sweep ─┘            (one replica at a time)
//! ```
//!
//! While Redis is away everybody who has a socket here is there, and nobody is told of anything; what
//! changed is reported afterwards, as it is then.

use std::{
    hash::Hash,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crier_domain::{
    Publish,
    cluster::Status,
    redis::{
        RedisError,
        ask::backoff,
        presence::{PresenceTable, Pulse, Registration, Transition},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Notify, time::Instant};

use super::{Change, here::Here};
use crate::lock;

/// Sweeps in a lease.
const SWEEPS: u32 = 15;

/// Pauses while somebody is waited for who may come on another replica.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];

/// A change, with what is needed to tell others of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<P> {
    /// It.
    pub change: Change<P>,
    /// The number of this coming, over all persons; the going has the same.
    pub generation: u64,
    /// The person was there, and is in more rooms.
    pub entered: bool,
    /// Rooms that the person shares; where some were entered, these.
    pub rooms: Vec<String>,
    /// Where some were entered, rooms that know of the person.
    pub known: Vec<String>,
    /// Ids of the person's own sockets.
    pub sockets: Vec<String>,
}

pub(super) struct Shared<P> {
    pub(super) table: PresenceTable,
    replica: String,
    pub(super) here: Mutex<Here<P>>,
    pub(super) changed: Notify,
    /// Persons on all replicas, as last heard.
    there: AtomicUsize,
    /// What this replica is known by now.
    registration: Mutex<Option<Registration>>,
}

/// Where the task stands.
struct Course {
    holder: Option<Registration>,
    /// The epoch of the last registration.
    epoch: Option<String>,
    /// The number of the last report, and of the last that was taken.
    number: u64,
    answered: u64,
    sweep_at: Instant,
    untold: usize,
}

impl<P: Clone + Eq + Hash + Send + ToString + 'static> Shared<P> {
    pub(super) fn new(table: PresenceTable, replica: String) -> Self {
        Self {
            table,
            replica,
            here: Mutex::default(),
            changed: Notify::new(),
            there: AtomicUsize::new(0),
            registration: Mutex::default(),
        }
    }

    /// Persons on all replicas; at least those who are here.
    pub(super) fn len(&self) -> usize {
        self.there.load(Ordering::Relaxed).max(lock(&self.here).len())
    }

    /// Whether a person is there, on any replica. While Redis is away: here.
    pub(super) async fn is_there(&self, person: &P) -> bool {
        if lock(&self.here).is_here(person) {
            return true;
        }
        let view = self.table.view(&person.to_string()).await;
        view.is_ok_and(|view| view.status == Status::Online)
    }

    /// How long to wait before the next look, of so many.
    pub(super) fn pause(looks: usize) -> Duration {
        LOOKS.get(looks).or(LOOKS.last()).copied().unwrap_or_default()
    }

    /// Says that this replica goes down in order.
    pub(super) async fn goodbye(&self) {
        let registration = lock(&self.registration).take();
        if let Some(Registration { holder, .. }) = registration
            && let Err(error) = self.table.goodbye(&holder).await
        {
            tracing::debug!(%error, "presence ends with its lease");
        }
    }
}

impl<P> Shared<P>
where
    P: Clone + Eq + Hash + Send + ToString + Serialize + DeserializeOwned + 'static,
{
    /// Reports, sweeps and tells, for as long as it is polled.
    pub(super) async fn run(&self, mut events: impl FnMut(&Told<P>) -> Vec<Publish>) {
        let mut course = Course {
            holder: None,
            epoch: None,
            number: 0,
            answered: 0,
            sweep_at: Instant::now(),
            untold: 0,
        };
        let mut failures = 0;
        loop {
            match self.step(&mut course, &mut events).await {
                Ok(next) => {
                    failures = 0;
                    // Too late or changed: both are a reason to go on.
                    drop(tokio::time::timeout_at(next, self.changed.notified()).await);
                }
                Err(error) => {
                    if let RedisError::Answer(_) = &error {
                        tracing::warn!(%error, "presence cannot be told to Redis");
                    }
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    /// Does what there is to do; tells when there is more.
    async fn step(
        &self,
        course: &mut Course,
        events: &mut impl FnMut(&Told<P>) -> Vec<Publish>,
    ) -> Result<Instant, RedisError> {
        let holder = match &course.holder {
            Some(registration) => registration.holder.clone(),
            None => self.register(course).await?,
        };
        while !lock(&self.here).is_reported() {
            if !self.report(course, &holder).await? {
                return Ok(Instant::now());
            }
        }
        let mut next = course.sweep_at;
        if course.sweep_at <= Instant::now() {
            let pulse = self.table.sweep(&holder, course.answered).await?;
            let Some(pulse) = self.heard(course, pulse) else { return Ok(Instant::now()) };
            let now = Instant::now();
            let soon = pulse.next.map_or(Duration::MAX, |next| next + Duration::from_millis(1));
            let soon = if pulse.more { Duration::ZERO } else { soon };
            next = now + soon.min(self.table.lease() / SWEEPS);
            course.sweep_at = next;
        }
        if course.untold > 0 {
            self.tell(&holder, events).await?;
            course.untold = 0;
        }
        Ok(next)
    }

    async fn register(&self, course: &mut Course) -> Result<String, RedisError> {
        let registration = self.table.register(&self.replica, course.epoch.as_deref()).await?;
        let lost = course.epoch.as_ref().is_some_and(|epoch| *epoch != registration.epoch);
        lock(&self.here).report_all(lost);
        course.epoch = Some(registration.epoch.clone());
        course.answered = 0;
        let holder = registration.holder.clone();
        *lock(&self.registration) = Some(registration.clone());
        course.holder = Some(registration);
        Ok(holder)
    }

    /// One report; false where the registration is over.
    async fn report(&self, course: &mut Course, holder: &str) -> Result<bool, RedisError> {
        let (persons, reports) = {
            let mut here = lock(&self.here);
            let persons = here.take();
            let reports = here.reports(&persons);
            (persons, reports)
        };
        if reports.is_empty() {
            return Ok(true);
        }
        course.number += 1;
        // Where this is dropped the process ends, and its lease.
        match self.table.report(holder, course.number, &reports).await {
            Ok(pulse) => {
                let taken = self.heard(course, pulse).is_some();
                if taken {
                    course.answered = course.number;
                    lock(&self.here).done(&persons);
                }
                // Else everything is reported anew.
                Ok(taken)
            }
            Err(error) => {
                lock(&self.here).put_back(persons);
                Err(error)
            }
        }
    }

    fn heard(&self, course: &mut Course, pulse: Option<Pulse>) -> Option<Pulse> {
        match &pulse {
            Some(pulse) => {
                self.there.store(pulse.there, Ordering::Relaxed);
                course.untold = pulse.untold;
                // An end of a grace may have come that is earlier than the next sweep.
                if let Some(next) = pulse.next {
                    let at = Instant::now() + next + Duration::from_millis(1);
                    course.sweep_at = course.sweep_at.min(at);
                }
            }
            None => course.holder = None,
        }
        pulse
    }

    /// Tells of the changes that wait, if no other replica does.
    async fn tell(
        &self,
        holder: &str,
        events: &mut impl FnMut(&Told<P>) -> Vec<Publish>,
    ) -> Result<(), RedisError> {
        let mut batch = self.table.claim(holder).await?;
        while !batch.is_empty() {
            let told: Vec<Publish> =
                batch.iter().filter_map(told).flat_map(|t| events(&t)).collect();
            batch = self.table.confirm(holder, &batch, &told).await?;
        }
        Ok(())
    }
}

fn told<P: DeserializeOwned>(transition: &Transition) -> Option<Told<P>> {
    let Transition { status, last_seen, generation, entered, rooms, known, sockets, .. } =
        transition.clone();
    // Written by a replica: it is somebody.
    let person = serde_json::from_str(&transition.form).ok()?;
    let change = Change { person, status, last_seen };
    Some(Told { change, generation, entered, rooms, known, sockets })
}
