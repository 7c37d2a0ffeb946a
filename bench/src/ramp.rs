//! Opens connections at a pace, and gives each client to its virtual user.

use std::{future::Future, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    client::{Client, ClientError},
    target::Target,
};

/// How many, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    /// Clients.
    pub clients: usize,
    /// New connections a second, at most.
    pub per_second: u32,
}

/// Why not all clients are connected.
#[derive(Debug, thiserror::Error)]
pub enum RampError {
    /// A client was not let in.
    #[error("connecting, with {connected} connected: {error}")]
    Client {
        /// How many were connected.
        connected: usize,
        /// What happened to the next.
        error: ClientError,
    },
    /// A task panicked.
    #[error(transparent)]
    Task(#[from] JoinError),
}

/// What a client says with its CONNECT.
#[derive(Clone, Debug, Serialize)]
pub struct Auth {
    /// The room that the server's application puts it into.
    pub room: String,
}

impl Auth {
    /// For this room.
    pub fn room(room: impl Into<String>) -> Self {
        Self { room: room.into() }
    }
}

/// Handshakes under way at one time: a server that is slower than the pace is waited for.
const UNDER_WAY: usize = 128;

impl Ramp {
    /// Connects the clients and runs a user for each; ready when all are connected.
    ///
    /// # Errors
    ///
    /// A client was not let in; those that were are dropped. [`Client::connect`] has a deadline, so
    /// this ends.
    pub async fn connect<T, Fut>(
        &self,
        target: &Arc<Target>,
        auth: &Auth,
        user: impl Fn(Client) -> Fut,
    ) -> Result<JoinSet<T>, RampError>
    where
        T: Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let (mut users, mut connecting) = (JoinSet::new(), JoinSet::new());
        let auth = Arc::new(auth.clone());
        let start = Instant::now();
        let mut tell_at = start + Duration::from_secs(1);
        for number in 0..self.clients {
            let pause = Duration::from_secs(1) / self.per_second.max(1);
            sleep_until(start + pause * u32::try_from(number).unwrap_or(u32::MAX)).await;
            let (target, auth) = (Arc::clone(target), Arc::clone(&auth));
            connecting.spawn(async move { Client::connect(&target, &*auth).await });
            while let Some(client) = ended(&mut connecting, UNDER_WAY).await {
                users.spawn(user(connected(client, users.len())?));
            }
            if Instant::now() >= tell_at {
                tell_at += Duration::from_secs(1);
                eprintln!("{} of {} connected", users.len(), self.clients);
            }
        }
        while let Some(client) = connecting.join_next().await {
            users.spawn(user(connected(client, users.len())?));
        }
        Ok(users)
    }
}

/// The next task that has ended; waits for it only where `max` are running.
async fn ended<T: 'static>(tasks: &mut JoinSet<T>, max: usize) -> Option<Result<T, JoinError>> {
    if tasks.len() >= max { tasks.join_next().await } else { tasks.try_join_next() }
}

fn connected(
    client: Result<Result<Client, ClientError>, JoinError>,
    connected: usize,
) -> Result<Client, RampError> {
    client?.map_err(|error| RampError::Client { connected, error })
}
