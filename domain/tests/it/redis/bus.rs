//! The bus: what is published reaches whoever listens, in the log's order, once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use crier_domain::{
    Bus, BusError, Class, Clock, Filter, Idempotency, Publish, Published, Role, Store,
    redis::{BusEvent, Redis, RedisBus, RedisStore, Subscription, cmd},
    store::{Commit, Committed},
};
use crier_protocol::Room;

use super::{log, server::Server, writer, writer_among};
use crate::store::rig::{NOW, claim, event};

const SENT: Result<Published, BusError> = Ok(Published { repeated: false });

/// A message of the channel, taken apart and its signature checked: number (of logged ones) and event.
async fn heard(redis: &Redis, subscription: &mut Subscription) -> (Option<u64>, BusEvent) {
    let next = tokio::time::timeout(Duration::from_secs(10), subscription.next());
    let payload = next.await.expect("nothing came").unwrap().payload;
    let bar = |bytes: &Bytes| bytes.iter().position(|b| *b == b'|').unwrap();
    let at = bar(&payload);
    let (first, mut sealed) = (payload.slice(..at), payload.slice(at + 1..));
    let number = (first != "-").then(|| {
        let at = bar(&sealed);
        let time: u64 = std::str::from_utf8(&sealed[..at]).unwrap().parse().unwrap();
        assert!(time > 1_700_000_000_000);
        sealed = sealed.slice(at + 1..);
        std::str::from_utf8(&first).unwrap().parse().unwrap()
    });
    let body = redis.signer().open(redis.keys().bus(), &sealed).expect("it is signed");
    (number, BusEvent::decode(&body).unwrap())
}

fn named(name: &str, class: Class) -> Publish {
    Publish { class, ..event(name) }
}

#[tokio::test]
async fn events_go_over_the_channel_in_order_and_logged_ones_have_numbers() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    let mut channel = redis.subscribe(&[redis.keys().bus().to_owned()]).await.unwrap();
    let full = Publish {
        rooms: vec![Room::from("a"), Room::from("b")],
        except: vec![Room::from("c")],
        filter: Filter { signed_in: true, roles: vec![Role::Admin], ..Filter::default() },
        key: Some("k".to_owned()),
        ..named("full", Class::Recoverable)
    };
    assert_eq!(bus.publish(full.clone()).await, SENT);
    assert_eq!(bus.publish(named("typing", Class::Ephemeral)).await, SENT);
    assert_eq!(bus.publish(named("order", Class::Durable)).await, SENT);
    let volatile = Publish { volatile: true, ..named("tick", Class::Recoverable) };
    assert_eq!(bus.publish(volatile).await, SENT);

    let first = heard(&redis, &mut channel).await;
    let expected = BusEvent { sender: "abcd".to_owned(), ..BusEvent::from(&full) };
    assert_eq!(first, (Some(1), expected.clone()));
    for (number, name) in [(None, "typing"), (Some(2), "order"), (None, "tick")] {
        let (n, event) = heard(&redis, &mut channel).await;
        assert_eq!((n, event.event.as_str()), (number, name));
    }
    let kept = log(&redis).await;
    assert_eq!(kept[0], (1, expected));
    assert_eq!((kept.len(), kept[1].0), (2, 2));
}

#[tokio::test]
async fn what_is_enqueued_keeps_its_order_with_what_is_awaited() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    let mut channel = redis.subscribe(&[redis.keys().bus().to_owned()]).await.unwrap();
    let mut photo = BusEvent::from(&event("photo"));
    photo.args = r#"[{"_placeholder":true,"num":0}]"#.into();
    photo.attachments = vec![Bytes::from_static(b"\x00\x01")];
    for n in 0..1_000 {
        photo.event = format!("photo {n}");
        photo.volatile = n % 3 == 0;
        bus.enqueue(&photo).unwrap();
    }
    assert_eq!(bus.publish(named("last", Class::Durable)).await, SENT);
    let mut numbers = 0;
    for n in 0..1_000 {
        let (number, event) = heard(&redis, &mut channel).await;
        assert_eq!(event.event, format!("photo {n}"));
        assert_eq!(event.attachments, photo.attachments);
        assert_eq!(number.is_none(), n % 3 == 0);
        numbers += u64::from(number.is_some());
        assert_eq!(number.unwrap_or(numbers), numbers, "dense");
    }
    assert_eq!(heard(&redis, &mut channel).await.1.event, "last");
}

#[tokio::test]
async fn a_retry_is_recognised_by_every_replica_for_a_day() {
    let server = Server::start(&[]);
    let clock = Clock::standing_at(NOW);
    // Two replicas: each with its own link.
    let (one, two) = (server.redis("crier"), server.redis("crier"));
    let buses = [&one, &two].map(|redis| RedisBus::new(writer(redis, &clock).0));
    let publish = |replica: usize, body: u8| {
        let id = Idempotency { key: "a".to_owned(), fingerprint: [body; 32] };
        buses[replica].publish(Publish { idempotency: Some(id), ..event("made") })
    };
    let known = async |replica: usize, body: u8| {
        let id = Idempotency { key: "a".to_owned(), fingerprint: [body; 32] };
        buses[replica].was_published(&id).await
    };
    assert_eq!(known(1, 1).await, Ok(false));
    assert_eq!(publish(0, 1).await, SENT);
    assert_eq!((known(1, 1).await, known(1, 2).await), (Ok(true), Err(BusError::Conflict)));
    assert_eq!(publish(1, 1).await, Ok(Published { repeated: true }));
    assert_eq!(publish(1, 2).await, Err(BusError::Conflict));
    clock.advance(24 * 60 * 60 * 1_000 - 1);
    assert_eq!(publish(0, 1).await, Ok(Published { repeated: true }));
    clock.advance(1);
    assert_eq!(publish(1, 2).await, SENT);
    assert_eq!(log(&one).await.len(), 2);
}

#[tokio::test]
async fn an_event_goes_to_everyone_while_they_are_few() {
    let server = Server::start(&[]);
    let (clock, redis) = (Clock::standing_at(NOW), server.redis("crier"));
    let publish = Publish {
        rooms: vec![Room::from("store:1")],
        everyone_up_to: Some(1_000),
        ..event("product")
    };
    for (sockets, rooms) in [(1_000, 0), (1_001, 1)] {
        let (writer, _) = writer_among(&redis, &clock, sockets);
        let (bus, store) = (RedisBus::new(writer.clone()), RedisStore::new(writer));
        let id = |key: &str| Idempotency { key: key.to_owned(), fingerprint: [1; 32] };
        assert_eq!(bus.publish(publish.clone()).await, SENT);
        let with_id = Publish { idempotency: Some(id(&sockets.to_string())), ..publish.clone() };
        assert_eq!(bus.publish(with_id.clone()).await, SENT);
        assert_eq!(bus.publish(with_id).await, Ok(Published { repeated: true }));
        let commit = || Commit {
            claim: Some(claim(&format!("c{sockets}"), 1, "answer")),
            events: vec![publish.clone()],
            writes: vec![],
        };
        assert!(matches!(store.commit(commit()).await, Ok(Committed::Done { .. })));
        let repeated = store.commit(commit()).await;
        assert_eq!(repeated, Ok(Committed::Repeated { answer: "answer".into() }));
        let log = log(&redis).await;
        let newest: Vec<_> = log.iter().rev().take(3).map(|(_, e)| e.rooms.len()).collect();
        assert_eq!(newest, [rooms; 3], "{sockets} sockets");
    }
    assert_eq!(log(&redis).await.len(), 6);
}

#[tokio::test]
async fn what_settles_is_sent_once_where_it_ended() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let (writer, _) = writer(&redis, &Clock::system());
    let (bus, store) = (RedisBus::new(writer.clone()), RedisStore::new(writer));
    let mut channel = redis.subscribe(&[redis.keys().bus().to_owned()]).await.unwrap();
    let settling = |name: &str| Publish {
        settle: Some(Duration::from_millis(150)),
        key: Some("store:1".to_owned()),
        ..named(name, Class::Ephemeral)
    };
    assert_eq!(bus.publish(settling("offline")).await, SENT);
    let commit = Commit { events: vec![settling("online")], ..Commit::default() };
    assert!(matches!(store.commit(commit).await, Ok(Committed::Done { .. })));
    let with_id = Publish {
        idempotency: Some(Idempotency { key: "a".to_owned(), fingerprint: [1; 32] }),
        ..settling("away")
    };
    assert_eq!(bus.publish(with_id.clone()).await, SENT);
    assert_eq!(bus.publish(with_id).await, Ok(Published { repeated: true }));
    assert_eq!(bus.publish(named("first", Class::Ephemeral)).await, SENT);
    assert_eq!(heard(&redis, &mut channel).await.1.event, "first");
    assert_eq!(heard(&redis, &mut channel).await, {
        let event = BusEvent::from(&settling("away"));
        (None, BusEvent { sender: "abcd".to_owned(), ..event })
    });
}

#[tokio::test]
async fn what_waits_is_sent_when_the_work_is_told_to_stop() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let options = crier_domain::redis::WriterOptions {
        keep: Duration::from_secs(60),
        entries_max: 1_000,
        sender: String::new(),
    };
    let cluster = Arc::new(super::Sockets(0));
    let (writer, work) =
        crier_domain::redis::Writer::new(redis.clone(), options, Clock::system(), cluster);
    let bus = RedisBus::new(writer);
    let mut channel = redis.subscribe(&[redis.keys().bus().to_owned()]).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let work = tokio::spawn(work.run(async {
        let _ = stopped.await;
    }));
    let settling = Publish {
        settle: Some(Duration::from_secs(3_600)),
        key: Some("k".to_owned()),
        ..named("settling", Class::Ephemeral)
    };
    assert_eq!(bus.publish(settling).await, SENT);
    bus.enqueue(&BusEvent::from(&event("queued"))).unwrap();
    stop.send(()).unwrap();
    work.await.unwrap();
    let names = [heard(&redis, &mut channel).await, heard(&redis, &mut channel).await];
    let mut names = names.map(|(_, event)| event.event);
    names.sort();
    assert_eq!(names, ["queued", "settling"]);
    let late = bus.publish(event("late")).await;
    assert!(matches!(late, Err(BusError::Overloaded { .. } | BusError::Unavailable { .. })));
}

#[tokio::test]
async fn the_log_is_trimmed_by_time_and_by_count() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let (bus, _) = bus_keeping(&redis, Duration::from_secs(3_600), 200);
    for _ in 0..1_000 {
        bus.enqueue(&BusEvent::from(&event("e"))).unwrap();
    }
    assert_eq!(bus.publish(event("last")).await, SENT);
    let kept = log(&redis).await;
    assert!((200..=400).contains(&kept.len()), "{}: whole nodes of the stream", kept.len());
    assert_eq!(kept.last().unwrap().0, 1_001);

    // Marks as if the events had been published long ago; the next one cuts behind the newest old one.
    let marks = redis.keys().marks();
    let () = redis.query(cmd("DEL").arg(marks)).await.unwrap();
    for mark in ["1000:900", "2000:950", "3000:1001"] {
        let () = redis.query(cmd("RPUSH").arg(marks).arg(mark)).await.unwrap();
    }
    assert_eq!(bus.publish(event("now")).await, SENT);
    let kept = log(&redis).await;
    assert!(kept[0].0 > 900 && kept.len() <= 102, "{} from {}", kept.len(), kept[0].0);
    let left: Vec<String> = redis.query(cmd("LRANGE").arg(marks).arg(0).arg(-1)).await.unwrap();
    assert_eq!((left.len(), left[0].as_str()), (2, "3000:1001"));
    assert!(left[1].ends_with(":1002"), "{left:?}");

    // A clock that was set back does not stop the trimming for ever.
    let () = redis.query(cmd("RPUSH").arg(marks).arg("99999999999999:1002")).await.unwrap();
    assert_eq!(bus.publish(event("back")).await, SENT);
    let left: Vec<String> = redis.query(cmd("LRANGE").arg(marks).arg(0).arg(-1)).await.unwrap();
    assert_eq!(left.len(), 1);
}

fn bus_keeping(redis: &Redis, keep: Duration, entries_max: usize) -> (RedisBus, ()) {
    let options = crier_domain::redis::WriterOptions { keep, entries_max, sender: String::new() };
    let cluster = Arc::new(super::Sockets(0));
    let (writer, work) =
        crier_domain::redis::Writer::new(redis.clone(), options, Clock::system(), cluster);
    tokio::spawn(work.run(std::future::pending()));
    (RedisBus::new(writer), ())
}

#[tokio::test]
async fn numbers_go_on_where_somebody_took_the_counter_away() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    for _ in 0..3 {
        assert_eq!(bus.publish(event("e")).await, SENT);
    }
    let () = redis.query(cmd("DEL").arg(redis.keys().number())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(bus.publish(event("e")).await, SENT);
    }
    let numbers: Vec<_> = log(&redis).await.iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}
