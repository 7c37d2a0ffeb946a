//! Everything over Redis, on real servers that the tests start.

mod bus;
pub(crate) mod check;
mod epoch;
mod faults;
mod link;
mod modes;
mod presence;
pub(crate) mod server;
mod store;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use crier_domain::{
    Clock, Cluster,
    cluster::{
        ClusterFuture, Order, PresenceView, Reached, RoomSize, RoomView, Scope, Stats, Status,
    },
    redis::{BusEvent, Redis, Writer, WriterOptions, cmd},
};
use crier_protocol::{Namespace, Room};
use tokio::task::JoinHandle;

/// The configuration that is shipped.
const CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../redis.conf");

/// The arguments of a server that runs with the configuration that is shipped.
fn shipped() -> Vec<String> {
    vec![CONF.to_owned()]
}

/// A writer whose work runs, until the runtime ends.
pub(crate) fn writer(redis: &Redis, clock: &Clock) -> (Writer, JoinHandle<()>) {
    writer_among(redis, clock, 0)
}

/// A writer in a cluster with so many sockets.
fn writer_among(redis: &Redis, clock: &Clock, sockets: usize) -> (Writer, JoinHandle<()>) {
    let options = WriterOptions {
        keep: Duration::from_secs(360),
        entries_max: 1_000_000,
        sender: "abcd".to_owned(),
    };
    let cluster = Arc::new(Sockets(sockets));
    let (writer, work) = Writer::new(redis.clone(), options, clock.clone(), cluster);
    (writer, tokio::spawn(work.run(std::future::pending())))
}

/// The numbers and events of the log, their signatures checked.
pub(crate) async fn log(redis: &Redis) -> Vec<(u64, BusEvent)> {
    type Entry = (String, Vec<Vec<u8>>);
    let mut command = cmd("XRANGE");
    command.arg(redis.keys().log()).arg("-").arg("+");
    let entries: Vec<Entry> = redis.query(&command).await.unwrap();
    let entries = entries.into_iter().map(|(id, fields)| {
        let number = id.strip_suffix("-0").unwrap().parse().unwrap();
        assert_eq!((&fields[0][..], &fields[2][..]), (&b"t"[..], &b"b"[..]));
        let sealed = Bytes::copy_from_slice(&fields[3]);
        let body = redis.signer().open(redis.keys().bus(), &sealed).expect("it is signed");
        (number, BusEvent::decode(&body).unwrap())
    });
    entries.collect()
}

/// A cluster of which only the number of sockets is known.
#[derive(Debug)]
struct Sockets(usize);

impl Cluster for Sockets {
    fn order(&self, _: Order) -> ClusterFuture<'_, Reached> {
        Box::pin(std::future::ready(Reached::default()))
    }

    fn rooms(&self) -> ClusterFuture<'_, Vec<RoomSize>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn room(&self, room: &Room) -> ClusterFuture<'_, RoomView> {
        let room = room.as_str().to_owned();
        Box::pin(std::future::ready(RoomView { room, sockets: 0, users: Vec::new() }))
    }

    fn presence(&self, _: Scope, person: &str) -> ClusterFuture<'_, PresenceView> {
        let user_id = person.to_owned();
        let view = PresenceView { user_id, status: Status::Offline, last_seen: None, sockets: 0 };
        Box::pin(std::future::ready(view))
    }

    fn sockets_len(&self, _: &Namespace) -> ClusterFuture<'_, usize> {
        Box::pin(std::future::ready(self.0))
    }

    fn stats(&self) -> ClusterFuture<'_, Stats> {
        Box::pin(std::future::ready(Stats::default()))
    }
}
