//! Redis goes and comes back.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{
    cluster::Fsync,
    raw::{WAIT, eventually},
};

use super::{super::client::Client, rig::Cluster};

fn restart(cluster: &mut Cluster) {
    cluster.redis.child.kill();
    let cut = |cluster: &Cluster| cluster.replicas.iter().all(|replica| !replica.io.is_reached());
    eventually(WAIT, || cut(cluster).then_some(()).ok_or("nobody has noticed".to_owned()));
    cluster.redis.start_again().unwrap();
    cluster.ready();
}

#[test]
fn where_every_write_is_on_disk_a_restart_of_redis_costs_nobody_anything() {
    let mut cluster = Cluster::with(2, Fsync::Always);
    let mut stays = Client::connect(&cluster.replicas[0], json!({}));
    stays.join("room");
    let mut away = Client::connect(&cluster.replicas[0], json!({}));
    away.join("room");
    let kept = away.cut();
    cluster.replicas[1].io.main().to("room").emit("before", &1).unwrap();
    stays.expect("before", &json!(1));
    restart(&mut cluster);
    cluster.replicas[1].io.main().to("room").emit("after", &1).unwrap();
    stays.expect("after", &json!(1));
    let mut back = cluster.recovers(1, json!({}), &kept, &["before", "after"]);
    // Who stayed is kept as before.
    let kept = stays.cut();
    cluster.replicas[0].io.main().to("room").emit("last", &1).unwrap();
    cluster.recovers(1, json!({}), &kept, &["last"]);
    back.expect("last", &json!(1));
}

#[test]
fn where_the_last_second_is_at_risk_who_was_away_is_told() {
    let mut cluster = Cluster::with(2, Fsync::Everysec);
    let mut stays = Client::connect(&cluster.replicas[0], json!({}));
    stays.join("room");
    let mut away = Client::connect(&cluster.replicas[0], json!({}));
    away.join("room");
    let kept = away.cut();
    let before = stays.kept.clone();
    restart(&mut cluster);
    cluster.replicas[1].io.main().to("room").emit("after", &1).unwrap();
    stays.expect("after", &json!(1));
    cluster.begins_anew(1, json!({}), &kept, "LogLost");
    // Its socket lives on, in the new epoch; so it comes back as who it is.
    assert_ne!(before.offset.unwrap()[..16], stays.kept.offset.clone().unwrap()[..16]);
    // Behind this everything of it is written, in the numbers of the new epoch.
    stays.join("another");
    let kept = stays.cut();
    cluster.empty(0);
    cluster.replicas[0].io.main().to("room").emit("missed", &1).unwrap();
    cluster.recovers(1, json!({}), &kept, &["missed"]);
}

#[test]
fn while_redis_is_away_sockets_stay_and_what_is_owed_waits() {
    let mut cluster = Cluster::start();
    let [a, b] = &cluster.replicas[..] else { panic!() };
    let mut client = Client::connect(a, json!({}));
    client.join("room");
    let mut other = Client::connect(b, json!({}));
    other.join("room");
    cluster.redis.child.kill();
    let is_cut = || !a.io.is_reached() && !b.io.is_reached();
    eventually(WAIT, || is_cut().then_some(()).ok_or("nobody has noticed".to_owned()));
    a.io.main().to("room").emit("owed", &1).unwrap();
    // What is kept nowhere goes as far as it can.
    a.io.main().to("room").ephemeral().emit("typing", &1).unwrap();
    client.expect("typing", &json!(1));
    // A join that cannot be written is not acknowledged, within its time.
    let began = Instant::now();
    assert_eq!(client.ask("join", &json!("another")), json!(false));
    assert!(began.elapsed() < Duration::from_secs(4));
    cluster.redis.start_again().unwrap();
    cluster.ready();
    client.expect("owed", &json!(1));
    other.expect("owed", &json!(1));
    // By now it is written.
    let kept = client.cut();
    cluster.replicas[1].io.main().to("another").emit("missed", &1).unwrap();
    cluster.recovers(1, json!({}), &kept, &["missed"]);
}
