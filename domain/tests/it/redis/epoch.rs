//! Whether a log that lost something is told from one that did not.

use crier_domain::{
    Bus, Clock,
    redis::{Look, Lost, Redis, RedisBus, Seen, cmd},
};

use super::{server::Server, shipped, writer};
use crate::store::rig::event;

async fn publish(bus: &RedisBus, count: usize) {
    for _ in 0..count {
        assert!(bus.publish(event("e")).await.is_ok());
    }
}

async fn looked(redis: &Redis, before: &Seen) -> Look {
    redis.look(Some(before)).await.unwrap()
}

#[tokio::test]
async fn a_log_that_only_grows_keeps_its_epoch() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let first = redis.look(None).await.unwrap();
    assert_eq!((first.seen.number, first.seen.time, first.lost), (0, None, None));
    assert_eq!(first.seen.epoch.len(), 16);
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    publish(&bus, 3).await;
    let second = looked(&redis, &first.seen).await;
    assert_eq!((second.seen.number, second.lost), (3, None));
    assert_eq!(second.seen.epoch, first.seen.epoch);
    assert!(second.seen.time.is_some());
    publish(&bus, 2).await;
    let third = looked(&redis, &second.seen).await;
    assert_eq!((third.seen.number, third.lost), (5, None));
    // What was seen is trimmed by now: nothing speaks against it.
    let mut trim = cmd("XTRIM");
    trim.arg(redis.keys().log()).arg("MINID").arg("5-0");
    let () = redis.query(&trim).await.unwrap();
    assert_eq!(looked(&redis, &second.seen).await.lost, None);
}

#[tokio::test]
async fn a_log_that_begins_by_itself_has_an_epoch() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
    publish(&bus, 1).await;
    let epoch: String = redis.query(cmd("GET").arg(redis.keys().epoch())).await.unwrap();
    assert_eq!(redis.look(None).await.unwrap().seen.epoch, epoch);
}

#[tokio::test]
async fn whatever_is_lost_every_replica_gets_the_same_new_epoch() {
    for (lose, expected) in [
        ("the end", Lost::Shorter),
        ("the end, and goes on", Lost::OtherEvent),
        ("everything", Lost::OtherEpoch),
        ("everything but the epoch", Lost::Shorter),
    ] {
        let server = Server::start(&[]);
        let redis = server.redis("crier");
        let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
        publish(&bus, 5).await;
        let before = redis.look(None).await.unwrap().seen;
        let keys = redis.keys();
        let (number, log) = (keys.number(), keys.log());
        match lose {
            "everything" => redis.query::<()>(&cmd("FLUSHALL")).await.unwrap(),
            "everything but the epoch" => {
                redis.query::<()>(cmd("DEL").arg(number).arg(log)).await.unwrap();
            }
            _ => {
                // As a file that was cut back leaves it: without the last two.
                let () = redis.query(cmd("XDEL").arg(log).arg("4-0").arg("5-0")).await.unwrap();
                let () = redis.query(cmd("XSETID").arg(log).arg("3-0")).await.unwrap();
                let () = redis.query(cmd("SET").arg(number).arg(3)).await.unwrap();
                if lose.ends_with("on") {
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                    publish(&bus, 4).await;
                }
            }
        }
        let other = server.redis("crier");
        let (one, two) = tokio::join!(looked(&redis, &before), looked(&other, &before));
        assert_eq!(one.seen.epoch, two.seen.epoch, "{lose}");
        assert_ne!(one.seen.epoch, before.epoch, "{lose}");
        let reasons = [one.lost, two.lost];
        assert!(reasons.contains(&Some(expected)), "{lose}: {reasons:?}");
        assert!(!reasons.contains(&None), "{lose}: {reasons:?}");
        assert_eq!(looked(&redis, &one.seen).await.lost, None, "{lose}: once is enough");
    }
}

#[tokio::test]
async fn a_redis_that_was_started_again_is_believed_only_if_it_syncs_every_write() {
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let everysec = everysec.map(str::to_owned).to_vec();
    for (arguments, lost) in [(shipped(), None), (everysec, Some(Lost::Restarted))] {
        let mut server = Server::run(arguments);
        let redis = server.redis("crier");
        let bus = RedisBus::new(writer(&redis, &Clock::system()).0);
        publish(&bus, 3).await;
        let before = redis.look(None).await.unwrap().seen;
        server.kill();
        server.up();
        let look = looked(&redis, &before).await;
        assert_eq!((look.seen.number, look.lost), (3, lost));
        assert_ne!(look.seen.run_id, before.run_id);
        assert_eq!(look.seen.epoch == before.epoch, lost.is_none());
    }
}
