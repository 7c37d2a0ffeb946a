//! The channel loses, the stream has it.

use std::time::Duration;

use crier_protocol::Pid;
use tokio::time::{Instant, sleep};

use super::{
    super::{
        AwayOrder,
        wire::{Heard, Record, Said},
    },
    fake::{Between, Replica, envelope},
};
use crate::{EmitError, lock, recovery::Log as _};

#[tokio::test(start_paused = true)]
async fn a_gap_is_filled_before_anything_goes_on() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    for n in 1..=7 {
        a.emit(&format!("lost{n}"));
    }
    between.deafen("b", false);
    a.emit("eighth");
    // Behind the fill, which takes several trips.
    a.mention("typing");
    let expected: Vec<String> = (1..=7)
        .map(|n| format!("lost{n}@1~{n}"))
        .chain(["eighth@1~8".to_owned(), "typing@1~8".to_owned()])
        .collect();
    assert_eq!(b.delivered().await, expected);
    assert_eq!(a.delivered().await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_lost_end_is_noticed_by_the_next_tick() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    a.emit("last");
    between.deafen("b", false);
    let began = Instant::now();
    while b.delivered_now().is_empty() {
        sleep(Duration::from_millis(1)).await;
        assert!(began.elapsed() < Duration::from_millis(400), "nobody spoke");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_or_late_is_taken_once() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    a.emit("one");
    a.emit("two");
    for number in [1, 2, 1] {
        let said = Said::Logged(between.record(number));
        between.tell("b", Heard { said, lost: false });
    }
    a.emit("three");
    assert_eq!(b.delivered().await, ["one@1~1", "two@1~2", "three@1~3"]);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_overflowed_is_made_good() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    a.emit("dropped");
    a.emit("dropped too");
    // The next that gets through says so; it need not be an event.
    let said = Said::Kick { pid: Pid::from_random([1; 16]), generation: 4 };
    between.tell("b", Heard { said, lost: true });
    sleep(Duration::from_millis(20)).await;
    assert_eq!(b.delivered_now(), ["dropped@1~1", "dropped too@1~2"]);
    assert_eq!(lock(&b.told).kicked, [(Pid::from_random([1; 16]), 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_loses_nothing() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    a.emit("before");
    let _ = b.delivered().await;
    for n in 0..20 {
        between.cut(false);
        a.emit(&format!("e{n}"));
        sleep(Duration::from_millis(n * 7)).await;
    }
    let expected: Vec<String> = (0..20).map(|n| format!("e{n}@1~{}", n + 2)).collect();
    assert_eq!(b.delivered().await, expected);
    let told = lock(&b.told);
    assert_eq!((told.renewed, told.holed), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_comes_through_ephemeral_events_stay_here() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.cut(true);
    sleep(Duration::from_millis(10)).await;
    assert!(!a.log.is_healthy());
    a.mention("typing");
    assert_eq!(a.delivered_now(), ["typing@1~0"]);
    assert!(matches!(a.log.publish(envelope("order", true)), Err(EmitError::Overloaded)));
    sleep(Duration::from_secs(60)).await;
    between.cut(false);
    a.ready().await;
    b.ready().await;
    a.emit("order");
    assert_eq!(a.delivered().await, ["order@1~1"]);
    assert_eq!(b.delivered().await, ["order@1~1"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_silent_is_given_up() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    let began = Instant::now();
    while b.log.is_healthy() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(3_300), "{:?}", began.elapsed());
    a.emit("meanwhile");
    // It listens anew, in vain for now, and reads what there is each time.
    assert_eq!(b.delivered().await, ["meanwhile@1~1"]);
    assert!(!b.log.is_healthy() && a.log.is_healthy());
    between.deafen("b", false);
    b.ready().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_read_has_its_place() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("a", true);
    between.deafen("b", true);
    a.emit("lost");
    let order =
        AwayOrder { namespace: None, owner: Some("ann".to_owned()), in_any: vec![], leave: None };
    a.log.order(&order).unwrap();
    between.deafen("b", false);
    between.tell("b", Heard { said: Said::Foreign, lost: false });
    let Record { time, .. } = between.record(1);
    between.tell(
        "b",
        Heard { said: Said::Logged(Record { number: 1, time, body: None }), lost: false },
    );
    b.emit("third");
    assert_eq!(b.delivered().await, ["third@1~3"]);
    assert_eq!(lock(&b.told).ordered, [((1 << 48) + 2, order)]);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_gone_before_they_were_had_are_told_of() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    for n in 1..=9 {
        a.emit(&format!("e{n}"));
    }
    between.trim(6);
    between.deafen("b", false);
    assert_eq!(b.delivered().await, ["e7@1~7", "e8@1~8", "e9@1~9"]);
    assert_eq!(lock(&b.told).holed, 1);
    let before = b.log.parse(&a.log.offset((1 << 48) + 5)).unwrap();
    assert!(!b.log.reaches(before));
}
