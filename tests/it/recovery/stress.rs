//! A thousand lost connections while events come in at a rate, counted to the last event.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crier_server::{Namespace, RecoveryOptions};
use serde_json::json;
use tests::raw::{Received, WAIT, eventually};

use super::client::{Client, Kept, server};
use crate::server::Server;

const CLIENTS: usize = 25;
const RECONNECTS: usize = 40;
const ROOMS: usize = 8;
const PUBLISHERS: usize = 2;
/// Between two events of one publisher: together about 2,000 a second.
const PAUSE: Duration = Duration::from_millis(1);

/// A reader that gave up is not waited for any longer.
const LIMIT: Duration = Duration::from_secs(50);

/// Small, fast and the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

/// An event as it was published.
struct Sent {
    publisher: usize,
    n: u64,
    rooms: Vec<usize>,
    except: Option<usize>,
}

impl Sent {
    fn is_for(&self, mine: &[usize]) -> bool {
        let any = self.rooms.is_empty() || self.rooms.iter().any(|room| mine.contains(room));
        any && !self.except.is_some_and(|room| mine.contains(&room))
    }
}

/// What one client got: publisher, number and the number in its offset.
type Got = Vec<(usize, u64, u64)>;

fn name(room: usize) -> String {
    format!("r{room}")
}

/// Publishes to rooms as the dice say until everybody has come back often enough.
fn publish(main: &Namespace, publisher: usize, done: &AtomicUsize) -> Vec<Sent> {
    let (mut dice, mut sent) = (Dice(publisher as u64), Vec::new());
    let start = Instant::now();
    let mut next = start;
    for n in 0.. {
        let mut rooms = Vec::new();
        let mut except = None;
        match dice.roll(20) {
            0 => except = Some(dice.roll(ROOMS)),
            1 => {}
            2 => rooms = vec![dice.roll(ROOMS), dice.roll(ROOMS), dice.roll(ROOMS)],
            _ => rooms = vec![dice.roll(ROOMS)],
        }
        let mut target = main.everyone();
        for room in &rooms {
            target = target.to(name(*room));
        }
        if let Some(room) = except {
            target = target.except(name(room));
        }
        target.emit("e", &(publisher, n)).unwrap();
        sent.push(Sent { publisher, n, rooms, except });
        // What a client has last got, as the last argument says, stands in these too.
        main.to(name(dice.roll(ROOMS))).volatile().emit("v", "volatile").unwrap();
        if done.load(Ordering::Acquire) == CLIENTS || start.elapsed() > LIMIT {
            break;
        }
        next += PAUSE;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    sent
}

struct Reader<'a> {
    server: &'a Server,
    client: Option<Client>,
    got: Got,
    recovered: usize,
}

impl Reader<'_> {
    /// Reads one event; false where it was the last of all.
    fn read(&mut self) -> bool {
        let client = self.client.as_mut().unwrap();
        let text = match client.wire.receive(WAIT) {
            Some(Received::Text(text)) => text,
            other => panic!("expected an event, got {other:?}"),
        };
        let items: serde_json::Value =
            serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
        let offset = items.as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        let number: u64 = offset.split_once('~').unwrap().1.parse().unwrap();
        client.kept.offset = Some(offset);
        if items[0] == "e" {
            let part = |at: usize| items[1][at].as_u64().unwrap();
            self.got.push((part(0) as usize, part(1), number));
        }
        items[0] != "end"
    }

    /// Loses its connection in one of several ways, and comes back.
    fn come_back(&mut self, dice: &mut Dice) {
        let mut old = self.client.take().unwrap();
        let kept = old.kept.clone();
        match dice.roll(3) {
            // Half-open: the server learns of it by the client's coming back.
            0 => {}
            // The client closes, and what is under way to it is lost.
            1 => old.wire.send("1"),
            _ => {
                old.cut();
                self.go_on(&kept);
                return;
            }
        }
        self.go_on(&kept);
    }

    fn go_on(&mut self, kept: &Kept) {
        let client = Client::back(self.server, json!({}), kept).unwrap();
        self.recovered += usize::from(client.kept.pid == kept.pid);
        self.client = Some(client);
    }
}

#[test]
fn a_thousand_reconnects_lose_nothing_double_nothing_and_keep_the_order() {
    let server = server(RecoveryOptions::default());
    let main = server.io.main();
    let done = AtomicUsize::new(0);
    let results: Mutex<Vec<(Vec<usize>, Got, usize)>> = Mutex::default();
    let start = Instant::now();
    // All are in their rooms before the first event.
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let mut client = Client::connect(&server, json!({}));
            let rooms = vec![n % ROOMS, (n / ROOMS + n) % ROOMS];
            for room in &rooms {
                client.join(&name(*room));
            }
            (n, client, rooms)
        })
        .collect();
    let sent: Vec<Sent> = thread::scope(|scope| {
        for (n, client, rooms) in clients {
            let (server, done, results) = (&server, &done, &results);
            scope.spawn(move || {
                let mut dice = Dice(1_000 + n as u64);
                let mut reader =
                    Reader { server, client: Some(client), got: Got::new(), recovered: 0 };
                for _ in 0..RECONNECTS {
                    for _ in 0..dice.roll(120) {
                        reader.read();
                    }
                    reader.come_back(&mut dice);
                }
                done.fetch_add(1, Ordering::AcqRel);
                while reader.read() {}
                results.lock().unwrap().push((rooms, reader.got, reader.recovered));
            });
        }
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let (main, done) = (&main, &done);
                scope.spawn(move || publish(main, publisher, done))
            })
            .collect();
        let sent = publishers.into_iter().flat_map(|it| it.join().unwrap()).collect();
        main.emit("end", &1).unwrap();
        sent
    });
    let results = results.into_inner().unwrap();
    let (mut owed, mut lost, mut doubled, mut reordered, mut leaked, mut recovered) =
        (0, 0, 0, 0, 0, 0);
    for (rooms, got, came_back) in &results {
        let mine: HashSet<(usize, u64)> = sent
            .iter()
            .filter(|sent| sent.is_for(rooms))
            .map(|sent| (sent.publisher, sent.n))
            .collect();
        let seen: HashSet<(usize, u64)> = got.iter().map(|(p, n, _)| (*p, *n)).collect();
        owed += mine.len();
        lost += mine.difference(&seen).count();
        leaked += seen.difference(&mine).count();
        doubled += got.len() - seen.len();
        reordered += got.windows(2).filter(|pair| pair[0].2 >= pair[1].2).count();
        for publisher in 0..PUBLISHERS {
            let of: Vec<u64> = got.iter().filter(|g| g.0 == publisher).map(|g| g.1).collect();
            reordered += of.windows(2).filter(|pair| pair[0] >= pair[1]).count();
        }
        recovered += came_back;
    }
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{} reconnects, {recovered} recovered; {} events in {seconds:.1} s, {owed} owed: \
         {lost} lost, {doubled} doubled, {reordered} reordered, {leaked} leaked",
        CLIENTS * RECONNECTS,
        sent.len()
    );
    assert_eq!(results.len(), CLIENTS);
    assert_eq!(recovered, CLIENTS * RECONNECTS);
    assert_eq!((lost, doubled, reordered, leaked), (0, 0, 0, 0));
    assert!(owed > 10_000, "{owed}");
    // Nothing is left of them all.
    eventually(WAIT, || match (main.sockets_len(), main.rooms().len()) {
        (0, 0) => Ok(()),
        left => Err(format!("{left:?} sockets and rooms")),
    });
}
