//! The application contract, with the official client and HTTP against the binary `crier`: each app
//! alone and all four together; every event of the catalogue has its run.

use tests::contract::{self, Apps};

fn check(apps: Apps) {
    if let Err(failure) = contract::run(apps) {
        panic!("{failure}");
    }
}

#[test]
fn all_four_apps_together_and_every_event_has_its_run() {
    check(Apps::All);
}

#[test]
fn the_marketplace_alone() {
    check(Apps::Only("marketplace"));
}

#[test]
fn the_storefront_alone() {
    check(Apps::Only("storefront"));
}

#[test]
fn the_shop_alone() {
    check(Apps::Only("shop"));
}

#[test]
fn vendor_chat_alone() {
    check(Apps::Only("vendor-chat"));
}
