//! One client that publishes to the crowd, in a room of its own.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::{Client, ClientError},
    crowd::{Board, ROOM},
    payload,
    ramp::Auth,
    record::Latencies,
    target::Target,
};

/// Keeps a number of broadcasts outstanding: the next goes out when the oldest is with everyone.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    board: Arc<Board>,
    sent: u64,
    /// When each outstanding broadcast was sent, the oldest first.
    started: VecDeque<Instant>,
    latencies: Latencies,
    pings: u64,
}

/// Why publishing came to a stop.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The publisher lost its connection.
    #[error("the publisher: {0}")]
    Client(#[from] ClientError),
    /// No broadcast has reached everyone for a long time.
    #[error("no broadcast reached everyone within {} s; is the server's limit on events off?", STALL.as_secs())]
    Stalled,
}

/// Longest time between two broadcasts that reach everyone.
const STALL: Duration = Duration::from_secs(15);

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    ///
    /// As for [`Client::connect`].
    pub async fn connect(target: &Target, board: &Arc<Board>) -> Result<Self, ClientError> {
        Ok(Self {
            client: Client::connect(target, &Auth::room("publisher")).await?,
            board: Arc::clone(board),
            sent: 0,
            started: VecDeque::new(),
            latencies: Latencies::default(),
            pings: 0,
        })
    }

    /// Broadcasts sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Pings that were answered.
    pub fn pings(&self) -> u64 {
        self.pings
    }

    /// The times from a publish until the last member had it, since this was called last.
    pub fn take_latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.latencies)
    }

    /// Publishes as long as `more` says so of the number sent so far, with the crowd's window
    /// outstanding, then waits until everyone has everything.
    ///
    /// # Errors
    ///
    /// The connection is lost, or 15 s passed in which no broadcast reached everyone.
    pub async fn publish(&mut self, mut more: impl FnMut(u64) -> bool) -> Result<(), PublishError> {
        let mut stalled_at = Instant::now() + STALL;
        loop {
            let now = Instant::now();
            let outstanding = self.sent - self.board.completed();
            while u64::try_from(self.started.len()).unwrap_or(u64::MAX) > outstanding {
                let started = self.started.pop_front().unwrap_or(now);
                self.latencies.note(now - started);
                stalled_at = now + STALL;
            }
            while self.started.len() < self.window() && more(self.sent) {
                let object = payload::object(self.sent);
                let packet = format!(r#"2["publish",{{"room":"{ROOM}","data":{object}}}]"#);
                self.client.queue(&packet);
                self.started.push_back(now);
                self.sent += 1;
            }
            self.client.flush()?;
            if self.started.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = self.board.progress() => {}
                received = self.client.receive(|_| {}) => self.pings += received?.pings,
                () = sleep_until(stalled_at) => return Err(PublishError::Stalled),
            }
        }
    }

    /// Answers pings until then.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub async fn rest(&mut self, until: Instant) -> Result<(), PublishError> {
        loop {
            tokio::select! {
                received = self.client.receive(|_| {}) => self.pings += received?.pings,
                () = sleep_until(until) => return Ok(()),
            }
        }
    }

    fn window(&self) -> usize {
        usize::try_from(self.board.window()).unwrap_or(usize::MAX)
    }
}
