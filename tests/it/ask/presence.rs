//! Presence over three replicas, of which some die: what others are told, counted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crier_domain::{
    Publish, Timestamp, UserId,
    cluster::{Scope, Status},
    event::{publish_of, shop::PresenceUpdate},
    redis::{BusEvent, Redis, presence::seen},
};
use crier_protocol::SocketId;
use crier_server::presence::{Presence, Presences, Told};
use tokio::task::JoinHandle;

use super::rig::{RedisServer, link};

const LEASE: Duration = Duration::from_millis(1_500);
const GRACE: Duration = Duration::from_millis(300);

/// Longer than anything that is waited for takes.
const LONG: Duration = Duration::from_secs(30);

/// A replica, as far as presence goes.
struct Replica {
    presence: Presence<UserId>,
    task: JoinHandle<()>,
}

/// Everything that everybody was told, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, Status)>>>);

struct House {
    replicas: Vec<Replica>,
    heard: Heard,
    redis: Redis,
    listener: JoinHandle<()>,
    server: RedisServer,
}

impl House {
    async fn new() -> Self {
        let server = RedisServer::start(&[]);
        let redis = link(&server);
        let heard = Heard::default();
        let bus = redis.keys().bus().to_owned();
        let (link, kept) = (redis.clone(), heard.clone());
        let begun = Arc::new(tokio::sync::Notify::new());
        let beginning = Arc::clone(&begun);
        let listener = tokio::spawn(async move {
            loop {
                let Ok(mut heard) = link.subscribe(std::slice::from_ref(&bus)).await else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                beginning.notify_one();
                while let Some(received) = heard.next().await {
                    let sealed = received.payload.slice(2..);
                    let event = link.signer().open(&bus, &sealed).unwrap();
                    kept.add(&BusEvent::decode(&event).unwrap());
                }
            }
        });
        begun.notified().await;
        let mut house = Self { replicas: Vec::new(), heard, redis, listener, server };
        for name in ["aaaa", "bbbb", "cccc"] {
            let presence = Presences::shared(&link_of(&house), name, LEASE, GRACE).main;
            let task = run(&presence);
            house.replicas.push(Replica { presence, task });
        }
        house
    }

    fn join(&self, replica: usize, person: &str, n: u8) {
        self.replicas[replica].presence.join(&user(person), socket(n));
    }

    fn leave(&self, replica: usize, person: &str, n: u8) {
        self.replicas[replica].presence.leave(&user(person), &socket(n));
    }

    /// Ends a replica without a word.
    async fn kill(&mut self, replica: usize) {
        self.replicas[replica].task.abort();
        let _ = (&mut self.replicas[replica].task).await;
    }

    /// Waits until so many things were told, and then long enough for one more.
    async fn told(&self, count: usize) -> Vec<(String, Status)> {
        let began = Instant::now();
        while self.heard.all().len() < count {
            assert!(began.elapsed() < LONG, "{:?}", self.heard.all());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(3 * GRACE).await;
        self.heard.all()
    }

    async fn status(&self, person: &str) -> (Status, usize) {
        let view = seen(&self.redis, Scope::Main, person).await.unwrap();
        (view.status, view.sockets)
    }

    /// Waits until a person is so, by what Redis says.
    async fn until(&self, person: &str, expected: (Status, usize)) {
        let began = Instant::now();
        while self.status(person).await != expected {
            assert!(began.elapsed() < LONG, "{person}: {:?}", self.status(person).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.listener.abort();
        self.replicas.iter().for_each(|replica| replica.task.abort());
    }
}

impl Heard {
    fn add(&self, event: &BusEvent) {
        let (update,): (PresenceUpdate,) = serde_json::from_str(&event.args).unwrap();
        let told = (update.user_id.as_str().to_owned(), update.status);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    fn all(&self) -> Vec<(String, Status)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn link_of(house: &House) -> Redis {
    link(&house.server)
}

fn run(presence: &Presence<UserId>) -> JoinHandle<()> {
    tokio::spawn(presence.clone().run_shared(events))
}

fn events(told: &Told<UserId>) -> Vec<Publish> {
    let Told { change, .. } = told;
    let at = Timestamp::from_unix_ms(change.last_seen);
    let update = PresenceUpdate { user_id: change.person.clone(), status: change.status, at };
    vec![publish_of("presence:update", &update, Vec::new())]
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn socket(n: u8) -> SocketId {
    SocketId::from_random([n; 15])
}

fn online(person: &str) -> (String, Status) {
    (person.to_owned(), Status::Online)
}

fn offline(person: &str) -> (String, Status) {
    (person.to_owned(), Status::Offline)
}

#[tokio::test]
async fn two_tabs_on_two_replicas_come_once_and_go_once() {
    let house = House::new().await;
    house.join(0, "ann", 1);
    house.join(1, "ann", 2);
    house.until("ann", (Status::Online, 2)).await;
    assert_eq!(house.told(1).await, [online("ann")]);
    house.leave(0, "ann", 1);
    house.until("ann", (Status::Online, 1)).await;
    house.leave(1, "ann", 2);
    assert_eq!(house.told(2).await, [online("ann"), offline("ann")]);
    assert_eq!(house.status("ann").await, (Status::Offline, 0));
}

#[tokio::test]
async fn reconnecting_to_another_replica_within_the_grace_is_no_news() {
    let house = House::new().await;
    house.join(0, "ann", 0);
    house.told(1).await;
    for n in 1..10 {
        let (from, to) = (usize::from(n - 1) % 3, usize::from(n) % 3);
        house.leave(from, "ann", n - 1);
        house.until("ann", (Status::Online, 0)).await;
        house.join(to, "ann", n);
        house.until("ann", (Status::Online, 1)).await;
    }
    assert_eq!(house.told(1).await, [online("ann")]);
}

#[tokio::test]
async fn a_killed_replica_takes_its_users_offline_once_and_not_those_who_moved() {
    let mut house = House::new().await;
    let names: Vec<String> = (0..250).map(|n| format!("u{n}")).collect();
    for name in &names {
        house.join(0, name, 1);
    }
    house.join(1, "both", 1);
    house.join(0, "both", 2);
    house.told(251).await;
    house.kill(0).await;
    // Some come back elsewhere before it is known that they were away.
    for name in &names[..50] {
        house.join(2, name, 3);
    }
    let told = house.told(251 + 200).await;
    let mut count: HashMap<(String, Status), usize> = HashMap::new();
    for change in told {
        *count.entry(change).or_default() += 1;
    }
    assert!(count.values().all(|times| *times == 1), "told twice: {count:?}");
    for (n, name) in names.iter().enumerate() {
        assert!(count.contains_key(&online(name)), "{name}");
        assert_eq!(count.contains_key(&offline(name)), n >= 50, "{name}");
    }
    assert_eq!(count.len(), 251 + 200);
    assert_eq!(house.replicas[1].presence.len(), 51);
}

#[tokio::test]
async fn a_replica_that_was_frozen_says_anew_who_is_there() {
    let mut house = House::new().await;
    house.join(0, "ann", 1);
    house.join(0, "ben", 1);
    house.told(2).await;
    // Frozen: it does nothing, and keeps what it knows.
    house.kill(0).await;
    house.leave(0, "ben", 1);
    house.told(4).await;
    let presence = house.replicas[0].presence.clone();
    house.replicas[0].task = run(&presence);
    let mut told = house.told(5).await;
    assert_eq!(told.pop(), Some(online("ann")), "{told:?}");
    assert_eq!(told.len(), 4);
    assert_eq!(house.status("ann").await, (Status::Online, 1));
}

#[tokio::test]
async fn while_redis_is_away_nobody_is_judged_and_afterwards_everything_is_as_it_is() {
    let house = House::new().await;
    for person in ["stays", "goes"] {
        house.join(0, person, 1);
    }
    house.told(2).await;
    house.server.signal("STOP");
    house.join(1, "comes", 1);
    house.leave(0, "goes", 1);
    house.join(2, "blinks", 1);
    house.leave(2, "blinks", 1);
    tokio::time::sleep(2 * LEASE).await;
    // Here it is known who is here.
    assert!(house.replicas[0].presence.is_online(&user("stays")));
    assert!(house.replicas[1].presence.is_online(&user("comes")));
    assert_eq!(house.heard.all().len(), 2);
    house.server.signal("CONT");
    let told = house.told(4).await;
    assert_eq!(told[2..], [online("comes"), offline("goes")]);
    for person in ["stays", "comes"] {
        assert_eq!(house.status(person).await, (Status::Online, 1));
    }
}

#[tokio::test]
async fn a_redis_that_came_back_empty_makes_nobody_come_again() {
    let mut house = House::new().await;
    house.join(0, "ann", 1);
    house.join(1, "ben", 1);
    house.told(2).await;
    house.server.kill();
    house.join(2, "cid", 1);
    house.server.up();
    for person in ["ann", "ben", "cid"] {
        house.until(person, (Status::Online, 1)).await;
    }
    assert_eq!(house.told(3).await[2..], [online("cid")]);
    house.leave(0, "ann", 1);
    assert_eq!(house.told(4).await[3..], [offline("ann")]);
}

#[tokio::test]
async fn who_goes_down_in_order_is_not_waited_for() {
    let mut house = House::new().await;
    house.join(0, "ann", 1);
    house.told(1).await;
    house.kill(0).await;
    let began = Instant::now();
    house.replicas[0].presence.goodbye().await;
    house.until("ann", (Status::Offline, 0)).await;
    assert!(began.elapsed() < LEASE, "{:?}", began.elapsed());
    assert_eq!(house.told(2).await, [online("ann"), offline("ann")]);
}

#[tokio::test]
async fn somebody_is_waited_for_who_comes_on_another_replica() {
    let house = House::new().await;
    let (here, ann) = (&house.replicas[2].presence, user("ann"));
    let began = Instant::now();
    assert!(!here.wait_online(&ann, GRACE).await);
    assert!(began.elapsed() >= GRACE);
    let (came, ()) = tokio::join!(here.wait_online(&ann, LONG), async {
        house.join(0, "ann", 1);
    });
    assert!(came);
    // The grace counts, and whoever is here needs no Redis.
    house.leave(0, "ann", 1);
    house.until("ann", (Status::Online, 0)).await;
    assert!(here.wait_online(&ann, Duration::from_secs(5)).await);
    house.join(2, "ben", 1);
    house.server.signal("STOP");
    assert!(here.wait_online(&user("ben"), Duration::ZERO).await);
    house.server.signal("CONT");
}
