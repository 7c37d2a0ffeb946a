//! The log begins a new life.

use super::fake::{Between, Replica};
use crate::{lock, recovery::Log as _};

#[tokio::test(start_paused = true)]
async fn a_log_that_kept_everything_goes_on_under_another_epoch() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    a.emit("one");
    let _ = (a.delivered().await, b.delivered().await);
    let (before, id) = (b.log.offset(b.log.complete()), b.log.complete());
    between.deafen("b", true);
    a.emit("two");
    between.restart(2);
    between.deafen("b", false);
    a.ready().await;
    // What was not heard before is delivered all the same.
    assert_eq!(b.delivered().await, ["two@2~2"]);
    a.emit("three");
    assert_eq!(b.delivered().await, ["three@2~3"]);
    // Who has an offset of before is told that it is void.
    assert_eq!(b.log.parse(&before), None);
    assert!(b.log.complete() > id, "numbers here only grow");
    assert_eq!((lock(&a.told).renewed, lock(&b.told).renewed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn of_a_log_that_lost_its_end_what_is_new_is_delivered() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    for n in 1..=8 {
        a.emit(&format!("e{n}"));
    }
    let _ = (a.delivered().await, b.delivered().await);
    // Five are left; three others take the numbers of those that are lost, before anybody has noticed.
    between.restart(5);
    for name in ["six", "seven", "eight", "nine"] {
        a.emit(name);
    }
    let expected = ["six@2~6", "seven@2~7", "eight@2~8", "nine@2~9"];
    assert_eq!(a.delivered().await, expected);
    assert_eq!(b.delivered().await, expected);
    assert_eq!(lock(&b.told).renewed, 1);
    assert_eq!(lock(&b.told).holed, 0);
}

#[tokio::test(start_paused = true)]
async fn of_a_log_that_lost_everything_too() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    for n in 1..=3 {
        a.emit(&format!("e{n}"));
    }
    let _ = (a.delivered().await, b.delivered().await);
    between.restart(0);
    assert_eq!(b.delivered().await, [""; 0]);
    a.emit("anew");
    assert_eq!(b.delivered().await, ["anew@2~1"]);
    assert_eq!(a.delivered().await, ["anew@2~1"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_in_while_the_ring_is_filled_with_what_was_delivered_before() {
    let between = Between::default();
    let a = Replica::start(&between, "a").await;
    for n in 1..=3 {
        a.emit(&format!("e{n}"));
    }
    let _ = a.delivered().await;
    let newest = a.log.complete();
    assert!(a.log.arrival(newest).await);
    // As on the way up: three were delivered elsewhere, and one of them is here by now.
    a.log.line.restart(newest - 2, newest);
    assert!(!a.log.arrival(newest - 2).await, "a replay would have a hole");
    a.log.line.restart(newest, newest);
    assert!(a.log.arrival(newest - 2).await);
}
