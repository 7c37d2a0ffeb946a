//! What is ordered of clients that are away.

use std::time::Duration;

use crier_domain::{
    Clock, Cluster as _, UserId,
    cluster::{Action, Order},
};
use crier_server::{Room, auth::Roster, cluster::LocalCluster, presence::Presences};
use serde_json::{Value, json};
use tests::raw::{WAIT, eventually};

use super::{
    super::client::{Client, Kept},
    rig::Cluster,
};

/// A replica is ordered something, as a backend does it.
fn order(cluster: &Cluster, at: usize, user: Option<&str>, rooms: &[&str], action: Action) {
    let replica = &cluster.replicas[at];
    let presence = Presences::new(Duration::from_secs(5), &Clock::system());
    let sockets = LocalCluster::new(replica.io.clone(), Roster::default(), presence);
    let order = Order {
        namespace: crier_protocol::Namespace::MAIN,
        user: user.map(|user| UserId::parse(user).unwrap()),
        rooms: rooms.iter().copied().map(Room::from).collect(),
        action,
    };
    replica.runtime.block_on(sockets.order(order));
    // It goes by the log, as what is waited for does.
    cluster.settle(at);
}

fn of(cluster: &Cluster, user: &str, rooms: &[&str]) -> Kept {
    let mut client = Client::connect(&cluster.replicas[0], json!({ "user": user }));
    for room in rooms {
        client.join(room);
    }
    client.cut()
}

#[test]
fn who_was_revoked_while_away_begins_anew_wherever() {
    let mut cluster = Cluster::start();
    let (ann, bob) = (of(&cluster, "ann", &["room"]), of(&cluster, "bob", &["room"]));
    // Nobody is left who had these sessions.
    cluster.replicas.remove(0).runtime.shutdown_background();
    let revoke = Action::Disconnect { close: true, reason: "revoked" };
    order(&cluster, 0, Some("ann"), &[], revoke);
    cluster.begins_anew(0, json!({ "user": "ann" }), &ann, "Unknown");
    // On a replica that begins only now, too.
    cluster.replicas.push(cluster.replica());
    cluster.ready();
    cluster.recovers(1, json!({ "user": "bob" }), &bob, &[]);
    // Whoever begins after it is another one.
    let mut again = Client::connect(&cluster.replicas[0], json!({ "user": "ann" }));
    again.join("room");
    let kept = again.cut();
    cluster.recovers(1, json!({ "user": "ann" }), &kept, &[]);
}

#[test]
fn who_was_taken_out_of_a_room_while_away_is_not_in_it() {
    let cluster = Cluster::start();
    let kept = of(&cluster, "ann", &["a", "b", "c"]);
    let other = of(&cluster, "bob", &["b"]);
    cluster.empty(0);
    let emit = |event: &str| cluster.replicas[1].io.main().to("b").emit(event, &1).unwrap();
    emit("before");
    let leave = || Action::Leave(vec!["b".into()]);
    order(&cluster, 1, None, &["c"], leave());
    emit("after");
    // What was sent before it left is owed.
    let mut client = cluster.recovers(1, json!({ "user": "ann" }), &kept, &["before"]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["a", "c"]));
    // It may enter again, and stays.
    client.join("b");
    let kept = client.cut();
    cluster.empty(1);
    let mut client = cluster.recovers(0, json!({ "user": "ann" }), &kept, &[]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["a", "b", "c"]));
    // Who was in none of the named rooms is as before.
    let mut other = cluster.recovers(0, json!({ "user": "bob" }), &other, &["before", "after"]);
    assert_eq!(other.ask("rooms", &Value::Null), json!(["b"]));
    let kept = other.cut();
    eventually(WAIT, || match cluster.replicas[0].io.main().room_len("b") {
        1 => Ok(()),
        sockets => Err(format!("{sockets} sockets")),
    });
    order(&cluster, 1, None, &["b"], Action::Disconnect { close: false, reason: "kicked" });
    cluster.begins_anew(1, json!({ "user": "bob" }), &kept, "Unknown");
}
