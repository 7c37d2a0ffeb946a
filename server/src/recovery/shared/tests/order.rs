//! One order for all.

use super::fake::{Between, Replica, envelope};
use crate::{EmitError, recovery::Log as _};

#[tokio::test(start_paused = true)]
async fn every_replica_delivers_the_same_in_the_same_order() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    a.emit("one");
    b.emit("two");
    a.mention("typing");
    a.emit("three");
    let expected = ["one@1~1", "two@1~2", "typing@1~2", "three@1~3"];
    assert_eq!(a.delivered().await, expected);
    assert_eq!(b.delivered().await, expected);
    let id = |number: u64| (1 << 48) + number;
    assert_eq!((a.log.complete(), b.log.ends()), (id(3), (id(3), id(0))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_before_it_has_its_place_on_the_publishing_replica_either() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.hold(true);
    a.emit("mine");
    assert_eq!(a.delivered().await, [""; 0]);
    between.hold(false);
    b.emit("theirs");
    assert_eq!(a.delivered().await, ["mine@1~1", "theirs@1~2"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_event_may_have_is_refused_where_it_is_published() {
    let between = Between::default();
    let a = Replica::start(&between, "a").await;
    for name in ["connect", "disconnect"] {
        assert!(matches!(a.log.publish(envelope(name, true)), Err(EmitError::Encode(_))), "{name}");
    }
    assert_eq!(between.head(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_for_this_replica_goes_nowhere_else() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    let mut local = envelope("here", true);
    local.target.local = true;
    a.log.publish(local).unwrap();
    assert_eq!(a.delivered().await, ["here@1~0"]);
    assert_eq!(b.delivered().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_begins_has_what_clients_of_others_may_ask_for() {
    let between = Between::default();
    let a = Replica::start(&between, "a").await;
    for n in 0..10 {
        a.emit(&format!("e{n}"));
    }
    between.trim(2);
    let b = Replica::start(&between, "b").await;
    assert_eq!(b.delivered().await, [""; 0]);
    assert_eq!((b.log.ends(), b.log.complete()), (((1 << 48) + 10, (1 << 48) + 2), (1 << 48) + 10));
    assert!(b.log.reaches(b.log.parse(&a.log.offset(a.log.complete())).unwrap()));
    a.emit("next");
    assert_eq!(b.delivered().await, ["next@1~11"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_be_ahead_of_the_replica_that_it_comes_to() {
    let between = Between::default();
    let (a, b) = (Replica::start(&between, "a").await, Replica::start(&between, "b").await);
    between.deafen("b", true);
    a.emit("one");
    let offset = {
        let _ = a.delivered().await;
        a.log.offset(a.log.complete())
    };
    between.deafen("b", false);
    let wanted = b.log.parse(&offset).unwrap();
    assert!(!b.log.reaches(wanted));
    assert!(b.log.arrival(wanted).await, "the next tick says that something is missing");
    assert!(b.log.reaches(wanted));
    assert!(!b.log.arrival(wanted + 1).await, "one that never was is not waited for for ever");
}
