//! `connected` is the first event of a client on `/`, whatever is published meanwhile.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crier_domain::Role;
use serde_json::json;

use super::rig::{Live, Setup, token};

/// Publishes to everyone and to a user without a pause while something else is done.
fn while_publishing<T>(live: &Live, act: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let main = live.io.main();
            while !done.load(Ordering::Relaxed) {
                main.emit("system_maintenance", &json!({ "duration": 1 })).unwrap();
                main.to("user:ann").emit("order_delivered", &json!({ "orderId": 1 })).unwrap();
            }
        });
        // Also where a check fails, so that its panic is seen.
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        done.store(true, Ordering::Relaxed);
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn nothing_that_is_published_comes_before_it() {
    let live = Live::start(Setup::default());
    let auth = json!({ "token": token("ann", Role::User, 3_600) });
    while_publishing(&live, || {
        for _ in 0..200 {
            // It checks what it hears first.
            live.client(&auth);
        }
    });
}

#[test]
fn whoever_hears_it_is_in_the_rooms_of_its_own() {
    let live = Live::start(Setup::default());
    let channel = json!({ "channel": "offers_food" });
    assert_eq!(live.user("ann").call("subscribe", &channel)["ok"], json!(true));
    for n in 0..20 {
        let mut ann = live.user("ann");
        for room in ["user:ann", "user-ann", "offers:food"] {
            live.io.main().to(room).emit("news", &json!([n, room])).unwrap();
            assert_eq!(ann.event("news"), json!([n, room]));
        }
    }
}
