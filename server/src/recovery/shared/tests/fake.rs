//! A cluster in memory, in virtual time.

use std::{sync::Arc, time::Duration};

use crier_domain::redis::BusEvent;
use crier_protocol::{
    Limits, Namespace, Pid, Room,
    socket::{Args, Parser},
};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::super::{
    Above, Away, AwayOrder, Full, Outbound, SharedLog,
    wire::{Ear, Greeting, Heard, Record, Said, Seen, Wire},
};
use crate::{
    adapter::{BoxFuture, Envelope, Target},
    lock,
    recovery::{Entry, Epoch, Log as _, RecoveryOptions},
};

/// What is between the replicas.
#[derive(Clone, Default)]
pub(super) struct Between(Arc<std::sync::Mutex<State>>);

#[derive(Default)]
struct State {
    epoch: Option<Epoch>,
    stream: Vec<Record>,
    head: u64,
    now: u64,
    /// Who listens, by name.
    ears: Vec<(&'static str, mpsc::UnboundedSender<Heard>)>,
    /// What is said does not get to these.
    deaf: Vec<&'static str>,
    /// It cannot be reached.
    away: bool,
    lives: u8,
    /// Events that were taken and have no number yet, while it is held.
    held: Option<Vec<BusEvent>>,
}

impl Between {
    /// What is published waits from now, or goes on.
    pub(super) fn hold(&self, hold: bool) {
        let waiting = {
            let mut state = lock(&self.0);
            if hold { state.held.replace(Vec::new()) } else { state.held.take() }
        };
        for event in waiting.into_iter().flatten() {
            self.publish(&event);
        }
    }

    /// A replica hears nothing from now, or hears again.
    pub(super) fn deafen(&self, name: &'static str, deaf: bool) {
        let mut state = lock(&self.0);
        state.deaf.retain(|other| *other != name);
        if deaf {
            state.deaf.push(name);
        }
    }

    /// A replica is told something again, or something wrong.
    pub(super) fn tell(&self, name: &'static str, heard: Heard) {
        let state = lock(&self.0);
        for (_, ear) in state.ears.iter().filter(|(other, _)| *other == name) {
            let _ = ear.send(heard.clone());
        }
    }

    /// All connections end; none can be made while it is away.
    pub(super) fn cut(&self, away: bool) {
        let mut state = lock(&self.0);
        state.ears.clear();
        state.away = away;
    }

    /// Its own memory.
    pub(super) fn record(&self, number: u64) -> Record {
        let state = lock(&self.0);
        state.stream.iter().find(|record| record.number == number).unwrap().clone()
    }

    pub(super) fn head(&self) -> u64 {
        lock(&self.0).head
    }

    /// The oldest events go.
    pub(super) fn trim(&self, up_to: u64) {
        lock(&self.0).stream.retain(|record| record.number > up_to);
    }

    /// It restarts, and has lost everything after a number.
    pub(super) fn restart(&self, up_to: u64) {
        let mut state = lock(&self.0);
        state.ears.clear();
        state.stream.retain(|record| record.number <= up_to);
        state.head = state.head.min(up_to);
        state.epoch = None;
    }

    pub(super) fn publish(&self, event: &BusEvent) {
        let mut state = lock(&self.0);
        if let Some(held) = &mut state.held {
            held.push(event.clone());
            return;
        }
        let body = event.encode();
        let said = if event.is_logged() {
            state.head += 1;
            state.now += 1;
            let record = Record { number: state.head, time: state.now, body: Some(body) };
            state.stream.push(record.clone());
            Said::Logged(record)
        } else {
            Said::Ephemeral(body)
        };
        state.say(&said, None);
    }
}

impl State {
    fn say(&self, said: &Said, from: Option<&str>) {
        for (name, ear) in self.ears.iter().filter(|(name, _)| !self.deaf.contains(name)) {
            let mut said = said.clone();
            if let Said::Tick { mine, .. } = &mut said {
                *mine = from == Some(name);
            }
            let _ = ear.send(Heard { said, lost: false });
        }
    }

    fn reached(&self) -> Result<(), Away> {
        if self.away { Err(Away) } else { Ok(()) }
    }
}

struct FakeWire {
    between: Between,
    name: &'static str,
}

impl std::fmt::Debug for FakeWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

struct FakeEar(mpsc::UnboundedReceiver<Heard>);

impl Ear for FakeEar {
    fn hear(&mut self) -> BoxFuture<'_, Option<Heard>> {
        Box::pin(self.0.recv())
    }
}

/// One trip.
const TRIP: Duration = Duration::from_millis(1);

impl Wire for FakeWire {
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Ear>, Away>> {
        Box::pin(async move {
            sleep(TRIP).await;
            let mut state = lock(&self.between.0);
            state.reached()?;
            #[expect(clippy::disallowed_methods, reason = "as much is said as the test says")]
            let (sender, receiver) = mpsc::unbounded_channel();
            state.ears.retain(|(name, _)| *name != self.name);
            state.ears.push((self.name, sender));
            Ok(Box::new(FakeEar(receiver)) as Box<dyn Ear>)
        })
    }

    fn greet(&self, seen: Option<Seen>) -> BoxFuture<'_, Result<Greeting, Away>> {
        Box::pin(async move {
            sleep(TRIP).await;
            let mut state = lock(&self.between.0);
            state.reached()?;
            let same = seen.is_none_or(|seen| {
                let entry = state.stream.iter().find(|record| record.number == seen.number);
                seen.number <= state.head && entry.is_none_or(|entry| entry.time == seen.time)
            });
            if state.epoch.is_none() || !same && seen.map(|seen| seen.epoch) == state.epoch {
                state.lives += 1;
                state.epoch = Some(Epoch::from_random([state.lives; 8]));
            }
            let oldest = state.stream.first().map_or(state.head + 1, |record| record.number);
            let epoch = state.epoch.unwrap();
            Ok(Greeting { epoch, head: state.head, oldest, now: state.now, same })
        })
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Record>, Away>> {
        Box::pin(async move {
            sleep(TRIP).await;
            let state = lock(&self.between.0);
            state.reached()?;
            // Small pages, so that there are several.
            let page = state.stream.iter().filter(|record| record.number > after).take(3);
            Ok(page.cloned().collect())
        })
    }

    fn tick(&self) -> BoxFuture<'_, Result<(Epoch, u64), Away>> {
        Box::pin(async move {
            sleep(TRIP).await;
            let state = lock(&self.between.0);
            state.reached()?;
            let (epoch, number) = (state.epoch.unwrap_or(Epoch::NONE), state.head);
            state.say(&Said::Tick { epoch, number, mine: false }, Some(self.name));
            Ok((epoch, number))
        })
    }
}

impl Outbound for Between {
    fn send(&self, event: BusEvent) -> Result<(), Full> {
        if lock(&self.0).away {
            return Err(Full);
        }
        self.publish(&event);
        Ok(())
    }
}

/// What a replica was told besides events.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) kicked: Vec<(Pid, u64)>,
    pub(super) renewed: usize,
    pub(super) holed: usize,
    pub(super) ordered: Vec<(u64, AwayOrder)>,
}

type Shared<T> = Arc<std::sync::Mutex<T>>;

struct Ears(Shared<Told>);

impl Above for Ears {
    fn kicked(&self, pid: &Pid, generation: u64) {
        lock(&self.0).kicked.push((*pid, generation));
    }

    fn renewed(&self) {
        lock(&self.0).renewed += 1;
    }

    fn holed(&self) {
        lock(&self.0).holed += 1;
    }

    fn ordered(&self, at: u64, order: &AwayOrder) {
        lock(&self.0).ordered.push((at, order.clone()));
    }
}

/// One replica that follows.
pub(super) struct Replica {
    pub(super) log: Arc<SharedLog>,
    pub(super) told: Shared<Told>,
    delivered: Shared<Vec<String>>,
    _follows: JoinSet<()>,
}

impl Replica {
    /// Follows, and is ready when this returns.
    pub(super) async fn start(between: &Between, name: &'static str) -> Self {
        let replica = Self::begin(between, name);
        replica.ready().await;
        replica
    }

    pub(super) fn begin(between: &Between, name: &'static str) -> Self {
        let (delivered, told) = (Shared::<Vec<String>>::default(), Shared::<Told>::default());
        let seen = Arc::clone(&delivered);
        let deliver = move |entry: &Entry| {
            let in_nobodys = entry.target.rooms.iter().any(|room| room.as_str().is_empty());
            if !in_nobodys {
                lock(&seen).push(words(entry));
            }
        };
        let wire = Arc::new(FakeWire { between: between.clone(), name });
        let log = Arc::new(SharedLog::over(
            wire,
            Arc::new(between.clone()),
            name,
            &RecoveryOptions::default(),
            Arc::new(Limits::default()),
            true,
            Box::new(deliver),
            Box::new(Ears(Arc::clone(&told))),
        ));
        let mut follows = JoinSet::new();
        let followed = Arc::clone(&log);
        follows.spawn(async move { followed.follow().await });
        Self { log, told, delivered, _follows: follows }
    }

    pub(super) async fn ready(&self) {
        while !self.log.is_healthy() {
            sleep(TRIP).await;
        }
    }

    /// Publishes an event of the log.
    pub(super) fn emit(&self, event: &str) {
        self.log.publish(envelope(event, true)).unwrap();
    }

    /// Publishes an event that is kept nowhere.
    pub(super) fn mention(&self, event: &str) {
        self.log.publish(envelope(event, false)).unwrap();
    }

    /// What was delivered until now, once everything that is under way has arrived.
    pub(super) async fn delivered(&self) -> Vec<String> {
        sleep(Duration::from_millis(600)).await;
        self.delivered_now()
    }

    pub(super) fn delivered_now(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.delivered))
    }
}

/// `name@offset`, the epoch as the count of lives.
fn words(entry: &Entry) -> String {
    let text = entry.parcel.packet.polling(Parser::Default).to_vec();
    let text = String::from_utf8(text).unwrap();
    let parts: Vec<&str> = text.split('"').collect();
    let (life, number) = parts[3].split_once('~').unwrap();
    format!("{}@{}~{number}", parts[1], life.get(..2).unwrap().trim_start_matches('0'))
}

pub(super) fn envelope(event: &str, recoverable: bool) -> Envelope {
    let rooms = [Room::from("r")].into_iter().collect();
    Envelope {
        namespace: Namespace::MAIN,
        target: Target { rooms, ..Target::default() },
        event: event.into(),
        args: Args::none(),
        volatile: false,
        recoverable,
        key: None,
    }
}
