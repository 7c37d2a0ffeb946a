//! Presence in virtual time.

use std::sync::mpsc::{Receiver, channel};

use super::*;

const GRACE: Duration = Duration::from_secs(5);

/// A scope with its task, and what it announced.
struct Scope {
    presence: Presence<&'static str>,
    announced: Receiver<(&'static str, Status)>,
    tasks: tokio::task::JoinSet<()>,
}

fn socket(n: u8) -> SocketId {
    SocketId::from_random([n; 15])
}

impl Scope {
    fn new() -> Self {
        let presence = Presence::new(GRACE, Clock::standing_at(1_000));
        let (sender, announced) = channel();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(presence.clone().run(move |change: Change<&'static str>| {
            sender.send((change.person, change.status)).unwrap();
            std::future::ready(())
        }));
        Self { presence, announced, tasks }
    }

    /// Lets time go by, and tells what was announced in it.
    async fn after(&mut self, time: Duration) -> Vec<(&'static str, Status)> {
        tokio::time::sleep(time).await;
        assert_eq!(self.tasks.len(), 1);
        self.announced.try_iter().collect()
    }
}

const SHORT: Duration = Duration::from_millis(1);
const ALMOST: Duration = Duration::from_millis(4_990);

#[tokio::test(start_paused = true)]
async fn two_tabs_are_one_person() {
    let mut scope = Scope::new();
    assert!(scope.presence.join(&"ann", socket(1)));
    assert!(!scope.presence.join(&"ann", socket(2)));
    assert_eq!(scope.after(SHORT).await, [("ann", Status::Online)]);
    scope.presence.leave(&"ann", &socket(1));
    assert_eq!(scope.after(2 * GRACE).await, []);
    assert_eq!(scope.presence.seen(&"ann").sockets, 1);
    scope.presence.leave(&"ann", &socket(2));
    assert_eq!(scope.after(ALMOST).await, []);
    assert!(scope.presence.is_online(&"ann"));
    assert_eq!(scope.after(Duration::from_millis(20)).await, [("ann", Status::Offline)]);
    assert_eq!(scope.after(2 * GRACE).await, []);
    let seen = Seen { status: Status::Offline, last_seen: Some(1_000), sockets: 0 };
    assert_eq!(scope.presence.seen(&"ann"), seen);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_within_the_grace_was_never_away() {
    let mut scope = Scope::new();
    scope.presence.join(&"ann", socket(1));
    scope.after(SHORT).await;
    // Each time with a grace of its own: the first one's end means nothing any more.
    for n in 1..10 {
        scope.presence.leave(&"ann", &socket(n));
        assert_eq!(scope.after(ALMOST).await, []);
        assert!(!scope.presence.join(&"ann", socket(n + 1)));
    }
    assert_eq!(scope.after(10 * GRACE).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_goes_on_over_a_new_connection_is_not_ended_by_the_old_one() {
    let mut scope = Scope::new();
    scope.presence.join(&"ann", socket(1));
    scope.after(SHORT).await;
    scope.presence.join(&"ann", socket(1));
    scope.presence.leave(&"ann", &socket(1));
    assert_eq!(scope.after(2 * GRACE).await, []);
    assert_eq!(scope.presence.sockets(&"ann"), [socket(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_stays_away_comes_anew() {
    let mut scope = Scope::new();
    scope.presence.join(&"ann", socket(1));
    scope.presence.leave(&"ann", &socket(1));
    // A socket that is not theirs, or has left already, changes nothing.
    scope.presence.leave(&"ann", &socket(1));
    scope.presence.leave(&"ben", &socket(1));
    assert_eq!(scope.after(SHORT).await, [("ann", Status::Online)]);
    assert_eq!(scope.after(GRACE).await, [("ann", Status::Offline)]);
    assert!(scope.presence.join(&"ann", socket(2)));
    assert_eq!(scope.after(SHORT).await, [("ann", Status::Online)]);
}

#[tokio::test(start_paused = true)]
async fn somebody_is_waited_for() {
    let mut scope = Scope::new();
    let presence = scope.presence.clone();
    let began = Instant::now();
    assert!(!presence.wait_online(&"ann", GRACE).await);
    assert_eq!(began.elapsed(), GRACE);
    let (waiting, late) = (presence.clone(), presence.clone());
    scope.tasks.spawn(async move {
        assert!(waiting.wait_online(&"ann", GRACE).await);
        assert!(began.elapsed() < 2 * GRACE);
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    late.join(&"ann", socket(1));
    scope.tasks.join_next().await.unwrap().unwrap();
    // Who is there, the grace included, is not waited for.
    late.leave(&"ann", &socket(1));
    let began = Instant::now();
    assert!(presence.wait_online(&"ann", GRACE).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(presence.wait(&"ben").is_some());
}
