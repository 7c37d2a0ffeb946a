//! Who hears that a user has come or gone.

use std::time::Duration;

use crier_domain::{
    Role, RoomName, UserId,
    cluster::{Action, Scope, Status},
};
use crier_server::{RecoveryOptions, apps::AudienceMode};
use serde_json::{Value, json};

use super::rig::{Client, Live, Setup, token};

const FORMS: [&str; 2] = ["presence:update", "user-status-change"];

/// What a client hears of a user next, in both forms.
fn hears(client: &mut Client, user: &str) -> Value {
    let update = client.event("presence:update");
    let change = client.event("user-status-change");
    assert_eq!((&update["userId"], &change["userId"]), (&json!(user), &json!(user)));
    assert_eq!(update["status"], change["status"]);
    assert!(update["at"].is_string() && change["lastSeen"].is_string(), "{update} {change}");
    update["status"].clone()
}

/// A user who has heard that they are there.
fn arrived(live: &Live, user: &str) -> Client {
    let mut client = live.user(user);
    assert_eq!(hears(&mut client, user), json!("online"));
    client
}

/// Lets more than a grace pass: somebody else's, which begins now.
fn after_a_grace(live: &Live, witness: &mut Client) {
    live.user("clock").reset();
    assert_eq!(hears(witness, "clock"), json!("online"));
    assert_eq!(hears(witness, "clock"), json!("offline"));
}

#[test]
fn two_tabs_come_once_and_go_once() {
    let live = Live::start(Setup::default());
    let mut witness = arrived(&live, "witness");
    let mut first = arrived(&live, "ann");
    assert_eq!(hears(&mut witness, "ann"), json!("online"));
    let second = arrived(&live, "ann");
    assert_eq!(first.count(&FORMS), 0);
    // One is killed, the other says goodbye.
    first.reset();
    after_a_grace(&live, &mut witness);
    drop(second);
    assert_eq!(hears(&mut witness, "ann"), json!("offline"));
    after_a_grace(&live, &mut witness);
    assert_eq!(witness.count(&FORMS), 0);
}

#[test]
fn whoever_comes_back_within_the_grace_was_never_away() {
    let live = Live::start(Setup { grace: Duration::from_secs(1), ..Setup::default() });
    let mut witness = arrived(&live, "witness");
    let ann = arrived(&live, "ann");
    assert_eq!(hears(&mut witness, "ann"), json!("online"));
    ann.reset();
    // A new socket hears that its own user is there; the others hear nothing.
    let _ann = arrived(&live, "ann");
    after_a_grace(&live, &mut witness);
    assert_eq!(witness.count(&FORMS), 0);
}

#[test]
fn each_app_has_its_form_and_anonymous_sockets_have_none() {
    let live = Live::start(Setup::default());
    let limited = |app: &str| {
        let token = token(app, Role::User, 60);
        live.client(&json!({ "token": token, "apps": [app] }))
    };
    let mut nobody = live.client(&json!({}));
    let (mut shop, mut marketplace) = (limited("shop"), limited("marketplace"));
    let mut storefront = limited("storefront");
    let _ann = arrived(&live, "ann");
    while shop.event("presence:update")["userId"] != json!("ann") {}
    while marketplace.event("user-status-change")["userId"] != json!("ann") {}
    assert_eq!(shop.count(&["user-status-change"]), 0);
    assert_eq!(marketplace.count(&["presence:update"]), 0);
    assert_eq!((nobody.count(&FORMS), storefront.count(&FORMS)), (0, 0));
}

#[test]
fn by_shared_rooms_only_those_hear_who_are_in_one() {
    let audience = AudienceMode::SharedRooms;
    let setup = Setup { audience, any_user_is_granted: true, ..Setup::default() };
    let live = Live::start(setup);
    let join = |client: &mut Client, channel: &str| {
        let answer = client.call("subscribe", &json!({ "channel": channel }));
        assert_eq!(answer["ok"], json!(true));
    };
    let (mut near, mut far) = (arrived(&live, "near"), arrived(&live, "far"));
    for channel in ["group_1", "group_2"] {
        join(&mut near, channel);
    }
    join(&mut far, "offers");
    let mut ann = arrived(&live, "ann");
    // Everyone may be in this one, so it means nothing.
    join(&mut ann, "offers");
    assert_eq!(near.count(&FORMS), 0);
    join(&mut ann, "group_1");
    assert_eq!(hears(&mut near, "ann"), json!("online"));
    // Another room with the same people in it is no news.
    join(&mut ann, "group_2");
    ann.reset();
    assert_eq!(hears(&mut near, "ann"), json!("offline"));
    // Her rooms are remembered, so coming back is news for those in them.
    let ann = arrived(&live, "ann");
    assert_eq!(hears(&mut near, "ann"), json!("online"));
    ann.reset();
    assert_eq!(hears(&mut near, "ann"), json!("offline"));
    assert_eq!((near.count(&FORMS), far.count(&FORMS)), (0, 0));
}

#[test]
fn by_shared_rooms_it_does_not_matter_how_they_came_to_be_shared() {
    let setup = Setup {
        audience: AudienceMode::SharedRooms,
        recovery: Some(RecoveryOptions::default()),
        ..Setup::default()
    };
    let live = Live::start(setup);
    let group = || vec!["group:1".into()];
    let mut near = arrived(&live, "near");
    live.order("near", Action::Join(group()));
    let auth = json!({ "token": token("ann", Role::User, 60) });
    let mut ann = live.client(&auth);
    assert_eq!(hears(&mut ann, "ann"), json!("online"));
    // Near and she hear of each other as soon as a backend brings them together,
    live.order("ann", Action::Join(group()));
    assert_eq!(hears(&mut near, "ann"), json!("online"));
    // and when she goes; and when she comes back to the room without asking for it.
    let session = ann.session();
    ann.reset();
    assert_eq!(hears(&mut near, "ann"), json!("offline"));
    let back = live.back(session, &auth);
    assert_eq!(hears(&mut near, "ann"), json!("online"));
    // Once they have been parted, they hear nothing any more.
    live.order("ann", Action::Leave(group()));
    back.reset();
    live.order("near", Action::Leave(group()));
    after_parting(&live);
    assert_eq!(near.count(&FORMS), 0);
}

/// Waits until nobody but one user is there.
fn after_parting(live: &Live) {
    tests::raw::eventually(tests::raw::WAIT, || {
        match live.runtime.block_on(live.cluster.stats()).users_online {
            1 => Ok(()),
            users => Err(format!("{users} users")),
        }
    });
}

#[test]
fn a_grant_that_ends_parts_who_shared_the_room_by_it() {
    let setup = Setup { audience: AudienceMode::SharedRooms, ..Setup::default() };
    let live = Live::start(setup);
    let mut near = arrived(&live, "near");
    live.order("near", Action::Join(vec!["group:1".into()]));
    let (room, user) = (RoomName::parse("group:1").unwrap(), UserId::parse("ann").unwrap());
    let grants = &live.context.services.grants;
    live.runtime.block_on(grants.put(&room, &user, None)).unwrap();
    let mut ann = arrived(&live, "ann");
    let subscribe = json!({ "channel": "group_1" });
    assert_eq!(ann.call("subscribe", &subscribe)["ok"], json!(true));
    assert_eq!(hears(&mut near, "ann"), json!("online"));
    live.runtime.block_on(grants.delete(&room, &user)).unwrap();
    ann.reset();
    after_parting(&live);
    assert_eq!(near.count(&FORMS), 0);
}

#[test]
fn the_sidecar_sees_who_is_there() {
    let live = Live::start(Setup::default());
    let see = || {
        let view = live.runtime.block_on(live.cluster.presence(Scope::Main, "ann"));
        (view.status, view.last_seen.is_some(), view.sockets)
    };
    assert_eq!(see(), (Status::Offline, false, 0));
    let mut witness = arrived(&live, "witness");
    let (one, two) = (arrived(&live, "ann"), arrived(&live, "ann"));
    hears(&mut witness, "ann");
    assert_eq!(see(), (Status::Online, true, 2));
    assert_eq!(live.runtime.block_on(live.cluster.stats()).users_online, 2);
    drop((one, two));
    assert_eq!(hears(&mut witness, "ann"), json!("offline"));
    assert_eq!(see(), (Status::Offline, true, 0));
}
