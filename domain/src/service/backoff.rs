//! Trying a commit again that lost a race with another replica.

use std::time::Duration;

use crate::error::Refusal;

/// Pauses between tries: longer each time, and by chance, so that two replicas do not meet again.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

/// Races that one commit may lose: among ten replicas all at one record, a try succeeds every tenth
/// time at worst.
const TRIES: u32 = 50;

/// The longest pause.
const PAUSE_MAX: u64 = 50;

impl Backoff {
    /// Waits before the next try.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`] after too many.
    pub(crate) async fn wait(&mut self) -> Result<(), Refusal> {
        self.0 += 1;
        if self.0 > TRIES {
            return Err(Refusal::Unavailable { retry_after: Duration::from_secs(1) });
        }
        let mut chance = [0];
        // Without chance the pause is only less well chosen.
        let _ = getrandom::fill(&mut chance);
        let longest = (1_u64 << self.0.min(6)).min(PAUSE_MAX);
        let pause = longest * (u64::from(chance[0]) + 1) / 256;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
