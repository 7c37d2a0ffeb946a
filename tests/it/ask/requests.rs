//! Questions and orders to the sockets of all replicas.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crier_domain::{
    Bus as _, Cluster as _,
    cluster::{Action, Order, RoomSize},
    event::{publish_of, system::ForceUpdate},
    redis::{
        ask::{Asker, Leased, cluster::RedisCluster},
        cmd,
    },
};
use crier_protocol::{Namespace, Room};
use crier_server::{Args, Binary};
use tests::raw::{WAIT, WebSocket, eventually};

use super::rig::{Cluster3, NAMES, enter, link, replica};

fn room(name: &str) -> Room {
    Room::from(name)
}

fn order(action: Action) -> Order {
    Order { namespace: Namespace::MAIN, rooms: vec![room("r")], user: None, action }
}

/// A client of each replica, all in one room.
fn clients(cluster: &Cluster3) -> Vec<WebSocket> {
    (0..NAMES.len()).map(|n| cluster.client(n, "r")).collect()
}

#[test]
fn sockets_of_all_replicas_are_found_moved_and_sent_away() {
    let cluster = Cluster3::start();
    let mut clients = clients(&cluster);
    let main = cluster.all[0].io.main();
    cluster.runtime.block_on(async {
        let sockets = main.to("r").fetch_sockets().await;
        assert_eq!(sockets.len(), 3);
        assert!(sockets.iter().all(|s| s.rooms.contains(&room("r")) && s.address.is_loopback()));
        // Done everywhere when it is answered.
        assert_eq!(main.to("r").join([room("s"), room("t")]).await, 3);
        for one in &cluster.all {
            assert_eq!((one.io.main().room_len("s"), one.io.main().room_len("t")), (1, 1));
        }
        let first = main.to("s").fetch_sockets().await[0].id;
        assert_eq!(main.to("s").except(first.as_str()).leave([room("s")]).await, 2);
        assert_eq!(cluster.all[1].io.main().to("s").fetch_sockets().await.len(), 1);
        assert_eq!(main.to("t").local().fetch_sockets().await.len(), 1);
        assert_eq!(cluster.all[2].io.main().to("r").disconnect(false).await, 3);
    });
    for client in &mut clients {
        client.expect("41");
    }
}

#[test]
fn the_whole_is_the_sum_of_its_replicas() {
    let cluster = Cluster3::start();
    let mut clients = clients(&cluster);
    enter(&mut clients[2], "only");
    for one in &cluster.all {
        cluster.runtime.block_on(async {
            let mut rooms = one.cluster.rooms().await;
            rooms.sort_by(|a, b| a.room.cmp(&b.room));
            let size = |room: &str, sockets| RoomSize { room: room.to_owned(), sockets };
            assert_eq!(rooms, [size("only", 1), size("r", 3)]);
            assert_eq!(one.cluster.room(&room("r")).await.sockets, 3);
            assert_eq!(one.cluster.room(&room("none")).await.sockets, 0);
            assert_eq!(one.cluster.sockets_len(&Namespace::MAIN).await, 3);
            let stats = one.cluster.stats().await;
            assert_eq!((stats.replicas, stats.sessions, stats.sockets), (3, 3, 3));
            assert_eq!(stats.missing, Vec::<String>::new());
            let reached = one.cluster.order(order(Action::Leave(vec![room("x")]))).await;
            assert_eq!((reached.matched, reached.missing), (3, vec![]));
        });
    }
    let kick = Action::Disconnect { close: true, reason: "kicked" };
    let reached = cluster.runtime.block_on(cluster.all[0].cluster.order(order(kick)));
    assert_eq!(reached.matched, 3);
    for client in &mut clients {
        assert!(client.text().contains("kicked"));
        client.expect("41");
        client.expect_closed();
    }
}

#[test]
fn a_replica_that_is_silent_is_named_and_one_that_leaves_is_not_waited_for() {
    let cluster = Cluster3::start();
    let _clients = clients(&cluster);
    let silent = || NAMES.map(replica).into_iter().chain([replica("dead")]);
    cluster.replicas.set(silent());
    let join = || order(Action::Join(vec![room("s")]));
    let began = Instant::now();
    let reached = cluster.runtime.block_on(cluster.all[0].cluster.order(join()));
    assert_eq!((reached.matched, reached.missing), (3, vec!["dead".to_owned()]));
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
    let stats = cluster.runtime.block_on(cluster.all[1].cluster.stats());
    assert_eq!((stats.replicas, stats.missing), (3, vec!["dead".to_owned()]));
    // Its lease ends while it is waited for.
    let (reached, ()) = cluster.runtime.block_on(async {
        tokio::join!(cluster.all[0].cluster.order(join()), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cluster.replicas.set(NAMES.map(replica));
        })
    });
    assert_eq!((reached.matched, reached.missing), (3, vec![]));
}

/// Answers an event `ask` that has one attachment with the same bytes and one of its own.
fn answer(client: &mut WebSocket, own: u8) {
    let event = client.text();
    let id = event.strip_prefix("451-").and_then(|rest| rest.split('[').next()).unwrap();
    let bytes = client.binary();
    client.send(format!(
        r#"462-{id}[{{"_placeholder":true,"num":0}},{{"_placeholder":true,"num":1}}]"#
    ));
    client.send_binary(bytes);
    client.send_binary([own]);
}

#[test]
fn binary_acks_come_from_all_replicas_and_late_ones_leave_the_rest() {
    let cluster = Cluster3::start();
    let mut clients = clients(&cluster);
    let main = cluster.all[1].io.main();
    let bytes = Bytes::from_static(&[0, 159, 146, 150]);
    let ask = |within| {
        let args = Args::one(&Binary(bytes.clone())).unwrap();
        main.to("r").emit_with_ack("ask", args, within)
    };
    let acks = std::thread::scope(|scope| {
        let acks = scope.spawn(|| cluster.runtime.block_on(ask(WAIT)).unwrap());
        for (client, own) in clients.iter_mut().zip(1..) {
            answer(client, own);
        }
        acks.join().unwrap()
    });
    assert!(acks.is_complete());
    let mut answers: Vec<(Binary, Binary)> =
        acks.answers.iter().map(|args| (args.get(0).unwrap(), args.get(1).unwrap())).collect();
    answers.sort_by(|(_, a), (_, b)| a.0.cmp(&b.0));
    let expected = [1, 2, 3].map(|own| (Binary(bytes.clone()), Binary(vec![own].into())));
    assert_eq!(answers, expected);

    // One client says nothing, one replica is none.
    cluster.replicas.set(NAMES.map(replica).into_iter().chain([replica("dead")]));
    let acks = std::thread::scope(|scope| {
        let within = Duration::from_secs(1);
        let acks = scope.spawn(move || cluster.runtime.block_on(ask(within)).unwrap());
        for client in &mut clients[..2] {
            answer(client, 9);
        }
        acks.join().unwrap()
    });
    assert_eq!((acks.answers.len(), acks.asked), (2, 3));
    assert_eq!(acks.missing, ["dead"]);
    assert!(!acks.is_complete());
}

#[test]
fn what_the_cluster_did_not_say_is_dropped_and_nothing_is_done_twice() {
    let cluster = Cluster3::start();
    let _clients = clients(&cluster);
    let redis = cluster.runtime.block_on(async { link(&cluster.redis) });
    let asks = redis.keys().ask().to_owned();
    let answers = redis.keys().answers(NAMES[0]);
    cluster.runtime.block_on(async {
        let mut tapped = redis.subscribe(std::slice::from_ref(&asks)).await.unwrap();
        let main = cluster.all[0].io.main();
        assert_eq!(main.to("r").join([room("s")]).await, 3);
        let order = tapped.next().await.unwrap().payload;
        assert_eq!(main.to("s").leave([room("s")]).await, 3);
        // Somebody who may publish, and does not know the secret.
        let sealed = |body: &[u8]| redis.signer().seal(&asks, body).to_vec();
        let mut forged = order.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let garbage = [
            Vec::new(),
            b"{".to_vec(),
            vec![0xdf; 100],
            vec![b'x'; 2 << 20],
            forged,
            sealed(b""),
            sealed(&[9, 1, 2]),
            sealed(&[&[1][..], &[0x91; 200_000]].concat()),
            order.to_vec(),
        ];
        for message in garbage {
            for channel in [&asks, &answers] {
                let mut publish = cmd("PUBLISH");
                publish.arg(channel).arg(message.as_slice());
                let _: i64 = redis.query(&publish).await.unwrap();
            }
        }
        // Everything before this has been heard by all.
        assert_eq!(main.to("r").fetch_sockets().await.len(), 3);
        assert_eq!(main.to("s").fetch_sockets().await, []);
    });
}

#[test]
fn while_redis_is_away_the_sockets_here_are_reached_and_the_others_named() {
    let mut cluster = Cluster3::start();
    let _clients = clients(&cluster);
    let join = || order(Action::Join(vec![room("s")]));
    let reach = |cluster: &Cluster3| {
        let reached = cluster.runtime.block_on(cluster.all[0].cluster.order(join()));
        (reached.matched, reached.missing)
    };
    assert_eq!(reach(&cluster), (3, vec![]));
    cluster.redis.kill();
    let others = || NAMES[1..].iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(reach(&cluster), (1, others()));
    cluster.redis.up();
    eventually(WAIT, || match reach(&cluster) {
        (3, missing) if missing.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn what_was_published_before_an_order_reaches_sockets_as_they_were_before_it() {
    let cluster = Cluster3::start();
    let mut clients = clients(&cluster);
    clients.iter_mut().for_each(|client| enter(client, "all"));
    let main = cluster.all[0].io.main();
    let send = |room: &str, n: u32| main.to(room).emit("n", &n).unwrap();
    cluster.runtime.block_on(async {
        for n in 0..100 {
            // Nobody waits for the events; all of the orders are waited for.
            send("r", 10 * n);
            assert_eq!(main.to("r").join([room("s")]).await, 3);
            send("s", 10 * n + 1);
            main.to("s").ephemeral().emit("n", &(10 * n + 2)).unwrap();
            assert_eq!(main.to("s").leave([room("s")]).await, 3);
            send("s", 10 * n + 3);
            // As the sidecar does it.
            let event = publish_of("force_update", &update(n), vec![room("r")]);
            cluster.all[1].bus.publish(event).await.unwrap();
            let leave = order(Action::Leave(vec![room("r")]));
            assert_eq!(cluster.all[1].cluster.order(leave).await.matched, 3);
            send("r", 10 * n + 4);
            assert_eq!(main.to("all").join([room("r")]).await, 3);
        }
    });
    for client in &mut clients {
        for n in 0..100 {
            for event in [10 * n, 10 * n + 1, 10 * n + 2] {
                client.expect(&format!(r#"42["n",{event}]"#));
            }
            assert!(client.text().contains(&format!("http://x/{n}")));
        }
    }
}

fn update(n: u32) -> ForceUpdate {
    serde_json::from_value(serde_json::json!({
        "version": "1", "updateUrl": format!("http://x/{n}"), "message": "m", "isForced": false,
    }))
    .unwrap()
}

#[test]
fn a_sidecar_asks_those_who_hold_a_lease() {
    let cluster = Cluster3::start();
    let _clients = clients(&cluster);
    cluster.runtime.block_on(async {
        let redis = link(&cluster.redis);
        let (seconds, _): (u64, u64) = redis.query(&cmd("TIME")).await.unwrap();
        let lease = async |name: &str, seconds: u64| {
            let mut add = cmd("ZADD");
            add.arg(redis.keys().named("leases")).arg(seconds * 1_000).arg(name);
            let _: i64 = redis.query(&add).await.unwrap();
        };
        for name in NAMES {
            lease(name, seconds + 60).await;
        }
        lease("over", seconds - 1).await;
        let peers = Arc::new(Leased::new(redis.clone()));
        let asker = Asker::new(redis.clone(), "a sidecar".to_owned(), peers, None);
        let answers = tokio::spawn(Arc::clone(&asker).run());
        let sidecar = RedisCluster::new(asker, None);
        assert_eq!(sidecar.sockets_len(&Namespace::MAIN).await, 3);
        assert_eq!(sidecar.stats().await.missing, Vec::<String>::new());
        lease("dead", seconds + 60).await;
        let reached = sidecar.order(order(Action::Join(vec![room("s")]))).await;
        assert_eq!((reached.matched, reached.missing), (3, vec!["dead".to_owned()]));
        answers.abort();
    });
}
