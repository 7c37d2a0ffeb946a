//! What is known of one person.

use super::base;
use crate::{
    cluster::{PresenceView, Scope, Status},
    redis::{Redis, RedisError, cmd},
    time::Timestamp,
};

/// What is known of a person in a scope; for whoever only asks.
///
/// # Errors
/// Redis does not answer.
pub async fn seen(redis: &Redis, scope: Scope, person: &str) -> Result<PresenceView, RedisError> {
    view(redis, &base(redis, scope), person).await
}

/// The record's fields, when the person was last there, and Redis's time.
type Answers = (Vec<(String, String)>, Option<f64>, (u64, u64));

pub(super) async fn view(
    redis: &Redis,
    base: &str,
    person: &str,
) -> Result<PresenceView, RedisError> {
    let mut both = crate::redis::pipe();
    both.add_command(cmd("HGETALL").arg(format!("{base}:u:{person}")).to_owned());
    both.add_command(cmd("ZSCORE").arg(format!("{base}:gone")).arg(person).to_owned());
    both.add_command(cmd("TIME"));
    let (record, gone, time): Answers = redis.pipeline(&both).await?;
    let now = time.0.saturating_mul(1_000).saturating_add(time.1 / 1_000);
    let seen = record.iter().find(|(field, _)| field == "seen").and_then(|(_, at)| at.parse().ok());
    let held = record.iter().filter(|(field, _)| field.starts_with("h:"));
    let counts = held.filter_map(|(_, sockets)| sockets.split(' ').next()?.parse::<usize>().ok());
    let (status, last_seen) = if record.is_empty() {
        (Status::Offline, gone.map(whole))
    } else {
        (Status::Online, Some(seen.unwrap_or(now)))
    };
    Ok(PresenceView {
        user_id: person.to_owned(),
        status,
        last_seen: last_seen.map(Timestamp::from_unix_ms),
        sockets: counts.sum(),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times since 1970 in milliseconds are whole numbers far below 2^53"
)]
fn whole(score: f64) -> u64 {
    score as u64
}
