//! Clients that listen in one room, and what they have seen together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, ClientError},
    payload,
    ramp::{Auth, Ramp, RampError},
    record::{Faults, Sequence},
    target::Target,
};

/// The room that everyone listens in.
pub const ROOM: &str = "crowd";

/// Connected clients in [`ROOM`].
#[derive(Debug)]
pub struct Crowd {
    members: JoinSet<Sequence>,
    board: Arc<Board>,
    stop: CancellationToken,
}

/// What all members count on. One thread runs them all, so the order of memory does not matter.
#[derive(Debug)]
pub struct Board {
    members: u64,
    /// Members that have each of the outstanding broadcasts, by its number modulo the window.
    arrived: Box<[AtomicU64]>,
    completed: AtomicU64,
    delivered: AtomicU64,
    pings: AtomicU64,
    disconnects: AtomicU64,
    progress: Notify,
}

impl Crowd {
    /// Connects the members. At most `window` broadcasts may be outstanding at a time.
    ///
    /// # Errors
    ///
    /// As for [`Ramp::connect`].
    pub async fn connect(
        target: &Arc<Target>,
        ramp: &Ramp,
        window: usize,
    ) -> Result<Self, RampError> {
        let board = Arc::new(Board {
            members: u64::try_from(ramp.clients).unwrap_or(u64::MAX),
            arrived: (0..window.max(1)).map(|_| AtomicU64::new(0)).collect(),
            completed: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            pings: AtomicU64::new(0),
            disconnects: AtomicU64::new(0),
            progress: Notify::new(),
        });
        let stop = CancellationToken::new();
        let member = |client| listen(client, Arc::clone(&board), stop.clone());
        let members = ramp.connect(target, &Auth::room(ROOM), member).await?;
        Ok(Self { members, board, stop })
    }

    /// What the members count on.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Ends all members; their faults together, where each should have got `sent` broadcasts.
    pub async fn finish(mut self, sent: u64) -> Faults {
        // The members only have to be scheduled once; one that panicked has lost everything.
        const DEADLINE: Duration = Duration::from_secs(20);
        self.stop.cancel();
        let mut faults = Faults::default();
        let all = async {
            while let Some(member) = self.members.join_next().await {
                faults.add(member.unwrap_or_default().faults(sent));
            }
        };
        // What is not there in time has lost everything too.
        if timeout(DEADLINE, all).await.is_err() {
            let late = u64::try_from(self.members.len()).unwrap_or(u64::MAX);
            faults.lost += late.saturating_mul(sent.max(1));
        }
        faults
    }
}

impl Board {
    /// How many members there are.
    pub fn members(&self) -> u64 {
        self.members
    }

    /// Broadcasts that every member has.
    pub fn completed(&self) -> u64 {
        self.completed.load(Relaxed)
    }

    /// Broadcasts that may be outstanding.
    pub fn window(&self) -> u64 {
        u64::try_from(self.arrived.len()).unwrap_or(u64::MAX)
    }

    /// Events that came, to all members together.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// Pings that were answered.
    pub fn pings(&self) -> u64 {
        self.pings.load(Relaxed)
    }

    /// Members that lost their connection.
    pub fn disconnects(&self) -> u64 {
        self.disconnects.load(Relaxed)
    }

    /// Waits for the next completed broadcast.
    ///
    /// # Cancel safety
    ///
    /// A completion that nobody waits for is told to the next who does.
    pub async fn progress(&self) {
        self.progress.notified().await;
    }

    /// A member has a broadcast, for the first time.
    fn arrived(&self, number: u64) {
        let slot = usize::try_from(number % self.window()).unwrap_or_default();
        let Some(slot) = self.arrived.get(slot) else {
            return;
        };
        if slot.fetch_add(1, Relaxed) + 1 == self.members {
            slot.store(0, Relaxed);
            self.completed.fetch_add(1, Relaxed);
            self.progress.notify_one();
        }
    }
}

/// Listens until the end, or until the connection is lost.
async fn listen(client: Client, board: Arc<Board>, stop: CancellationToken) -> Sequence {
    let mut sequence = Sequence::default();
    let hearing = hear(client, &board, &mut sequence);
    let lost = tokio::select! {
        biased;
        lost = hearing => lost,
        () = stop.cancelled() => None,
    };
    if let Some(error) = lost
        && board.disconnects.fetch_add(1, Relaxed) == 0
    {
        eprintln!("a client is lost: {error}");
    }
    sequence
}

/// Notes broadcasts and answers pings; ends with the connection.
async fn hear(mut client: Client, board: &Board, sequence: &mut Sequence) -> Option<ClientError> {
    loop {
        let received = client
            .receive(|packet| {
                let Some(number) = payload::number(packet) else {
                    return;
                };
                board.delivered.fetch_add(1, Relaxed);
                if sequence.note(number) {
                    board.arrived(number);
                }
            })
            .await;
        match received {
            Ok(received) => board.pings.fetch_add(received.pings, Relaxed),
            Err(error) => return Some(error),
        };
    }
}
