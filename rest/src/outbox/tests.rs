//! An outbox in front of a bus that goes away and comes back.

use std::sync::{Mutex, PoisonError, atomic::AtomicBool};

use crier_domain::{Args, Class, Filter};
use crier_protocol::Namespace;
use tokio_util::sync::CancellationToken;

use super::*;

/// Notes what it is given; takes a limited number of events before it is away.
#[derive(Debug, Default)]
struct Fickle {
    away: AtomicBool,
    taken: Mutex<Vec<(String, String)>>,
    /// Takes this many more, then is away.
    left: Mutex<Option<usize>>,
    /// Says that it is away though it has taken the event: the answer was lost.
    loses_answers: AtomicBool,
}

const AWAY: BusError = BusError::Unavailable { retry_after: Duration::from_millis(10) };

impl Fickle {
    fn names(&self) -> Vec<String> {
        locked(&self.taken).iter().map(|(_, event)| event.clone()).collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus for Fickle {
    fn publish(&self, event: Publish) -> PublishFuture<'_> {
        Box::pin(async move {
            if self.away.load(Ordering::Acquire) {
                return Err(AWAY);
            }
            if let Some(left) = locked(&self.left).as_mut() {
                if *left == 0 {
                    return Err(AWAY);
                }
                *left -= 1;
            }
            let id = event.idempotency.expect("an event of an outbox has an id").key;
            if event.event == "poison" {
                return Err(BusError::Conflict);
            }
            let mut taken = locked(&self.taken);
            let repeated = taken.iter().any(|(known, _)| *known == id);
            if !repeated {
                taken.push((id, event.event));
            }
            if self.loses_answers.swap(false, Ordering::AcqRel) {
                return Err(AWAY);
            }
            Ok(Published { repeated })
        })
    }
}

fn event(name: &str, id: Option<(&str, u8)>) -> Publish {
    Publish {
        namespace: Namespace::MAIN,
        event: name.to_owned(),
        args: Args::default(),
        rooms: Vec::new(),
        except: Vec::new(),
        class: Class::Recoverable,
        key: None,
        volatile: false,
        filter: Filter::default(),
        everyone_up_to: None,
        settle: None,
        idempotency: id
            .map(|(key, body)| Idempotency { key: key.to_owned(), fingerprint: [body; 32] }),
    }
}

async fn outbox(folder: &Path, bus: &Arc<Fickle>, options: OutboxOptions) -> Outbox {
    let (bus, clock) = (Arc::clone(bus) as Arc<dyn Bus>, Clock::system());
    Outbox::open(folder, bus, clock, Arc::default(), options).await.unwrap()
}

/// Runs the relay until nothing waits.
async fn emptied(outbox: &Outbox) {
    let stop = CancellationToken::new();
    let empty = async {
        while !outbox.is_empty() {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    let both = async { tokio::join!(outbox.clone().relay(stop.clone()), empty) };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
}

fn numbered(n: usize) -> String {
    format!("e{n}")
}

#[tokio::test]
async fn while_the_bus_is_there_nothing_touches_the_disk() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    assert_eq!(outbox.publish(event("a", None)).await, Ok(Published { repeated: false }));
    assert_eq!((bus.names(), outbox.len()), (vec!["a".to_owned()], 0));
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_delivered_in_order_also_by_the_next_process() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let first = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    first.publish(event("e0", None)).await.unwrap();
    bus.away.store(true, Ordering::Release);
    for n in 1..400 {
        first.publish(event(&numbered(n), None)).await.unwrap();
    }
    bus.away.store(false, Ordering::Release);
    // Behind those that wait, though the bus is there again.
    for n in 400..600 {
        first.publish(event(&numbered(n), None)).await.unwrap();
    }
    assert_eq!((first.len(), bus.names().len()), (599, 1));
    first.close();
    drop(first);

    let second = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    assert_eq!(second.len(), 599);
    second.publish(event("e600", None)).await.unwrap();
    emptied(&second).await;
    assert_eq!(bus.names(), (0..=600).map(numbered).collect::<Vec<_>>());
    // And straight on from then.
    second.publish(event("e601", None)).await.unwrap();
    assert_eq!((bus.names().len(), second.len()), (602, 0));
}

#[tokio::test]
async fn a_bus_that_goes_away_in_the_middle_gets_the_rest_later_in_order() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    bus.away.store(true, Ordering::Release);
    for n in 0..100 {
        outbox.publish(event(&numbered(n), None)).await.unwrap();
    }
    bus.away.store(false, Ordering::Release);
    *locked(&bus.left) = Some(37);
    let stop = CancellationToken::new();
    let mut relay = tokio::task::JoinSet::new();
    relay.spawn(outbox.clone().relay(stop.clone()));
    while bus.names().len() < 37 || outbox.len() > 63 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(outbox.len(), 63);
    *locked(&bus.left) = None;
    while !outbox.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.cancel();
    relay.join_next().await.unwrap().unwrap();
    assert_eq!(bus.names(), (0..100).map(numbered).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_that_was_lost_makes_no_second_event() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    bus.loses_answers.store(true, Ordering::Release);
    // Without an id of its caller's: the outbox gave it one before the first try.
    outbox.publish(event("a", None)).await.unwrap();
    assert_eq!((bus.names().len(), outbox.len()), (1, 1));
    emptied(&outbox).await;
    assert_eq!(bus.names().len(), 1);
}

#[tokio::test]
async fn a_retry_under_the_same_id_waits_once() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    bus.away.store(true, Ordering::Release);
    let publish = |body| outbox.publish(event("a", Some(("id", body))));
    assert_eq!(publish(1).await, Ok(Published { repeated: false }));
    assert_eq!(publish(1).await, Ok(Published { repeated: true }));
    assert_eq!(publish(2).await, Err(BusError::Conflict));
    assert_eq!(outbox.len(), 1);
}

#[tokio::test]
async fn an_event_that_is_refused_for_good_holds_up_nobody() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    bus.away.store(true, Ordering::Release);
    for name in ["a", "poison", "b"] {
        outbox.publish(event(name, None)).await.unwrap();
    }
    bus.away.store(false, Ordering::Release);
    emptied(&outbox).await;
    assert_eq!((bus.names(), outbox.dead()), (vec!["a".to_owned(), "b".to_owned()], 1));
    let dead = outbox.0.store.scan(Scan::of(Key::of("dead"), 10)).await.unwrap();
    assert_eq!(dead.len(), 1);
}

#[tokio::test]
async fn beyond_its_bounds_nothing_is_taken() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let rows = OutboxOptions { rows_max: 3, ..OutboxOptions::default() };
    let outbox = outbox(folder.path(), &bus, rows).await;
    bus.away.store(true, Ordering::Release);
    for n in 0..3 {
        outbox.publish(event(&numbered(n), None)).await.unwrap();
    }
    assert_eq!(outbox.publish(event("e3", None)).await, Err(FULL));
    assert_eq!(outbox.len(), 3);
    bus.away.store(false, Ordering::Release);
    emptied(&outbox).await;
    outbox.publish(event("e4", None)).await.unwrap();
    assert_eq!(bus.names(), ["e0", "e1", "e2", "e4"]);
}

#[tokio::test]
async fn concurrent_publishers_each_keep_their_own_order() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let outbox = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    bus.away.store(true, Ordering::Release);
    let publish = |who: usize| {
        let outbox = outbox.clone();
        async move {
            for n in 0..50 {
                outbox.publish(event(&format!("{who}:{n:02}"), None)).await.unwrap();
            }
        }
    };
    futures_util::future::join_all((0..8).map(publish)).await;
    bus.away.store(false, Ordering::Release);
    emptied(&outbox).await;
    for who in 0..8 {
        let prefix = format!("{who}:");
        let own: Vec<String> =
            bus.names().into_iter().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(own, (0..50).map(|n| format!("{who}:{n:02}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn two_processes_do_not_share_a_file() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Arc::<Fickle>::default());
    let _first = outbox(folder.path(), &bus, OutboxOptions::default()).await;
    let second =
        Outbox::open(folder.path(), bus, Clock::system(), Arc::default(), OutboxOptions::default());
    let error = second.await.unwrap_err().to_string();
    assert!(error.contains("another process is using this folder"), "{error}");
}
