//! Who is there, as Redis keeps it: replicas that report, die, freeze and come back.

use std::time::{Duration, Instant};

use crier_domain::{
    Publish, Timestamp, UserId,
    cluster::{Scope, Status},
    event::{publish_of, shop::PresenceUpdate},
    redis::{
        BusEvent, Redis, cmd,
        presence::{PresenceTable, Report, Transition, seen},
    },
};
use serde_json::json;

use super::server::Server;

const LEASE: Duration = Duration::from_millis(900);
const GRACE: Duration = Duration::from_millis(150);

/// A replica that does nothing by itself.
struct Replica {
    table: PresenceTable,
    holder: String,
    epoch: String,
    number: u64,
}

impl Replica {
    async fn new(redis: &Redis, name: &str) -> Self {
        let table = PresenceTable::new(redis.clone(), Scope::Main, LEASE, GRACE);
        let registration = table.register(name, None).await.unwrap();
        Self { table, holder: registration.holder, epoch: registration.epoch, number: 0 }
    }

    async fn again(&mut self) {
        let registration = self.table.register("again", Some(&self.epoch)).await.unwrap();
        assert_ne!(registration.holder, self.holder);
        (self.holder, self.epoch) = (registration.holder, registration.epoch);
    }

    /// Says how many sockets it has of somebody; whether that is taken.
    async fn has(&mut self, person: &str, sockets: usize) -> bool {
        self.number += 1;
        let report = report(person, sockets);
        self.table.report(&self.holder, self.number, &[report]).await.unwrap().is_some()
    }

    async fn sweep(&self) -> bool {
        self.table.sweep(&self.holder, self.number).await.unwrap().is_some()
    }

    /// Tells of what waits, and what it was.
    async fn tell(&self) -> Vec<Transition> {
        let (mut told, mut batch) = (Vec::new(), self.table.claim(&self.holder).await.unwrap());
        while !batch.is_empty() {
            let events: Vec<Publish> = batch.iter().map(event).collect();
            let next = self.table.confirm(&self.holder, &batch, &events).await.unwrap();
            told.append(&mut batch);
            batch = next;
        }
        told
    }

    async fn told(&self) -> Vec<(String, Status)> {
        self.tell().await.into_iter().map(|told| (told.form, told.status)).collect()
    }
}

fn report(person: &str, sockets: usize) -> Report {
    Report {
        person: person.to_owned(),
        form: json!(person).to_string(),
        sockets,
        ids: (0..sockets).map(|n| format!("{person}-{n}")).collect(),
        rooms: vec![format!("room-{person}"), "room".to_owned()],
        known: false,
    }
}

fn event(transition: &Transition) -> Publish {
    let user: UserId = serde_json::from_str(&transition.form).unwrap();
    let update = PresenceUpdate { user_id: user, status: transition.status, at: Timestamp::now() };
    publish_of("presence:update", &update, Vec::new())
}

fn online(person: &str) -> (String, Status) {
    (json!(person).to_string(), Status::Online)
}

fn offline(person: &str) -> (String, Status) {
    (json!(person).to_string(), Status::Offline)
}

/// Sweeps by all of them until somebody has something to tell, for so long at most.
async fn until_told(replicas: &[&Replica], within: Duration) -> Vec<(String, Status)> {
    let begin = Instant::now();
    loop {
        for replica in replicas {
            assert!(replica.sweep().await, "it is alive");
            let told = replica.told().await;
            if !told.is_empty() || begin.elapsed() > within {
                return told;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_person_comes_once_and_goes_once_over_all_replicas() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let mut two = Replica::new(&redis, "two").await;
    assert!(one.has("ann", 1).await && two.has("ann", 2).await && one.has("ann", 2).await);
    let told = two.tell().await;
    assert_eq!(told.len(), 1);
    let Transition { status, form, rooms, sockets, .. } = &told[0];
    assert_eq!((*status, form.as_str()), (Status::Online, "\"ann\""));
    assert_eq!(rooms, &["room", "room-ann"]);
    assert_eq!(sockets.len(), 4, "by what is known when it is told: {sockets:?}");
    assert_eq!(one.tell().await, []);
    let view = seen(&redis, Scope::Main, "ann").await.unwrap();
    assert_eq!((view.status, view.sockets), (Status::Online, 4));
    assert!(view.last_seen.is_some());
    // Only the last one to go begins the grace.
    one.has("ann", 0).await;
    assert_eq!(until_told(&[&one, &two], 2 * GRACE).await, []);
    two.has("ann", 0).await;
    let view = seen(&redis, Scope::Main, "ann").await.unwrap();
    assert_eq!((view.status, view.sockets), (Status::Online, 0));
    assert_eq!(until_told(&[&one, &two], LONG).await, [offline("ann")]);
    assert_eq!(until_told(&[&one, &two], 2 * GRACE).await, []);
    let view = seen(&redis, Scope::Main, "ann").await.unwrap();
    assert_eq!((view.status, view.sockets), (Status::Offline, 0));
    assert!(view.last_seen.is_some(), "it is remembered");
    // Another scope is another world.
    let other = seen(&redis, Scope::VendorChat, "ann").await.unwrap();
    assert_eq!((other.status, other.last_seen), (Status::Offline, None));
}

#[tokio::test]
async fn coming_back_within_the_grace_on_another_replica_is_no_news() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let mut two = Replica::new(&redis, "two").await;
    one.has("ann", 1).await;
    let came = one.tell().await;
    one.has("ann", 0).await;
    two.has("ann", 1).await;
    assert_eq!(until_told(&[&one, &two], 3 * GRACE).await, []);
    two.has("ann", 0).await;
    let begin = Instant::now();
    let gone = loop {
        assert!(one.sweep().await && two.sweep().await && begin.elapsed() < LONG);
        if let Some(told) = one.tell().await.pop() {
            break told;
        }
    };
    assert_eq!((gone.status, gone.generation), (Status::Offline, came[0].generation));
    assert_eq!(gone.rooms, ["room", "room-ann"]);
    two.has("ann", 1).await;
    assert!(two.tell().await[0].generation > gone.generation);
}

#[tokio::test]
async fn rooms_that_are_entered_hear_of_it_once_whichever_replica_has_the_socket() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let mut two = Replica::new(&redis, "two").await;
    let rooms = |rooms: &[&str]| Report {
        rooms: rooms.iter().map(|room| (*room).to_owned()).collect(),
        ..report("ann", 1)
    };
    let tell = async |replica: &mut Replica, shared: &[&str]| {
        replica.number += 1;
        let (number, report) = (replica.number, rooms(shared));
        replica.table.report(&replica.holder, number, &[report]).await.unwrap().unwrap();
        let told = replica.tell().await;
        told.into_iter().map(|told| (told.entered, told.rooms, told.known)).collect::<Vec<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    // All rooms hear together of who comes, later ones by themselves.
    assert_eq!(tell(&mut one, &["a"]).await, [(false, names(&["a"]), vec![])]);
    assert_eq!(tell(&mut one, &["a", "b"]).await, [(true, names(&["b"]), names(&["a"]))]);
    assert_eq!(tell(&mut two, &["b"]).await, []);
    assert_eq!(tell(&mut two, &["b", "c"]).await, [(true, names(&["c"]), names(&["a", "b"]))]);
    // Left, and entered again: that is news.
    assert_eq!(tell(&mut one, &["b"]).await, []);
    assert_eq!(tell(&mut one, &["a", "b"]).await, [(true, names(&["a"]), names(&["b", "c"]))]);
    // A replica that lets go leaves the rooms: they have heard, and hear when she goes.
    one.has("ann", 0).await;
    assert_eq!(tell(&mut two, &["a", "c"]).await, []);
    two.has("ann", 0).await;
    let begin = Instant::now();
    let gone = loop {
        assert!(one.sweep().await && begin.elapsed() < LONG);
        if let Some(told) = one.tell().await.pop() {
            break told;
        }
    };
    assert_eq!((gone.status, gone.rooms), (Status::Offline, names(&["a", "b", "c"])));
}

#[tokio::test]
async fn a_replica_that_dies_loses_its_persons_once_and_comes_back_as_another() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut zombie = Replica::new(&redis, "zombie").await;
    let mut one = Replica::new(&redis, "one").await;
    let two = Replica::new(&redis, "two").await;
    for person in ["ann", "ben"] {
        zombie.has(person, 1).await;
    }
    one.has("ben", 1).await;
    assert_eq!(two.told().await, [online("ann"), online("ben")]);
    // It says nothing for a lease. Ben has a socket elsewhere.
    assert_eq!(until_told(&[&one, &two], LONG).await, [offline("ann")]);
    assert_eq!(until_told(&[&one, &two], 2 * GRACE).await, []);
    // Whatever it says under its old name is refused, also what it said before.
    assert!(!zombie.has("cid", 1).await && !zombie.sweep().await);
    assert_eq!(one.told().await, []);
    zombie.again().await;
    assert!(zombie.has("ann", 1).await && zombie.has("ben", 1).await);
    assert_eq!(two.told().await, [online("ann")]);
    // One that says goodbye is not waited for.
    let begin = Instant::now();
    zombie.table.goodbye(&zombie.holder).await.unwrap();
    assert_eq!(until_told(&[&one, &two], LONG).await, [offline("ann")]);
    assert!(begin.elapsed() < LEASE, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_report_that_comes_late_is_not_taken() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    one.has("ann", 1).await;
    one.has("ann", 0).await;
    let late = one.table.report(&one.holder, 1, &[report("ann", 1)]).await.unwrap();
    assert!(late.is_some(), "it was on its way for long, and nobody is there to be told");
    let sockets = seen(&redis, Scope::Main, "ann").await.unwrap().sockets;
    assert_eq!(sockets, 0);
}

#[tokio::test]
async fn after_an_outage_nobody_is_judged_for_a_lease() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let mut two = Replica::new(&redis, "two").await;
    one.has("ann", 1).await;
    two.has("ben", 1).await;
    two.has("ben", 0).await;
    assert_eq!(one.told().await.len(), 2);
    // Nobody reaches Redis for longer than a lease.
    server.signal("STOP");
    tokio::time::sleep(LEASE + LEASE / 2).await;
    server.signal("CONT");
    let back = Instant::now();
    assert!(one.sweep().await, "its lease is over, and not held against it");
    assert!(two.sweep().await);
    assert_eq!(until_told(&[&one, &two], LONG).await, [offline("ben")]);
    assert!(back.elapsed() > LEASE - LEASE / 10, "{:?}", back.elapsed());
}

#[tokio::test]
async fn data_that_was_lost_is_noticed_and_those_who_are_there_are_not_announced_again() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    one.has("ann", 1).await;
    assert_eq!(one.told().await, [online("ann")]);
    let () = redis.query(&cmd("FLUSHALL")).await.unwrap();
    assert!(!one.sweep().await);
    let epoch = one.epoch.clone();
    one.again().await;
    assert_ne!(one.epoch, epoch);
    let known = Report { known: true, ..report("ann", 1) };
    one.number = 9;
    one.table.report(&one.holder, 9, &[known, report("ben", 1)]).await.unwrap().unwrap();
    // Not at once: other replicas may not listen again yet.
    assert_eq!(one.told().await, []);
    assert_eq!(until_told(&[&one], LONG).await, [online("ben")]);
    // Only the last report was lost, as by a failover.
    let seqs = redis.keys().named("p:main:seqs");
    let () = redis.query(cmd("HSET").arg(&seqs).arg(&one.holder).arg(8)).await.unwrap();
    assert!(!one.sweep().await);
}

#[tokio::test]
async fn a_change_is_told_once_by_another_where_the_first_one_dies() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let two = Replica::new(&redis, "two").await;
    let bus = redis.keys().bus().to_owned();
    let mut heard = redis.subscribe(std::slice::from_ref(&bus)).await.unwrap();
    one.has("ann", 1).await;
    let batch = one.table.claim(&one.holder).await.unwrap();
    assert_eq!(batch.len(), 1);
    // It has it, and dies before it has told.
    assert_eq!(two.told().await, []);
    assert_eq!(until_told(&[&two], LONG).await, [online("ann")]);
    // It was only slow: it is too late.
    let events: Vec<Publish> = batch.iter().map(event).collect();
    assert_eq!(one.table.confirm(&one.holder, &batch, &events).await.unwrap(), []);
    let () = redis.query(cmd("PUBLISH").arg(&bus).arg("end")).await.unwrap();
    let told = heard.next().await.unwrap().payload;
    let sealed = told.strip_prefix(b"-|").map(|sealed| told.slice_ref(sealed)).unwrap();
    let event = BusEvent::decode(&redis.signer().open(&bus, &sealed).unwrap()).unwrap();
    assert_eq!(event.event, "presence:update");
    assert!(!event.is_logged());
    assert_eq!(heard.next().await.unwrap().payload, "end");
}

#[tokio::test]
async fn a_clock_that_stepped_back_holds_nobody_for_ever() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut one = Replica::new(&redis, "one").await;
    let mut dead = Replica::new(&redis, "dead").await;
    dead.has("ann", 1).await;
    one.has("ben", 1).await;
    one.has("ben", 0).await;
    assert_eq!(one.told().await.len(), 2);
    // As if all of it had been written an hour ahead.
    let ahead = |key: &str, member: &str| {
        let mut later = cmd("ZINCRBY");
        later.arg(redis.keys().named(key)).arg(3_600_000).arg(member);
        later
    };
    let _: f64 = redis.query(&ahead("p:main:replicas", &dead.holder)).await.unwrap();
    let _: f64 = redis.query(&ahead("p:main:grace", "ben")).await.unwrap();
    let mut told = until_told(&[&one], LONG).await;
    told.extend(until_told(&[&one], LONG).await);
    assert_eq!(told, [offline("ben"), offline("ann")]);
}
