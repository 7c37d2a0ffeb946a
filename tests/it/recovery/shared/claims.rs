//! Who takes a session up, where, and who does not.

use crier_server::SocketId;
use serde_json::{Value, json};
use tests::raw::{WAIT, eventually};

use super::{
    super::client::{Client, Kept},
    rig::Cluster,
};
use crate::server::Server;

#[test]
fn a_client_comes_back_to_another_replica_and_to_the_first_again() {
    let cluster = Cluster::start();
    let [a, b] = &cluster.replicas[..] else { panic!() };
    let mut client = Client::connect(a, json!({}));
    client.join("room");
    client.join("left");
    client.leave("left");
    b.io.main().to("room").emit("before", &1).unwrap();
    client.expect("before", &json!(1));
    let kept = client.cut();
    cluster.empty(0);
    let everywhere = |event: &str| {
        a.io.main().to("room").emit(event, &1).unwrap();
        b.io.main().to("left").emit("elsewhere", &1).unwrap();
    };
    everywhere("missed");
    a.io.main().to(kept.sid.as_str()).emit("own", &1).unwrap();
    let mut client = cluster.recovers(1, json!({}), &kept, &["missed", "own"]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["room"]));
    everywhere("live");
    client.expect("live", &json!(1));
    client.join("second");
    let kept = client.cut();
    cluster.empty(1);
    b.io.main().to("second").emit("missed too", &1).unwrap();
    let mut client = cluster.recovers(0, json!({}), &kept, &["missed too"]);
    assert_eq!(client.ask("rooms", &Value::Null), json!(["room", "second"]));
}

#[test]
fn a_connection_that_is_still_there_on_another_replica_is_ended() {
    let cluster = Cluster::start();
    let [a, b] = &cluster.replicas[..] else { panic!() };
    let (told, ends) = std::sync::mpsc::channel();
    a.io.main().on_disconnect(move |socket, reason| {
        told.send((socket.is_continued(), reason)).unwrap();
        std::future::ready(())
    });
    let mut first = Client::connect(a, json!({}));
    first.join("room");
    let kept = first.kept.clone();
    a.io.main().to("room").emit("unread", &1).unwrap();
    let mut second = cluster.recovers(1, json!({}), &kept, &["unread"]);
    let (is_continued, _) = ends.recv_timeout(WAIT).unwrap();
    assert!(is_continued);
    cluster.empty(0);
    b.io.main().to("room").emit("live", &1).unwrap();
    second.expect("live", &json!(1));
    drop(first);
}

#[test]
fn a_client_of_a_replica_that_is_killed_comes_back_to_another() {
    let mut cluster = Cluster::start();
    let mut client = Client::connect(&cluster.replicas[0], json!({ "user": "ann" }));
    client.join("room");
    let silent = Client::try_connect(&cluster.replicas[0], "/silent", json!({}), &Kept::default());
    assert!(silent.is_err(), "nobody set it up");
    let kept = client.kept.clone();
    // Its runtime ends in the middle of everything: no session is told of its end.
    let killed = cluster.replicas.remove(0);
    killed.runtime.shutdown_background();
    drop(client);
    cluster.replicas[0].io.main().to("room").emit("missed", &1).unwrap();
    cluster.recovers(0, json!({ "user": "ann" }), &kept, &["missed"]);
}

#[test]
fn a_client_that_had_received_nothing_and_one_whose_last_event_was_volatile_miss_nothing() {
    let cluster = Cluster::start();
    let [a, b] = &cluster.replicas[..] else { panic!() };
    for server in [a, b] {
        server.io.of("/silent").unwrap();
    }
    a.io.main().emit("of before", &1).unwrap();
    eventually(WAIT, || {
        // It is behind the others' events, wherever it comes in.
        let client = Client::connect(a, json!({}));
        client.kept.offset.ok_or_else(|| "no offset".to_owned()).map(|_| ())
    });
    let client = Client::try_connect(a, "/silent", json!({}), &Kept::default()).unwrap();
    a.io.of("/silent").unwrap().emit("one", &1).unwrap();
    let kept = client.cut();
    assert_eq!(kept.offset, None);
    b.io.of("/silent").unwrap().emit("two", &1).unwrap();
    let mut client = Client::try_connect(b, "/silent", json!({}), &kept).unwrap();
    assert_eq!(client.kept.pid, kept.pid);
    assert_eq!([client.event().0, client.event().0], ["one", "two"]);

    let mut client = Client::connect(a, json!({}));
    b.io.main().emit("logged", &1).unwrap();
    client.expect("logged", &json!(1));
    b.io.main().everyone().volatile().emit("volatile", &1).unwrap();
    client.expect("volatile", &json!(1));
    let kept = client.cut();
    a.io.main().emit("missed", &1).unwrap();
    cluster.recovers(1, json!({}), &kept, &["missed"]);
}

#[test]
fn only_its_owner_in_its_namespace_takes_a_session_up() {
    let cluster = Cluster::start();
    for server in &cluster.replicas {
        super::super::client::install(&server.io, "/other");
    }
    let of_ann = || Client::connect(&cluster.replicas[0], json!({ "user": "ann" }));
    let kept = of_ann().cut();
    cluster.begins_anew(1, json!({ "user": "bob" }), &kept, "UserChanged");
    cluster.begins_anew(1, json!({}), &kept, "UserChanged");
    let mut elsewhere =
        Client::try_connect(&cluster.replicas[1], "/other", json!({ "user": "ann" }), &kept)
            .unwrap();
    elsewhere.expect("connected", &json!("NotRecovered(Unknown)"));
    // It is still there for who it belongs to.
    cluster.recovers(1, json!({ "user": "ann" }), &kept, &[]);

    let said_goodbye = of_ann();
    let kept = said_goodbye.kept.clone();
    let mut wire = said_goodbye.wire;
    wire.send("41");
    cluster.empty(0);
    cluster.begins_anew(1, json!({ "user": "ann" }), &kept, "Unknown");

    let made_up = Kept { pid: "A".repeat(22), ..kept.clone() };
    cluster.begins_anew(1, json!({ "user": "ann" }), &made_up, "Unknown");
    let of_another_log = Kept { offset: Some("0123456789abcdef~1".to_owned()), ..kept };
    cluster.begins_anew(1, json!({ "user": "ann" }), &of_another_log, "LogLost");
}

#[test]
fn a_session_has_one_holder_however_many_ask_for_it() {
    let cluster = Cluster::start();
    let mut client = Client::connect(&cluster.replicas[0], json!({}));
    client.join("room");
    let mut kept = client.cut();
    for round in 0..10 {
        cluster.replicas[round % 2].io.main().to("room").emit(&format!("e{round}"), &1).unwrap();
        let all: Vec<Client> = std::thread::scope(|scope| {
            let come =
                |at: usize| Client::back(&cluster.replicas[at % 2], json!({}), &kept).unwrap();
            let all: Vec<_> = (0..6).map(|at| scope.spawn(move || come(at))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let id = SocketId::parse(&kept.sid).unwrap();
        let has_it = |replica: &&Server| replica.io.main().socket(&id).is_some();
        let sockets = || cluster.replicas.iter().filter(has_it).count();
        eventually(WAIT, || match sockets() {
            1 => Ok(()),
            sockets => Err(format!("{sockets} sockets have one id")),
        });
        // The one that has it gets what follows.
        let went_on = |client: &Client| client.kept.pid == kept.pid;
        let mut holders: Vec<Client> = all.into_iter().filter(went_on).collect();
        cluster.replicas[0].io.main().to("room").emit("after", &1).unwrap();
        let mut next = None;
        for holder in &mut holders {
            let mut saw_after = false;
            while let Some((name, _)) = holder.event_or_end() {
                if name == "after" {
                    saw_after = true;
                    break;
                }
            }
            if saw_after {
                assert!(next.is_none(), "two sockets went on in round {round}");
                next = Some(holder.kept.clone());
            }
        }
        kept = next.expect("nobody went on");
    }
}
