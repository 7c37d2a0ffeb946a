//! Thousands of clients in one thread: websocket only, with recovery as the official client does it, and the same log.
//!
//! ```text
//! connection  one websocket: handshake, packets, pings
//! log         lines for tests/python/audit.py
//! ```
//!
//! For high counts only; what the official client does is shown with the official client.

mod connection;
mod log;

use crate::process::{Failure, Outcome};
use connection::{Connection, Lost};
use log::Log;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What all clients are told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Be connected and listen.
    Listen,
    /// Drop the connection at once, without a word, and stay away.
    Away,
    /// As [`Order::Listen`], but the first so many stop reading.
    Deaf(usize),
    /// Write the last line and end.
    End,
}

/// Who they are and where they go.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ports of the loopback, taken in turn.
    pub ports: Vec<u16>,
    /// Tokens of their users, in turn.
    pub tokens: Vec<String>,
    /// Rooms (`request-…`), one for each client in turn.
    pub rooms: Vec<String>,
    /// How many.
    pub count: usize,
    /// So many of the first have a receive window of 4 KiB.
    pub narrow: usize,
    /// New connections a second, at the start.
    pub pace: u32,
    /// Pauses before a reconnect: the first, and the longest; doubled in between, half of it by chance.
    pub delay: (Duration, Duration),
}

/// The clients; they end with their owner.
#[derive(Debug)]
pub struct Crowd {
    order: watch::Sender<Order>,
    board: Arc<Board>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What they count together.
#[derive(Debug, Default)]
struct Board {
    /// Clients that are connected and in their room.
    inside: AtomicUsize,
    /// Audit events that came, to all together.
    events: AtomicU64,
    /// From publishing (`at`) to arriving, in microseconds, of clients that never go deaf.
    latencies: Mutex<Vec<u64>>,
}

impl Crowd {
    /// Starts them; their log is `clients-light.jsonl` in a folder.
    ///
    /// # Errors
    /// When the log cannot be written or the thread not be started.
    pub fn start(options: Options, logs: &Path) -> Outcome<Self> {
        let log = Log::create(&logs.join("clients-light.jsonl"))
            .map_err(|error| Failure::new(format!("the log of light clients: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("light clients: {error}")))?;
        let (order, orders) = watch::channel(Order::Listen);
        let board = Arc::<Board>::default();
        let theirs = Arc::clone(&board);
        let thread = std::thread::spawn(move || {
            runtime.block_on(live(options, Arc::new(log), theirs, orders));
        });
        Ok(Self { order, board, thread: Some(thread) })
    }

    /// Gives an order.
    pub fn order(&self, order: Order) {
        self.order.send_replace(order);
    }

    /// Clients that are connected and in their room now.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.board.inside.load(Relaxed)
    }

    /// Audit events so far, all clients together.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.board.events.load(Relaxed)
    }

    /// The latencies since this was asked last, in microseconds, sorted.
    #[must_use]
    pub fn take_latencies(&self) -> Vec<u64> {
        let mut latencies = self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut *latencies);
        drop(latencies);
        taken.sort_unstable();
        taken
    }

    /// Waits until so many are inside; how long it took.
    ///
    /// # Errors
    /// When they are not in time.
    pub fn wait_inside(&self, count: usize, limit: Duration) -> Outcome<Duration> {
        wait(limit, || self.inside() >= count).ok_or_else(|| {
            Failure::new(format!("{} of {count} light clients are in", self.inside()))
        })
    }

    /// Waits until so many events came; how long it took.
    ///
    /// # Errors
    /// When they are not there in time.
    pub fn wait_events(&self, count: u64, limit: Duration) -> Outcome<Duration> {
        wait(limit, || self.events() >= count)
            .ok_or_else(|| Failure::new(format!("{} of {count} events came", self.events())))
    }

    /// Ends them; their log is complete then.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.order(Order::End);
        if let Some(thread) = self.thread.take() {
            // A panic there has lost the log's end, which the audit sees.
            let _ = thread.join();
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.end();
    }
}

fn wait(limit: Duration, done: impl Fn() -> bool) -> Option<Duration> {
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(begin.elapsed())
}

async fn live(options: Options, log: Arc<Log>, board: Arc<Board>, orders: watch::Receiver<Order>) {
    let options = Arc::new(options);
    let mut clients = JoinSet::new();
    let mut clock = tokio::time::interval(Duration::from_secs(1) / options.pace.max(1));
    for number in 0..options.count {
        clock.tick().await;
        let client = Client {
            name: format!("l{number}"),
            number,
            options: Arc::clone(&options),
            log: Arc::clone(&log),
            board: Arc::clone(&board),
            orders: orders.clone(),
            pid: None,
            offset: None,
            joined: false,
            up: false,
            inside: false,
            tries: 0,
        };
        clients.spawn(client.live());
    }
    while clients.join_next().await.is_some() {}
}

struct Client {
    name: String,
    number: usize,
    options: Arc<Options>,
    log: Arc<Log>,
    board: Arc<Board>,
    orders: watch::Receiver<Order>,
    /// The recovery id and the last offset, as the official client keeps them.
    pid: Option<String>,
    offset: Option<String>,
    joined: bool,
    up: bool,
    /// Whether the board counts it.
    inside: bool,
    tries: u32,
}

/// Longest silence of a server: its ping interval and timeout, and some more.
const SILENCE: Duration = Duration::from_secs(50);

/// From the connect to the join's answer.
const ENTER: Duration = Duration::from_secs(20);

impl Client {
    async fn live(mut self) {
        loop {
            let order = *self.orders.borrow_and_update();
            match order {
                Order::End => break,
                Order::Away => {
                    let _ = self.orders.changed().await;
                    continue;
                }
                Order::Listen | Order::Deaf(_) => {}
            }
            let lost = self.connected().await;
            if std::mem::take(&mut self.inside) {
                self.board.inside.fetch_sub(1, Relaxed);
            }
            if std::mem::take(&mut self.up) {
                if *self.orders.borrow() == Order::End {
                    self.up = true;
                    break;
                }
                self.log.line(&self.name, "down", &[Value::from(lost.to_string())]);
            }
            if !matches!(lost, Lost::Ordered) {
                sleep(self.pause()).await;
            }
        }
        self.log.line(&self.name, "end", &[Value::from(self.up)]);
    }

    fn pause(&mut self) -> Duration {
        let (first, longest) = self.options.delay;
        let pause = first.saturating_mul(1 << self.tries.min(10)).min(longest);
        self.tries += 1;
        // Spread without a generator of chance: clients differ by their number.
        let spread = u32::try_from(self.number.wrapping_mul(7919) % 1000).unwrap_or(0);
        pause / 2 + pause * spread / 2000
    }

    /// One connection, to its end.
    async fn connected(&mut self) -> Lost {
        let port =
            self.options.ports.get((self.number + self.tries as usize) % self.options.ports.len());
        let address = SocketAddr::from(([127, 0, 0, 1], port.copied().unwrap_or_default()));
        let narrow = self.number < self.options.narrow;
        let entering = async {
            let mut connection = Connection::open(address, narrow).await?;
            self.enter(&mut connection).await?;
            Ok(connection)
        };
        let mut connection = match timeout(ENTER, entering).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(lost)) => return lost,
            Err(_) => return Lost::Silent,
        };
        self.tries = 0;
        let mut orders = self.orders.clone();
        loop {
            let order = *orders.borrow_and_update();
            let is_deaf = match order {
                Order::Away | Order::End => return Lost::Ordered,
                Order::Deaf(count) => self.number < count,
                Order::Listen => false,
            };
            tokio::select! {
                biased;
                _ = orders.changed() => {}
                packets = timeout(SILENCE, connection.receive()), if !is_deaf => match packets {
                    Ok(Ok(packets)) => {
                        for packet in packets {
                            if let Err(lost) = self.take(&packet) { return lost; }
                        }
                    }
                    Ok(Err(lost)) => return lost,
                    Err(_) => return Lost::Silent,
                },
            }
        }
    }

    /// CONNECT, and the room where the session is a new one.
    async fn enter(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        let tokens = &self.options.tokens;
        let token = tokens.get(self.number % tokens.len().max(1)).cloned().unwrap_or_default();
        let mut auth = serde_json::json!({ "token": token });
        if let (Some(pid), Some(auth)) = (&self.pid, auth.as_object_mut()) {
            auth.insert("pid".to_owned(), Value::from(pid.clone()));
            if let Some(offset) = &self.offset {
                auth.insert("offset".to_owned(), Value::from(offset.clone()));
            }
        }
        connection.send(&format!("40{auth}")).await?;
        while !self.up {
            for packet in connection.receive().await? {
                self.take(&packet)?;
            }
        }
        if self.joined {
            self.enter_room();
            return Ok(());
        }
        let rooms = &self.options.rooms;
        let room = rooms.get(self.number % rooms.len().max(1)).cloned().unwrap_or_default();
        self.log.line(&self.name, "join", &[Value::from(room.clone())]);
        let id = room.trim_start_matches("request-");
        connection.send(&format!("420{}", serde_json::json!(["join-request-room", id]))).await?;
        while !self.joined {
            for packet in connection.receive().await? {
                if packet.starts_with("430[") {
                    if !packet.contains("\"ok\":true") {
                        return Err(Lost::Refused(packet));
                    }
                    self.joined = true;
                    self.log.line(&self.name, "joined", &[Value::from(room.clone())]);
                    self.enter_room();
                } else {
                    self.take(&packet)?;
                }
            }
        }
        Ok(())
    }

    fn enter_room(&mut self) {
        self.inside = true;
        self.board.inside.fetch_add(1, Relaxed);
    }

    /// A packet behind the Engine.IO type: `40{…}`, `42[…]`.
    fn take(&mut self, packet: &str) -> Result<(), Lost> {
        if let Some(event) = packet.strip_prefix("42") {
            self.event(event);
        } else if let Some(connect) = packet.strip_prefix("40") {
            let connect: Value = serde_json::from_str(connect).unwrap_or_default();
            let pid = connect.get("pid").and_then(Value::as_str).map(str::to_owned);
            let recovered = pid.is_some() && pid == self.pid;
            self.pid = pid;
            if !recovered {
                self.joined = false;
            }
            self.up = true;
            self.log.line(&self.name, "up", &[Value::from(recovered), Value::from("websocket")]);
        } else if packet.starts_with("44") || packet.starts_with("41") {
            self.log.line(&self.name, "refused", &[Value::from(packet)]);
            return Err(Lost::Refused(packet.to_owned()));
        }
        Ok(())
    }

    fn event(&mut self, text: &str) {
        let args: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        // As the official client: the last argument, where it is a string and recovery is on.
        if let (Some(Value::String(offset)), true) = (args.last(), self.pid.is_some()) {
            self.offset = Some(offset.clone());
        }
        let [Value::String(name), first, ..] = args.as_slice() else { return };
        let field = |name: &str| first.get(name).cloned().unwrap_or_default();
        match name.as_str() {
            "audit" => {
                let line = ["p", "n", "crc", "room", "pad"].map(field);
                self.log.line(&self.name, "event", &line);
                self.board.events.fetch_add(1, Relaxed);
                let at = first.get("at").and_then(Value::as_f64);
                if let (Some(at), true) = (at, self.number >= self.options.narrow) {
                    self.note_latency(at);
                }
            }
            "connected" => {
                let line = [field("recovered"), field("reason")];
                self.log.line(&self.name, "hello", &line);
            }
            _ => {}
        }
    }

    /// `at` is the publisher's clock, ms since the epoch; one machine, one clock.
    fn note_latency(&self, at: f64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let late = Duration::try_from_secs_f64((now.as_secs_f64() - at / 1e3).max(0.0));
        let micros = u64::try_from(late.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
        self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
    }
}

/// Rooms by number, as `join-request-room` names them.
#[must_use]
pub fn rooms(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("request-{number}"))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}
